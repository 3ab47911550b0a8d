"""Reads of boards: pages, ranks, and the top of a board as bytes."""
