"""`laurels verify` finds what does not follow from the ledger; `laurels rebuild` makes it follow again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run, event, ledger, ndjson, rows
from tests.packed_projections import LINES, changed_line, number_of

EVENTS = [event(number) for number in range(400)]


@pytest.fixture(autouse=True)
def _recorded(run: Run, store_url: str) -> None:
    assert run("import", "-", "--store", store_url, stdin=ndjson(EVENTS)).code == 0


class TestVerify:
    def test_a_sound_store_is_clean(self, run: Run, store_url: str) -> None:
        done = run("verify", "--store", store_url)
        assert (done.code, done.err) == (0, "")
        assert done.out.splitlines()[0].startswith("7 users, 400 entries, 400 events, ")
        assert done.out.splitlines()[1:] == ["clean"]

    @pytest.mark.parametrize(
        ("tampering", "told"),
        [
            (
                "UPDATE ledger SET body = packed(json_set(readable(body), '$.outcome.points', 500)) "
                "WHERE user_id = 'user-3' AND seq = 9",
                "user 'user-3', entry 9: recorded outcome",
            ),
            ("DELETE FROM ledger WHERE user_id = 'user-2' AND seq = 5", "user 'user-2', entry 6: the entry before it"),
            (changed_line("user-1", "all", "json_set(lines, path || '[0]', 1)"), "board all"),
            (f"UPDATE standings SET points = 1 WHERE board = {number_of('all')}", "board 'all': its counts"),
            ("UPDATE counts SET users = users + 1 WHERE board = 'all' AND level = 0", "board 'all': its counts"),
            ("UPDATE counts SET users = users + 1 WHERE board = 'all' AND level = 4", "board 'all': its counts"),
            (
                "UPDATE holders SET users = users - 1 WHERE badge = 'first_run'",
                "badge 'first_run': its holders",
            ),
            ("DELETE FROM counts WHERE board = 'all' AND level = 6", "board 'all': its counts"),
            ("INSERT INTO counts VALUES ('nowhere', 0, 5, 1)", "board 'nowhere': its counts"),
            (
                "UPDATE progress SET state = CAST(json_object('userId', user_id, 'version', version, 'totalPoints', 1) "
                "AS BLOB) WHERE user_id = 'user-4'",
                "totalPoints",
            ),
        ],
    )
    def test_a_tampered_database_is_found_out(
        self, run: Run, store_url: str, database: Path, tampering: str, told: str
    ) -> None:
        rows(database, tampering)
        done = run("verify", "--store", store_url)
        assert done.code == 1
        assert told in done.err
        assert done.out.splitlines()[-1].endswith((" difference", " differences"))

    def test_an_entry_that_cannot_be_read_is_one_sentence(self, run: Run, store_url: str, database: Path) -> None:
        rows(database, "UPDATE ledger SET body = CAST('{broken' AS BLOB) WHERE user_id = 'user-3' AND seq = 9")
        done = run("verify", "--store", store_url)
        assert (done.code, len(done.err.splitlines())) == (2, 1)

    def test_many_differences_are_counted_and_the_first_are_shown(
        self, run: Run, store_url: str, database: Path
    ) -> None:
        rows(database, "UPDATE ledger SET body = packed(json_set(readable(body), '$.outcome.level', 77))")
        done = run("verify", "--store", store_url)
        assert done.code == 1
        assert len(done.err.splitlines()) == 51
        shown, total = done.err.splitlines()[-1], done.out.splitlines()[-1]
        assert total == "400 differences"
        assert shown == "and 350 more"

    def test_a_rulebook_that_is_not_there(self, run: Run, store_url: str) -> None:
        assert run("verify", "--store", store_url, "--rulebook", "nowhere.toml").code == 2


class TestRebuild:
    def test_it_makes_the_projections_again_and_leaves_the_ledger(
        self, run: Run, store_url: str, database: Path
    ) -> None:
        before, entries = rows(database, LINES), ledger(database)
        rows(database, "UPDATE standings SET points = 1; DELETE FROM progress WHERE user_id > 'user-3'")
        assert run("verify", "--store", store_url).code == 1
        done = run("rebuild", "--store", store_url)
        assert (done.code, done.out, done.err) == (0, "Rebuilt the projections of 7 users.\n", "")
        assert rows(database, LINES) == before
        assert ledger(database) == entries
        assert run("verify", "--store", store_url).code == 0

    def test_it_counts_again(self, run: Run, store_url: str, database: Path) -> None:
        counts = "SELECT * FROM counts ORDER BY 1, 2, 3"
        before = rows(database, counts)
        rows(database, "UPDATE counts SET users = users + 1 WHERE level = 1")
        assert run("verify", "--store", store_url).code == 1
        assert run("rebuild", "--store", store_url).code == 0
        assert run("verify", "--store", store_url).code == 0
        assert rows(database, counts) == before
