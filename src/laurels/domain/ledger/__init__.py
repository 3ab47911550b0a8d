"""The ledger: its entries, and the values that they carry."""
