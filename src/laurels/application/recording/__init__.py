"""The way of events into the ledger and from there into the projections."""
