"""One module per subject, each with `run`: measure, and return the figures."""
