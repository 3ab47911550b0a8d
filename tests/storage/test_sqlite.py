"""What is special about the SQLite store: its file, its schema, and several processes on it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec
import pytest
from msgspec.structs import replace

from laurels import StoreError, StoreIncompatible, StoreUnavailable
from laurels.application.maintenance.verification import verify
from laurels.application.ports.boards import Holder
from laurels.application.ports.snapshots import Projection
from laurels.bootstrap import open_service, open_store, store_exists
from laurels.domain.boards.point_ranges import LEVELS
from laurels.domain.ledger.entries import Award, EntryBody
from laurels.storage.sqlite import SQLiteStore
from laurels.storage.sqlite import database as database_module
from laurels.storage.sqlite.projections import boards, counts, holders, snapshots
from laurels.storage.sqlite.schema import MIGRATIONS, teach
from laurels.testing.builders import NOON, VERSION, card, event_entry, history, progress, project, standing
from tests.packed_projections import number_of

# Processes that open one new file after another, each at the same moment, and append to it.
OPEN_AT_ONCE = """
import asyncio, multiprocessing, sys
from pathlib import Path
from laurels.storage.sqlite import SQLiteStore
from laurels.testing.builders import event_entry

async def append(path, name):
    store = await SQLiteStore.open(path)
    assert await store.ledger.append([event_entry(name, 1)]) == frozenset()
    await store.close()

def work(barrier, folder, files, name):
    try:
        for number in range(files):
            barrier.wait()
            asyncio.run(append(Path(folder) / f"{number}.db", name))
    except BaseException:
        barrier.abort()
        raise

folder, files, processes = sys.argv[1], *map(int, sys.argv[2:])
context = multiprocessing.get_context("fork")
barrier = context.Barrier(processes)
running = [context.Process(target=work, args=(barrier, folder, files, f"user {n}")) for n in range(processes)]
for process in running:
    process.start()
for process in running:
    process.join()
sys.exit(any(process.exitcode for process in running))
"""

# The kernel refuses to let any file grow past the limit, as a full disk would.
RECORD_UNTIL_FULL = """
import asyncio, resource, sys
from laurels import StoreUnavailable
from laurels.bootstrap import open_service

async def main(url, limit):
    refused = 0
    async with open_service(url) as laurels:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
        for number in range(400):
            try:
                await laurels.record("ada", "code_run", {"text": "x" * 2000}, event_id=f"e{number}")
            except StoreUnavailable:
                refused += 1
            else:
                print(f"e{number}", flush=True)
    sys.exit(0 if refused else "the disk never was full")

