"""Adapters behind `laurels.application.ports.Store`, unaware of each other."""
