"""Fills a store with invented learners."""
