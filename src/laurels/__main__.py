"""`python -m laurels`: the same as the `laurels` script, for use when that is not on the path."""

from laurels.cli import main

main()
