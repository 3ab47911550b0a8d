"""Which measures an event changes: however they are looked up, each is changed by the events that it counts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from laurels.domain.progress import Progress
from laurels.domain.rules.badges.criteria import Criterion, moment_in
from laurels.domain.rules.badges.measures import EventMeasure
from laurels.domain.rules.badges.update_tables import UpdateTables

TYPES = frozenset({"run", "talk"})
DAY = 739_000

LEAVES: list[dict[str, Any]] = [
    {"kind": "count", "where": {"language": "go"}},
    {"kind": "count", "where": {"metadata.language": ["rust", "go", "go"]}},
    {"kind": "count", "where": {"language": "go", "size": {"min": 5}}},
    {"kind": "count", "where": {"size": {"min": 5}, "role": "mentor"}},
    {"kind": "sum", "field": "size", "where": {"role": "mentor"}},
    {"kind": "count", "per": "day", "where": {"language": "go"}},
    {"kind": "distinct", "field": "size", "where": {"role": ["mentor", "guest"]}},
    {"kind": "distinct", "field": "day", "where": {"language": "go"}},
    {"kind": "count", "where": {"language": ["go", 1]}},
    {"kind": "count", "where": {"deep.language": "go"}},
]
EVENTS: list[dict[str, Any]] = [
    {},
    {"language": "go", "size": 7},
    {"language": "go", "size": 2, "role": "mentor"},
    {"language": "rust", "size": 9, "role": "guest"},
    {"language": 1, "deep": {"language": "go"}},
    {"language": ["go"], "role": {"go": 1}, "size": "7"},
    {"role": "mentor", "size": 6},
]


def measures(*leaves: dict[str, Any]) -> list[EventMeasure]:
    made = [EventMeasure(index, msgspec.convert({"target": 2, **leaf}, Criterion)) for index, leaf in enumerate(leaves)]
    for measure in made:
        measure.add_target(2, measure.index)
    return made


def count(progress: Progress, tables: UpdateTables, event_type: str, metadata: dict[str, Any]) -> set[int]:
    reached: list[int] = []
    for update in tables.by_type[event_type]:
        update(progress, metadata, moment_in(DAY, 12), reached)
    return set(reached)


def test_each_measure_counts_as_it_does_alone() -> None:
    together, alone = Progress(user_id="ada", version=""), Progress(user_id="ada", version="")
    tables, updates = UpdateTables(TYPES), [each.update() for each in measures(*LEAVES)]
    for measure in measures(*LEAVES):
        tables.add(measure, TYPES)
    for metadata in EVENTS:
        reached: list[int] = []
        for update in updates:
            update(alone, metadata, moment_in(DAY, 12), reached)
        assert count(together, tables, "run", metadata) == set(reached)
        assert together == alone
    assert len(together.measure_values) == len(LEAVES)


@pytest.mark.parametrize("measured", [1, 50])
def test_measures_of_other_texts_cost_an_event_one_look(measured: int) -> None:
    tables = UpdateTables(TYPES)
    for measure in measures(*({"kind": "count", "where": {"tag": f"t{n}"}} for n in range(measured))):
        tables.add(measure, {"run"})
    assert [len(tables.by_type[name]) for name in ("run", "talk")] == [1, 0]
    progress = Progress(user_id="ada", version="")
    assert count(progress, tables, "run", {"tag": "other"}) == set()
    assert progress.measure_values == {}
