"""Mappings: each says which columns of another platform's data become which fields of events.

A mapping is a TOML file, one of those in `kinds/` or the user's own. Its keys are in `document.py`, the rules among
them in `consistency.py`, and `loader.py` reads it. `mapper.py` makes an event of each row, from the values that
`values.py` and `timestamps.py` read; `records.py` has the rows of an input. `report.py` prints the results. No code
here knows a platform by name.
"""
