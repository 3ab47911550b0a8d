"""Proving, rebuilding and auditing what a store holds."""
