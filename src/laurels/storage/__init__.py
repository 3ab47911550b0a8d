"""Adapters behind `laurels.application.ports.store.Store`, unaware of each other."""
