"""Each mapping that comes with Laurels, on a file of ours that looks as its platform's do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from laurels.cli.importing.mapping.loader import kinds, load_mapping
from laurels.domain.periods import iso
from laurels.rulebooks.loader import load_rulebook
from tests.cli.conftest import rows
from tests.cli.importing.mapping.imports import SAMPLE_OF, SAMPLES, imported

# Recorded, there already, rejected, passed over.
COUNTS = {
    "table": (4, 1, 2, 1),
    "moodle-log": (5, 1, 1, 2),
    "moodle-logstore": (5, 0, 1, 2),
    "github-classroom": (2, 0, 1, 2),
    "github-events": (2, 1, 0, 3),
    "trophy": (2, 1, 2, 1),
}
# One event of each, as it must stand in the ledger: whose, what, when, and its metadata.
EVENTS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "table": ("u-18", "code_run", "2026-03-02T10:02:10.000Z", {"language": "c", "codeLength": 1200}),
    "moodle-log": (
        "moodle-18",
        "tutorial_complete",
        "2026-03-03T11:40:05.000Z",
        {"context": "Course: Loops", "component": "System"},
    ),
    "moodle-logstore": (
        "moodle-18",
        "tutorial_complete",
        "2026-03-03T11:40:05.000Z",
        {"course": "4", "component": "core", "object": "31"},
    ),
    "github-classroom": (
        "u-17",
        "challenge_complete",
        "2026-03-04T18:20:00.000Z",
        {"assignment": "Count to ten", "score": 8, "outOf": 10},
    ),
    "github-events": ("u-18", "challenge_complete", "2026-03-02T10:00:00.000Z", {"repository": "class/loops"}),
    "trophy": (
        "u-17",
        "tutorial_complete",
        "2026-03-02T09:15:00.000Z",
        {"value": 1, "attributes": {"topic": "loops"}},
    ),
}


def events_in(database: Path) -> list[tuple[str, str, str, dict[str, Any]]]:
    """The events of a ledger."""
    bodies = [
        (user_id, json.loads(body))
        for user_id, body in rows(database, "SELECT user_id, readable(body) FROM ledger ORDER BY user_id, seq")
    ]
    return [(user_id, body["eventType"], iso(body["at"]), body.get("metadata", {})) for user_id, body in bodies]


def test_every_kind_has_a_sample_and_a_description() -> None:
    assert kinds() == sorted(SAMPLE_OF)
    assert all(load_mapping(kind).document.description for kind in kinds())


@pytest.mark.parametrize("kind", SAMPLE_OF)
class TestKinds:
    async def test_its_sample_is_imported_and_once(self, kind: str, tmp_path: Path) -> None:
        sample = SAMPLES / SAMPLE_OF[kind]
        first = await imported(sample, kind, tmp_path / "laurels.db")
        assert first.counts == COUNTS[kind], first.reasons
        assert sum(first.counts) == first.tally.rows
        entries = events_in(tmp_path / "laurels.db")
        assert len(entries) == first.recorded
        assert EVENTS[kind] in entries
        again = await imported(sample, kind, tmp_path / "laurels.db")
        recorded, replayed, rejected, passed_over = COUNTS[kind]
        assert again.counts == (0, recorded + replayed, rejected, passed_over)

    def test_its_event_types_are_declared_by_the_default_rulebook(self, kind: str) -> None:
        load_mapping(kind).check_types(load_rulebook().event_types)


async def test_a_mended_reject_is_an_event_as_any_other(tmp_path: Path) -> None:
    done = await imported(SAMPLES / "table.csv", "table", tmp_path / "laurels.db")
    assert [json.loads(line) for line in done.rejected] == [
        {"eventType": "left the room", "userId": "u-19", "eventId": "table:6", "timestamp": "2026-03-03T12:00:00Z"},
        {"eventType": "login", "userId": "u-19", "eventId": "table:7", "timestamp": "03.03.2026 12:01"},
    ]
    assert done.reasons[0] == '1 (line 7): eventType: The mapping has no event type for "left the room".'
    assert done.reasons[1].startswith('2 (line 8): timestamp: Must be "%Y-%m-%d %H:%M:%S" or an ISO 8601 time')
