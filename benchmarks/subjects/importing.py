"""`laurels import` as a whole process, against a bare insert of the very rows that it makes."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import apsw

from benchmarks.bench import HISTORY_EVENTS, HISTORY_USERS, Bench, remove_database
from benchmarks.figures import Figure, Ratio, in_turns

ROUNDS = 3
BATCH = 1_000

Row = tuple[Any, ...]


def run(bench: Bench) -> list[Figure]:
    """Events per second of both in turns. The import reads, checks, decides and projects; the floor only writes."""
    events = bench.size(HISTORY_EVENTS)
    file = bench.history
    # The first import is not measured: it gives the rows that the floor writes, and the database for others.
    schema, rows = ledger_of(bench.imported)
    if len(rows) != events:
        raise RuntimeError(f"{len(rows):,} of {events:,} events were imported.")

    costs: dict[str, list[float]] = {"floor": [], "ours": []}

    def ours() -> float:
        database = bench.folder / "import.db"
        try:
            spent = bench.laurels("import", str(file), store=database)
            costs["ours"].append(1e6 * spent.cpu / events)
            return events / spent.seconds
        finally:
            remove_database(database)

    def floor() -> float:
        database = bench.folder / "bare.db"
        cpu = process_time()
        try:
            seconds = insert_bare(database, schema, rows)
            costs["floor"].append(1e6 * (process_time() - cpu) / events)
            return events / seconds
        finally:
            remove_database(database)

    rates = in_turns({"floor": floor, "ours": ours}, bench.rounds(ROUNDS))
    return [
        Figure(
            "import",
            f"laurels import, {events:,} events of {bench.size(HISTORY_USERS):,} users",
            f"{median(rates['ours']):,.0f}/s",
            f"{median(rates['floor']):,.0f}/s",
            Ratio.of(rates["ours"], rates["floor"]),
            ">= 25,000/s",
        ),
        Figure(
            "import",
            "processor time of an event, all threads",
            f"{median(costs['ours']):.0f} us",
            f"{median(costs['floor']):.0f} us",
            Ratio.of(costs["ours"], costs["floor"]),
        ),
    ]


def ledger_of(database: Path) -> tuple[list[str], list[Row]]:
    """The statements that make the ledger's table and indexes, and its rows in order of writing."""
    connection = apsw.Connection(str(database))
    try:
        made = connection.execute(
            "SELECT sql FROM sqlite_schema WHERE tbl_name = 'ledger' AND sql IS NOT NULL ORDER BY rowid"
        )
        schema = [str(sql) for (sql,) in made]
        rows = list(connection.execute("SELECT user_id, seq, event_id, recorded_at, body FROM ledger ORDER BY pos"))
        return schema, rows
    finally:
        connection.close()


def insert_bare(database: Path, schema: list[str], rows: list[Row]) -> float:
    """Seconds to write the rows as durably as Laurels does, a thousand in a transaction."""
    connection = apsw.Connection(str(database))
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -65536")
        for statement in schema:
            connection.execute(statement)
        insert = "INSERT INTO ledger (user_id, seq, event_id, recorded_at, body) VALUES (?,?,?,?,?)"
        started = perf_counter()
        for first in range(0, len(rows), BATCH):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, rows[first : first + BATCH])
            connection.execute("COMMIT")
        return perf_counter() - started
    finally:
        connection.close()
