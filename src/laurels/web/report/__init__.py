"""The report of a learner as a PDF, and the year in review."""
