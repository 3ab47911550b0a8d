"""Imports events from elsewhere: files of our own format or of other platforms, and an older database.

For `laurels import` (`command.py`), `input_lines.py` reads the input as lines and `formats.py` converts a CSV row to
JSON. Then `sorting.py` sorts the lines by user, `pipeline.py` passes them to workers (`worker.py`), and
`worker_tasks.py` converts them to events. `laurels import --from-mongo` (`mongodb.py`) takes over an older database:
`migration.py`.
"""
