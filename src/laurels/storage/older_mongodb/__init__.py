"""Reads the database of the platform that people migrate from."""
