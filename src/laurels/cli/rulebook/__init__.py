"""`laurels rulebook`: shows rulebooks, previews the effect of a new one, and publishes it."""
