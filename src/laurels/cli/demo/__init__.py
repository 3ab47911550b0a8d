"""Filling a store with invented learners."""
