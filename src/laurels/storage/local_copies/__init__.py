"""Copies of the store's data on the local disk, for the time when the store is away."""
