"""The way into the ledger and from there into the projections."""
