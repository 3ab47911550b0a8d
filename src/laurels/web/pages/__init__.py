"""The pages, one file for each kind: from what the queries answer to values of a template."""
