"""Leaderboards: the order of their lines, and the ranges of points in which they are counted."""
