"""`laurels rulebook`: what a rulebook says, what another one would bring, and putting that one in force."""
