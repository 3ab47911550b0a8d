"""Checks everything that a service needs."""
