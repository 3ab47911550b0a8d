"""Everything that brings events from elsewhere.

`laurels import` (`command.py`): `event_lines.py` reads the input as lines, `formats.py` makes JSON of a CSV row,
`sorting.py` sorts the lines by user, `pipeline.py` hands them to workers (`worker.py`), and `shares.py` makes events of
them. `laurels import --from-mongo` (`mongodb.py`) takes over an older database: `migration.py`.
"""
