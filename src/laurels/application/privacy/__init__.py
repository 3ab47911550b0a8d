"""Deletion, retention and the export of personal data."""
