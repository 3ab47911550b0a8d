"""The needs of the use cases from outside, one small protocol per concern."""
