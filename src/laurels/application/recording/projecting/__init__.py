"""Projecting: bringing boards and snapshots up to date with the ledger, behind the commits."""
