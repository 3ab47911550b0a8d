"""Maintenance of a store: publishing, backfills, corrections, verifying, rebuilding, auditing and diagnosing."""
