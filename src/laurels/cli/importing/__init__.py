"""Everything that brings events from elsewhere.

`laurels import` (`command.py`): `input_lines.py` reads the input as lines, `formats.py` makes JSON of a CSV row,
`sorting.py` sorts the lines by user, `pipeline.py` hands them to workers (`worker.py`), and `worker_tasks.py` makes
events of them. `laurels import --from-mongo` (`mongodb.py`) takes over an older database: `migration.py`.
"""
