"""Reads of learners: progress, dashboards, history, and the list of users."""
