"""What other platforms have, as events: a mapping says which of their columns becomes which field.

A mapping is a file of TOML, one of those in `kinds/` or the user's own; its keys are in `document.py`, what must hold
among them in `consistency.py`, and `loader.py` reads it. `mapper.py` makes an event of each row by what `values.py` and
`timestamps.py` read from it; `records.py` has the rows of an input. `report.py` tells what it came to. No code here
knows a platform by name.
"""
