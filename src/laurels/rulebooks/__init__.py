"""Rulebook files and the loader that turns them into checked rulebooks."""
