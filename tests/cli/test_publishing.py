"""`laurels rulebook diff`, `preview` and `publish`: a new badge from its file to learners who meet it already."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from laurels.bootstrap import open_service
from tests.changed_rulebook import CODING, SECOND_RUN
from tests.cli.conftest import Run


@pytest.fixture
async def book(tmp_path: Path) -> str:
    """A file with one badge more, beside a store in which ada meets it and bob does not."""
    (tmp_path / "new.toml").write_text(CODING + SECOND_RUN)
    async with open_service(f"sqlite:///{tmp_path / 'laurels.db'}", publish=True) as laurels:
        for user_id, day in (("ada", 1), ("ada", 2), ("bob", 1)):
            at = datetime(2026, 3, day, 12, tzinfo=UTC)
            await laurels.record(user_id, "code_run", event_id=f"e{day}", timestamp=at)
    return "new.toml"


def test_from_the_file_to_learners(run: Run, book: str) -> None:
    shown = run("rulebook", "diff", book)
    assert shown.code == 0
    assert "badges.second_run" in shown.out
    [changed] = json.loads(run("rulebook", "diff", book, "--json").out)
    assert (changed["key"], changed["was"], changed["becomes"]["points"]) == ("badges.second_run", None, 7)
    previewed = json.loads(run("rulebook", "preview", book, "--json").out)
    [badge] = [each for each in previewed["badges"] if each["badgeId"] == "second_run"]
    assert (badge["wouldEarn"], badge["samples"][0]["userId"]) == (1, "ada")
    table = run("rulebook", "preview", book).out
    assert "  second_run        0           1  2026-03\n" in table
    assert "Held by nobody, before or after: " in table
    assert "A backfill would take about 1 second." in table

    done = run("rulebook", "publish", book, "--backfill")
    assert (done.code, done.err) == (0, "")
    assert "Version 2 of the rulebook coding is in force." in done.out
    assert "1 badge awarded" in done.out
    assert "Twice" in run("users", "show", "ada").out
    assert run("verify").out.endswith("clean\n")
    again = run("rulebook", "publish", book, "--backfill")
    assert (again.code, "0 badges awarded" in again.out) == (0, True)
    assert "Version 2 of the rulebook coding is in force already." in again.out
    assert "awarded\n\n" not in again.out, "a table without rows"
    assert "No learner would get a badge" in run("rulebook", "preview", book).out
    assert "says what the store runs" in run("rulebook", "diff", book).out
    assert "second_run" in run("rulebook", "show").out


def test_a_publication_says_how_its_badges_reach_those_who_meet_them_already(run: Run, book: str) -> None:
    refused = run("rulebook", "publish", book, "--notify", "each")
    assert (refused.code, refused.out) == (2, "")
    assert "--backfill" in refused.err
    done = run("rulebook", "publish", book)
    assert "Version 2 of the rulebook coding is in force." in done.out
    assert "publish again with --backfill" in done.out
    again = run("rulebook", "publish", book)
    assert again.out == "Version 2 of the rulebook coding is in force already.\n"


def test_points_of_the_past_are_counted_anew_where_that_is_asked_for(run: Run, book: str, tmp_path: Path) -> None:
    (tmp_path / book).write_text(CODING.replace("points = 5\n", "points = 50\n", 1))
    assert json.loads(run("rulebook", "preview", book, "--json").out)["repointed"] == 0
    previewed = json.loads(run("rulebook", "preview", book, "--repoint", "--json").out)
    assert (previewed["repointed"], previewed["repointedPoints"], previewed["levelsChanged"]) == (2, 3 * 45, 1)
    assert "+135 points by counting anew, of 2 learners" in run("rulebook", "preview", book, "--repoint").out
    done = run("rulebook", "publish", book, "--repoint")
    assert (done.code, done.err) == (0, "")
    assert "points of 2 learners counted anew" in done.out
    assert "130" in run("users", "show", "ada").out
    assert run("verify").out.endswith("clean\n")
    assert "points of 0 learners counted anew" in run("rulebook", "publish", book, "--repoint").out


def test_a_command_with_another_rulebook_says_so_and_stops(run: Run, book: str) -> None:
    for command in (("verify",), ("rebuild",), ("serve", "--port", "0"), ("import", "-")):
        done = run(*command, "--rulebook", book)
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
        assert "This store runs version 1 of the rulebook 'coding'" in done.err
        assert "laurels rulebook publish" in done.err


def test_a_broken_one_is_not_published(run: Run, book: str, tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text(CODING + SECOND_RUN.replace("common", "frequent"))
    for command in ("diff", "publish"):
        done = run("rulebook", command, "broken.toml")
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("broken.toml:")


def test_nothing_is_made_where_there_is_no_store(run: Run, tmp_path: Path) -> None:
    (tmp_path / "new.toml").write_text(CODING + SECOND_RUN)
    for command in ("diff", "preview", "publish"):
        done = run("rulebook", command, "new.toml")
        assert (done.code, done.out) == (2, "")
        assert f"There is no database at sqlite:///{tmp_path}/laurels.db" in done.err
    assert run("rulebook", "show").code == 0
    assert not (tmp_path / "laurels.db").exists()
