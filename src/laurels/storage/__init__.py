"""Adapters behind `laurels.application.ports.store.Store`, independent of each other."""
