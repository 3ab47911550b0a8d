"""`python -m laurels`: the same as the `laurels` script, for where that is not on the path."""

from laurels.cli import main

main()