asyncio.run(main(*sys.argv[1:]))
"""


def start(program: str | Path, *arguments: object) -> subprocess.Popen[str]:
    """A Python process with its pipes; `program` is a file, or the text of one."""
    command = [str(program)] if isinstance(program, Path) else ["-c", program]
    return subprocess.Popen(
        [sys.executable, *command, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], say: str = "") -> str:
    """What the process printed until it ended well."""
    said, complaint = process.communicate(say, timeout=120)
    assert process.returncode == 0, complaint
    return said


def _make(connection: apsw.Connection, version: int) -> None:
    """Make an empty database of an older version."""
    teach(connection)
    for step in MIGRATIONS[:version]:
        connection.execute(step)
    connection.execute(f"PRAGMA user_version = {version}")


def _json(body: EntryBody) -> str:
    return msgspec.json.encode(body).decode()


class TestSchema:
    """Making the tables, and refusing what others made."""

    async def test_processes_that_open_a_new_file_at_once_make_its_tables_once(self, tmp_path: Path) -> None:
        files, processes = 20, 6
        finish(start(OPEN_AT_ONCE, tmp_path, files, processes))
        for number in range(files):
            store = await SQLiteStore.open(tmp_path / f"{number}.db")
            assert await store.ledger.users() == [f"user {n}" for n in range(processes)]
            await store.close()

    async def test_a_database_of_a_newer_version_is_refused_and_left_alone(self, database: Path) -> None:
        await (await SQLiteStore.open(database)).close()
        connection = apsw.Connection(str(database))
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        connection.close()
        with pytest.raises(StoreIncompatible, match="newer"):
            await SQLiteStore.open(database)
        connection = apsw.Connection(str(database))
        assert connection.execute("PRAGMA user_version").fetchall() == [(len(MIGRATIONS) + 1,)]
        connection.close()

    async def test_every_version_can_be_brought_up_to_date(self, database: Path) -> None:
        for version in range(len(MIGRATIONS) + 1):
            path = database.with_name(f"version {version}.db")
            connection = apsw.Connection(str(path))
            _make(connection, version)
            connection.close()
            assert await store_exists(f"sqlite:///{path}") is (version > 0)
            store = await SQLiteStore.open(path)
            assert await store.ledger.append(history()) == frozenset()
            await store.close()

    async def test_entries_of_before_are_packed_and_stay_what_they_were(self, database: Path) -> None:
        entries = history("ada", 3)
        kept = [(each.user_id, each.seq, each.event_id, each.recorded_at, _json(each.body)) for each in entries]
        connection = apsw.Connection(str(database))
        _make(connection, 15)
        connection.executemany(
            "INSERT INTO ledger (user_id, seq, event_id, recorded_at, body) VALUES (?, ?, ?, ?, ?)", kept
        )
        connection.close()
        store = await SQLiteStore.open(database)
        assert await store.ledger.entries("ada") == entries
        assert await store.ledger.append(entries) == {"ada"}
        mark = (await store.ledger.written_since("0:0", 100)).next
        connection = apsw.Connection(str(database))
        assert connection.execute("SELECT DISTINCT hex(substr(body, 1, 1)) FROM ledger").fetchall() == [("02",)]
        connection.execute("DELETE FROM ledger")
        connection.close()
        await store.ledger.append(history("eve", 1))
        assert (await store.ledger.written_since(mark, 100)).users == {"eve": (1, 1)}
        await store.close()

    async def test_who_stood_on_boards_before_there_were_counts_is_counted(self, database: Path) -> None:
        points = [-70, -1, 0, 5, 5, 31, 32, 4_000, 2**62]
        connection = apsw.Connection(str(database))
        _make(connection, 2)
        connection.executemany(
            "INSERT INTO standings VALUES ('all', ?, ?, 1, 0, 1)", [(f"{n}", each) for n, each in enumerate(points)]
        )
        connection.close()
        store = await SQLiteStore.open(database)
        assert await store.boards.miscounted() == []
        for asked in {*points, 1, 100}:
            assert await store.boards.count("all", above=asked) == sum(each > asked for each in points)
        await store.close()

    async def test_lines_cards_and_holders_of_before_stay_what_they_were(self, database: Path) -> None:
        connection = apsw.Connection(str(database))
        _make(connection, 17)
        ada, bob = standing("ada", 7, reached_at=9), replace(standing("bob", 8), is_shown=False)
        lines = [("all", each.user_id, each.points, 1, each.reached_at, 2, each.is_shown) for each in (ada, bob)]
        lines.append(("2026-03", "ada", 2**62, 1, 0, 2, True))
        connection.executemany("INSERT INTO standings VALUES (?, ?, ?, ?, ?, ?, ?)", lines)
        cards = [
            card("ada", earned_at=[5], is_counted=False),
            card("bob", display_name="B\N{SNOWMAN}b"),
        ]
        states = [(each.user_id, 2, VERSION, msgspec.json.encode(each).decode(), b"?") for each in cards]
        connection.executemany("INSERT INTO progress VALUES (?, ?, ?, ?, ?)", states)
        connection.execute("INSERT INTO earned VALUES ('first', 5, 'ada'); INSERT INTO counts VALUES ('all', 0, 7, 1)")
        connection.close()
        store = await SQLiteStore.open(database)
        assert await store.boards.cards(["ada", "bob"]) == {each.user_id: each for each in cards}
        assert await store.boards.standings("all", limit=9) == [ada]
        assert (await store.boards.standings("2026-03", limit=9))[0].points == 2**62
        assert await store.boards.standing("all", "ada") == ada
        assert await store.boards.first_holders("first", limit=9) == [Holder("ada", 5)]
        # A line of an older entry does not replace what was there; a later one does.
        late, later = (Projection(progress("bob", seq), {"all": standing("bob", seq)}) for seq in (1, 3))
        await store.snapshots.project([late], cards=[card("bob")])
        assert await store.boards.standing("all", "bob") is None
        await store.snapshots.project([later], cards=[card("bob")])
        assert await store.boards.standing("all", "bob") == standing("bob", 3)
        assert (await store.snapshots.projected(["bob"]))["bob"].standings == {"all": standing("bob", 3)}
        await store.close()

    async def test_a_name_whose_transaction_failed_is_numbered_again(self, database: Path) -> None:
        store = await SQLiteStore.open(database)
        connection = apsw.Connection(str(database))
        connection.execute("ALTER TABLE standings RENAME TO elsewhere")
        with pytest.raises(StoreError):
            await project(store, "ada", 1, boards=["all", "2026-03"])
        connection.execute("ALTER TABLE elsewhere RENAME TO standings; INSERT INTO names (name) VALUES ('2026-04')")
        await project(store, "ada", 1, boards=["all", "2026-03"])
        assert await store.boards.standing("all", "ada") == standing("ada")
        assert await store.boards.standings("2026-04", limit=9) == []
        assert await store.boards.miscounted() == []
        connection.close()
        await store.close()

    async def test_a_page_of_a_board_is_one_range_of_an_index(self, database: Path) -> None:
        await (await SQLiteStore.open(database)).close()
        connection = apsw.Connection(str(database))
        for statement in boards.PAGES:
            plan = str(connection.execute(f"EXPLAIN QUERY PLAN {statement}", ("all", 1, 2, "ada", 5)).fetchall())
            assert "standings USING PRIMARY KEY (board=?" in plan
            assert "TEMP B-TREE" not in plan
        connection.close()

    async def test_the_first_and_the_latest_holders_are_one_range_of_an_index(self, database: Path) -> None:
        await (await SQLiteStore.open(database)).close()
        connection = apsw.Connection(str(database))
        for statement in (holders.FIRST, holders.LATEST):
            plan = str(connection.execute(f"EXPLAIN QUERY PLAN {statement}", ("first", 5)).fetchall())
            assert "SEARCH earned USING PRIMARY KEY (badge=?)" in plan
            assert "TEMP B-TREE" not in plan
        connection.close()

    @pytest.mark.parametrize(
        ("change", "wrong"),
        [
            (f"UPDATE earned SET at = 9 WHERE badge = {number_of('first')} AND user_id = 'bob'", ["first"]),
            ("UPDATE earned SET user_id = 'cleo' WHERE user_id = 'bob'", ["first", "second"]),
            (f"DELETE FROM earned WHERE badge = {number_of('second')}", ["second"]),
            (
                "INSERT INTO names (name) VALUES ('third'); "
                f"INSERT INTO earned VALUES ({number_of('first')}, 7, 'cleo'), ({number_of('third')}, 7, 'ada')",
                ["first", "third"],
            ),
            ("UPDATE names SET name = 'third' WHERE name = 'second'", ["second", "third"]),
            ("UPDATE holders SET users = 3 WHERE badge = 'first'", ["first"]),
            ("UPDATE board_version SET number = 7", []),
        ],
    )
    async def test_a_wrong_line_of_the_holders_is_found(self, database: Path, change: str, wrong: list[str]) -> None:
        store = await SQLiteStore.open(database)
        cards = [replace(card(each), badges=["first", "second"], earned_at=[5, 6]) for each in ("ada", "bob")]
        await store.snapshots.project([Projection(progress(each.user_id), {}) for each in cards], cards=cards)
        assert await store.boards.miscounted_badges() == []
        connection = apsw.Connection(str(database))
        connection.execute(change)
        connection.close()
        assert await store.boards.miscounted_badges() == wrong
        await store.close()

    async def test_a_rank_is_one_range_of_the_index_on_each_level_and_leaves_no_empty_counts(
        self, database: Path
    ) -> None:
        store = await SQLiteStore.open(database)
        for seq, points in enumerate((5, 500, 5_000, 7), 1):
            await project(store, "ada", seq, points=points)
        await store.close()
        connection = apsw.Connection(str(database))
        assert connection.execute("SELECT count(*), min(users), max(users) FROM counts").fetchall() == [(LEVELS, 1, 1)]
        plan = connection.execute(f"EXPLAIN QUERY PLAN {counts.ABOVE}", ("all", 5)).fetchall()
        assert "SEARCH counts USING PRIMARY KEY (board=? AND level=? AND bucket>? AND bucket<?)" in str(plan)
        plan = connection.execute("EXPLAIN QUERY PLAN DELETE FROM counts WHERE users = 0").fetchall()
        assert "counts_empty" in str(plan)
        connection.close()

    async def test_ids_are_found_by_index_alone(self, database: Path) -> None:
        await (await SQLiteStore.open(database)).close()
        connection = apsw.Connection(str(database))
        for condition in ("user_id = 'a' AND seq > 1", "user_id = 'a' AND event_id = 'e'"):
            plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT body FROM ledger WHERE {condition}").fetchall()
            assert all("USING INDEX ledger_user" in str(step[3]) for step in plan)
        connection.close()


class TestFile:
    """Files that are not what they should be."""

    async def test_a_file_that_is_no_database_is_refused_and_left_alone(self, database: Path) -> None:
        database.write_text("Dear diary, " * 1_000)
        with pytest.raises(StoreIncompatible):
            await SQLiteStore.open(database)
        assert database.read_text() == "Dear diary, " * 1_000

    @pytest.mark.parametrize(
        "made_by", ["CREATE TABLE t (a)", "CREATE TABLE keys (a); PRAGMA user_version = 3", "PRAGMA application_id = 7"]
    )
    async def test_a_database_of_another_program_is_refused_and_left_alone(self, database: Path, made_by: str) -> None:
        connection = apsw.Connection(str(database))
        connection.execute(made_by)
        connection.close()
        before = database.read_bytes()
        with pytest.raises(StoreIncompatible, match="another program"):
            await SQLiteStore.open(database)
        with pytest.raises(StoreIncompatible, match="another program"):
            await store_exists(f"sqlite:///{database}")
        assert database.read_bytes() == before

    async def test_an_empty_file_is_no_database_until_a_store_is_opened_there(self, database: Path) -> None:
        database.touch()
        assert not await store_exists(f"sqlite:///{database}")
        # A first start that was killed had entered WAL mode, and made no tables.
        connection = apsw.Connection(str(database))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
        assert not await store_exists(f"sqlite:///{database}")
        await (await SQLiteStore.open(database)).close()
        assert await store_exists(f"sqlite:///{database}")

    async def test_a_folder_that_does_not_exist_is_told_without_its_path(self, tmp_path: Path) -> None:
        with pytest.raises(StoreUnavailable, match="folder") as told:
            await SQLiteStore.open(tmp_path / "secret" / "laurels.db")
        assert "secret" not in str(told.value)

    async def test_a_folder_in_which_nothing_can_be_made_is_told(self) -> None:
        with pytest.raises(StoreUnavailable):
            await SQLiteStore.open(Path("/proc/laurels.db"))

    async def test_who_is_behind_is_found_some_entries_at_a_time(
        self, database: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(snapshots, "LOOK", 3)
        store = await SQLiteStore.open(database)
        users = [f"user {number}" for number in range(8)]
        for user in users:
            await store.ledger.append(history(user, 2))
        for user in users:
            if user not in ("user 2", "user 6"):
                await project(store, user, 2)
        late = NOON + 1_000_000
        mark = "SELECT pos FROM projected"
        connection = apsw.Connection(str(database))
        assert await store.snapshots.behind(9, before=late) == ["user 2"]
        # Up to them nobody is.
        assert connection.execute(mark).fetchall() == [(3,)]
        await project(store, "user 2", 2)
        assert await store.snapshots.behind(9, before=late) == ["user 6"]
        await project(store, "user 6", 2)
        # Nothing is known of entries that are too young.
        assert await store.snapshots.behind(9, before=NOON) == []
        assert connection.execute(mark).fetchall() == [(12,)]
        assert await store.snapshots.behind(9, before=late) == []
        assert connection.execute(mark).fetchall() == [(16,)]
        await store.ledger.append([event_entry("user 0", 3)])
        assert await store.snapshots.behind(9, before=late) == ["user 0"]
        connection.close()
        await store.close()

    async def test_a_name_is_known_to_all_and_its_loss_is_told(self, database: Path) -> None:
        reader, writer = await SQLiteStore.open(database), await SQLiteStore.open(database)
        assert await reader.ledger.entries("ada") == []
        written = [event_entry("ada", 1), event_entry("ada", 2, awards=[Award("first", 5, NOON)])]
        for entry in written:
            await writer.ledger.append([entry])
            assert (await reader.ledger.entries("ada"))[-1] == entry
        # What is projected can be dropped, and names of the ledger stay.
        await writer.snapshots.clear()
        again = await SQLiteStore.open(database)
        assert await again.ledger.entries("ada") == written
        await again.close()
        with apsw.Connection(str(database)) as connection:
            connection.execute("DELETE FROM names WHERE name = 'first'")
        again = await SQLiteStore.open(database)
        with pytest.raises(StoreError):
            await again.ledger.entries("ada")
        await again.close()
        await reader.close()
        await writer.close()

    async def test_a_folder_as_the_file_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError):
            await SQLiteStore.open(tmp_path)

    async def test_a_damaged_file_raises_no_error_of_the_driver(self, database: Path) -> None:
        store = await SQLiteStore.open(database)
        await store.ledger.append(history("ada", 2_000))
        await store.close()
        damage(database)
        with pytest.raises(StoreError):
            await _open_and_read(database)

    async def test_a_file_removed_under_a_running_store_takes_no_more_acknowledged_writes(self, database: Path) -> None:
        store = await SQLiteStore.open(database)
        await store.ledger.append([event_entry("ada", 1)])
        database.rename(database.with_suffix(".moved"))
        with pytest.raises(StoreUnavailable, match="removed or replaced"):
            await store.ledger.append([event_entry("ada", 2)])
        with pytest.raises(StoreUnavailable, match="removed or replaced"):
            await store.check()
        database.touch()
        with pytest.raises(StoreUnavailable, match="removed or replaced"):
            await store.ledger.append([event_entry("ada", 3)])
        await store.close()

    async def test_a_store_whose_disk_is_full_is_not_ready_and_still_opens(
        self, database: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = await SQLiteStore.open(database)
        await store.check()
        monkeypatch.setattr(database_module, "ROOM", 2**62)
        with pytest.raises(StoreUnavailable, match="full; free some space"):
            await store.check()
        await store.close()
        # To read what is there needs no room.
        await (await SQLiteStore.open(database)).close()

    async def test_a_url_finds_files_with_awkward_names(self, tmp_path: Path) -> None:
        path = tmp_path / "a b#c%20?d\N{SNOWMAN}.db"
        store = await open_store(f"sqlite:///{tmp_path}/a%20b%23c%2520%3Fd\N{SNOWMAN}.db")
        await store.close()
        assert path.exists()

    async def test_a_commit_is_on_disk_when_it_is_acknowledged(self, database: Path) -> None:
        store = await SQLiteStore.open(database)
        levels = [await pool.run(_synchronous) for pool in (store._database.writer, store._database.projector)]
        await store.close()
        # 2 is FULL: synced at every commit. 1 is NORMAL: enough for what can be made again.
        assert levels == [2, 1]


def damage(path: Path) -> None:
    """Overwrite the middle half of a file."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4)
        file.write(b"\xff" * (size // 2))


async def _open_and_read(database: Path) -> None:
    store = await SQLiteStore.open(database)
    try:
        await store.ledger.entries("ada", limit=2_000)
    finally:
        await store.close()


def _synchronous(connection: apsw.Connection) -> object:
    return connection.execute("PRAGMA synchronous").fetchall()[0][0]


class TestLocks:
    """A file that somebody else holds."""

    async def test_a_lock_that_stays_is_told_and_what_comes_after_it_goes_on(self, database: Path) -> None:
        store = await SQLiteStore.open(database, busy_ms=50)
        holder = apsw.Connection(str(database))
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.ledger.append([event_entry()])
        with pytest.raises(StoreUnavailable):
            await store.check()
        # Readers do not wait for writers.
        assert await store.ledger.entries("ada") == []
        assert (await store.ledger.read({"ada": None}, VERSION)).later == {}
        holder.execute("ROLLBACK")
        holder.close()
        assert await store.ledger.append([event_entry()]) == frozenset()
        await project(store)
        await store.close()


class TestTwoWriters:
    """Entries and projections are written by two connections of one store."""

    async def test_a_projection_is_no_write_to_the_ledger_and_another_stores_entry_is(self, database: Path) -> None:
        one, other = await SQLiteStore.open(database), await SQLiteStore.open(database)
        await one.ledger.append(history("ada", 3))
        mark = one.mark
        await project(one, "ada", 3)
        await one.ledger.load({"ada": 3}, [], VERSION)
        await one.ledger.append([event_entry("bob", 1)])
        assert one.mark == mark
        await other.ledger.append([event_entry("cem", 1)])
        # Seen without a query, by the position of the entry after it.
        await one.ledger.append([event_entry("dan", 1)])
        assert one.mark != mark
        await one.close()
        await other.close()

    async def test_the_log_is_moved_into_the_file_when_the_turn_of_a_projection_is_over(
        self, database: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database_module, "LOG_PAGES", 1)
        sizes: list[int] = []
        give_turn = database_module.Database.write_turn

        @contextmanager
        def turn(self: database_module.Database) -> Generator[None]:
            with give_turn(self):
                yield
                sizes.append(database.stat().st_size)

        monkeypatch.setattr(database_module.Database, "write_turn", turn)
        store = await SQLiteStore.open(database)
        before = database.stat().st_size
        await project(store)
        # Of the projection, and of what was written while the log was moved.
        assert len(sizes) == 2
        assert sizes[0] == before < sizes[1]
        await store.close()

    @pytest.mark.parametrize("number", [3, 5, 1_024, 1_027])
    async def test_any_number_of_entries_is_appended_whole(self, database: Path, number: int) -> None:
        store = await SQLiteStore.open(database)
        entries = history("ada", number)
        assert await store.ledger.append(entries) == frozenset()
        assert await store.ledger.entries("ada", limit=2_000) == entries
        await store.close()


class TestProcesses:
    """Several processes on one file."""

    async def test_a_full_disk_loses_nothing_that_was_acknowledged(self, store_url: str) -> None:
        acknowledged = finish(start(RECORD_UNTIL_FULL, store_url, 400_000)).split()
        assert acknowledged
        async with open_service(store_url) as laurels:
            found = await verify(laurels.store, laurels.rulebook)
            stands = [entry.event_id for entry in await laurels.store.ledger.entries("ada")]
            # What was refused may be tried again.
            for number in range(400):
                await laurels.record("ada", "code_run", {"text": "x" * 2000}, event_id=f"e{number}")
            assert (await laurels.learners.progress("ada")).events == 400
        assert found.is_clean
        assert set(acknowledged) <= set(stands)
        assert len(stands) == len(set(stands)) < 400

    async def test_two_that_record_for_the_same_users_lose_and_double_nothing(
        self, store_url: str, processes: Path
    ) -> None:
        # Of the numbers that both have, each event is sent twice and stands once.
        program = processes / "record_under_load.py"
        running = [start(program, store_url, first, last, 8, 4) for first, last in ((1, 120), (60, 180))]
        acknowledged = [line for process in running for line in finish(process).splitlines()]
        assert Counter(Counter(acknowledged).values()) == {1: 8 * 119, 2: 8 * 61}
        async with open_service(store_url) as laurels:
            found = await verify(laurels.store, laurels.rulebook)
            users = await laurels.store.ledger.users()
            for user_id in users:
                entries = await laurels.store.ledger.entries(user_id, limit=10_000)
                outcomes = [entry.body.outcome for entry in entries]  # pyright: ignore[reportAttributeAccessIssue]
                awards = [award.badge_id for outcome in outcomes for award in outcome.awards]
                assert len(awards) == len(set(awards))
                earned = sum(outcome.points + sum(award.points for award in outcome.awards) for outcome in outcomes)
                assert (await laurels.learners.progress(user_id)).total_points == earned
                line = await laurels.store.boards.standing("all", user_id)
                assert line is not None
                assert line.points == earned
                stands = {f"{user_id} {entry.event_id}" for entry in entries}
                assert stands == {line for line in acknowledged if line.startswith(f"{user_id} ")}
                assert len(stands) == len(entries)
        assert (found.differences, found.behind, found.events, len(users)) == ([], 0, 8 * 180, 4)


class TestPlacesInTheLedger:
    """Going on from a mark when the end of the ledger was deleted, whose positions are given again."""

    async def test_nobody_is_missed_after_a_deletion(self, database: Path) -> None:
        store = await SQLiteStore.open(database)
        await store.ledger.append([*history("ada", 3), *history("bob", 5)])
        mark = (await store.ledger.written_since("0:0", 100)).next
        connection = apsw.Connection(str(database))
        connection.execute("DELETE FROM ledger WHERE user_id = 'ada'")
        assert (await store.ledger.written_since(mark, 100)).users == {}
        connection.execute("DELETE FROM ledger WHERE user_id = 'bob'")
        connection.close()
        await store.ledger.append(history("eve", 4))
        found = await store.ledger.written_since(mark, 100)
        assert found.users == {"eve": (1, 4)}
        assert (await store.ledger.written_since(found.next, 100)).users == {}
        await store.ledger.append(history("eve", 9, first=5))
        assert (await store.ledger.written_since(found.next, 100)).users == {"eve": (5, 13)}
        await store.close()


async def test_nothing_of_a_deleted_user_is_left_in_file_and_log(tmp_path: Path) -> None:
    store = await SQLiteStore.open(tmp_path / "laurels.db")
    await store.ledger.append([event_entry("the-deleted-one", number) for number in range(1, 20)])
    await store.ledger.append([event_entry("another", 1)])
    await store.tombstones.mark_deleted("the-deleted-one", 5)
    await store.tombstones.purge(["the-deleted-one"])
    # Somebody reads in the log while the tombstone closes; it is cut off when they are done.
    reader = apsw.Connection(str(tmp_path / "laurels.db"))
    reader.execute("BEGIN; SELECT * FROM ledger")
    await store.tombstones.close(["the-deleted-one"])
    assert b"the-deleted-one" in (tmp_path / "laurels.db-wal").read_bytes()
    reader.execute("COMMIT")
    reader.close()
    assert await store.tombstones.open_ids() == []
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert [name for name, content in kept.items() if b"the-deleted-one" in content] == []
    assert b"another" in kept["laurels.db"]
    await store.close()
