"""The pages, one file for each kind: they turn the results of queries into values of a template."""
