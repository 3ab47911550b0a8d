"""`laurels retract` and `laurels award`: what they change, and that they change it once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from laurels.bootstrap import open_service
from laurels.rulebooks.loader import load_rulebook
from laurels.testing.builders import small_rulebook
from tests.cli.conftest import Run


@pytest.fixture
async def made(run: Run, tmp_path: Path) -> Run:
    """Runs commands on a store in which ada has run code twice."""
    async with open_service(f"sqlite:///{tmp_path / 'laurels.db'}", publish=True) as laurels:
        for day in (1, 2):
            at = datetime(2026, 3, day, 12, tzinfo=UTC)
            await laurels.record("ada", "code_run", event_id=f"e{day}", timestamp=at)
    return run


def test_an_event_is_retracted_once(made: Run) -> None:
    done = made("retract", "ada", "e2", "--reason", "A script made it.")
    assert (done.code, done.out) == (0, "The event e2 of ada no longer counts: 5 points less. 15 points in all.\n")
    assert made("retract", "ada", "e2", "--reason", "Again.").out.startswith("Nothing changed: this was done before.")
    assert "A script made it." in made("users", "data", "ada").out
    assert "retraction of e2" in made("users", "show", "ada").out
    assert made("verify").out.endswith("clean\n")


def test_a_badge_is_granted_and_taken_back(made: Run) -> None:
    grant = ("award", "grant", "ada", "mentor", "--reason", "Led the course.", "--earned-at")
    assert "zone" in made(*grant, "yesterday").err
    done = made(*grant, "2026-03-02T09:00:00Z")
    assert (done.code, done.out.startswith("ada holds mentor")) == (0, True)
    assert "Nothing changed" in made(*grant, "2026-03-02T09:00:00Z").out
    revoked = made("award", "revoke", "ada", "mentor", "--reason", "By mistake.")
    assert revoked.out.startswith("ada no longer holds mentor: ")
    shown = made("users", "show", "ada").out
    assert "award (grant)" in shown
    assert "Mentor (-100)" in shown
    assert made("verify").out.endswith("clean\n")


async def test_a_badge_that_may_be_earned_again_is_granted_and_taken_back_by_its_week(run: Run, tmp_path: Path) -> None:
    rules = load_rulebook("school")
    async with open_service(f"sqlite:///{tmp_path / 'laurels.db'}", rulebook=rules, publish=True) as laurels:
        await laurels.record("ada", "question_asked", timestamp=datetime(2026, 3, 2, 12, tzinfo=UTC))
    grant = run("award", "grant", "ada", "full_week", "--reason", "On paper.", "--earned-at", "2026-03-04T12:00:00Z")
    assert (grant.code, grant.out) == (0, "ada holds full_week@2026-W10. 26 points in all.\n")
    refused = run("award", "revoke", "ada", "full_week", "--reason", "By mistake.")
    assert (refused.code, "name which, as in full_week@2026-W10." in refused.err) == (2, True)
    revoked = run("award", "revoke", "ada", "full_week@2026-W10", "--reason", "By mistake.")
    assert revoked.out == "ada no longer holds full_week@2026-W10: 25 points less. 1 point in all.\n"


async def test_two_ids_of_one_person_become_one(made: Run, tmp_path: Path) -> None:
    async with open_service(f"sqlite:///{tmp_path / 'laurels.db'}") as laurels:
        for event_id, language in (("e1", "c"), ("e9", "go")):
            at = datetime(2026, 3, 3, 12, tzinfo=UTC)
            await laurels.record("old", "code_run", {"language": language}, event_id=event_id, timestamp=at)
        await laurels.record("shown", "code_run", event_id="e1")
        await laurels.change_profile("old", {"visibility": "alias", "alias": "Fox"})
    merge = ("users", "merge", "old", "ada", "--reason", "Signed up twice.")
    done = made(*merge)
    assert done.out == "old is merged into ada: 2 events. 75 points in all.\n"
    assert "1 event got a new id: ada had another event under it." in done.err
    assert "old was not shown by name on boards; ada is" in done.err
    assert "by name" not in made("users", "merge", "shown", "ada", "--reason", "Signed up twice.").err
    assert made(*merge).out == "Nothing changed: old is already merged into ada. 80 points in all.\n"
    shown = made("users", "show", "old").out
    assert "Merged into ada" in shown
    assert "Signed up twice." in shown
    assert made("verify").out.endswith("clean\n")


def test_what_is_not_there_is_told_in_one_sentence(made: Run) -> None:
    for arguments, told in (
        (("retract", "ada", "nothing", "--reason", "r"), "no event with this"),
        (("award", "grant", "ada", "nothing", "--reason", "r"), "no badge"),
        (("award", "revoke", "ada", "mentor", "--reason", "r"), "does not hold"),
        (("retract", "ada", "e1", "--reason", " "), "reason"),
    ):
        done = made(*arguments)
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
        assert told in done.err


async def test_a_streak_is_repaired_once(run: Run, tmp_path: Path) -> None:
    rules = small_rulebook(streak={"repair": {"within": 5, "price": 4}})
    today = datetime.now(UTC).replace(hour=12)
    async with open_service(f"sqlite:///{tmp_path / 'laurels.db'}", rulebook=rules, publish=True) as laurels:
        for ago in (4, 2):
            await laurels.record("ada", "talk", timestamp=today - timedelta(days=ago))
    missed = f"{today - timedelta(days=3):%Y-%m-%d}"
    done = run("streak", "repair", "ada", missed)
    assert (done.code, done.out.startswith(f"{missed} of ada is repaired for 4 points. The streak is ")) == (0, True)
    assert "Nothing changed" in run("streak", "repair", "ada", missed).out
    assert "not over" in run("streak", "repair", "ada", f"{today + timedelta(days=2):%Y-%m-%d}").err
    assert run("verify").out.endswith("clean\n")
