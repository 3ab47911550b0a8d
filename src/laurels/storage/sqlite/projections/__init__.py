"""Projections: data that is computed from the ledger and can be dropped: snapshots, boards and their counts."""
