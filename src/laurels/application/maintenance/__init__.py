"""Proving, rebuilding, auditing and diagnosing a store."""
