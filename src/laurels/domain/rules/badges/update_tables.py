"""Which measures an event changes: by its type, by the hour of the week, and by a text in its metadata.

Every event goes through these tables, so what cannot change is left out of its way as early as possible.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from laurels.domain.progress import Progress
from laurels.domain.rules.badges.criteria import Metadata, Moment
from laurels.domain.rules.badges.measures import EventMeasure, MeasureUpdate


class UpdateTables:
    """`by_type` has the updates for every event of a type. `by_hour` has those that ask for no more than when an event
    of whatever type was, by the hour of the week, from Monday on: the first event in an hour tells them all."""

    def __init__(self, event_types: Iterable[str]) -> None:
        self.by_type: dict[str, list[MeasureUpdate]] = {name: [] for name in event_types}
        self.by_hour: list[list[MeasureUpdate]] = [[] for _ in range(7 * 24)]
        # By the event type and the key in its metadata, and then by the text there.
        self._by_text: dict[tuple[str, str], dict[str, list[MeasureUpdate]]] = {}

    def add(self, measure: EventMeasure, event_types: Collection[str]) -> None:
        """Add a measure that events of these types change. Call this when all of its targets are known."""
        if measure.asks_only_when and event_types == self.by_type.keys():
            for updates, of_hour in zip(self.by_hour, measure.hourly_updates(), strict=True):
                if of_hour is not None:
                    updates.append(of_hour)
            return
        found = measure.update_by_text()
        if found is None:
            update = measure.update()
            for event_type in event_types:
                self.by_type[event_type].append(update)
            return
        key, texts, update = found
        for event_type in event_types:
            by_text = self._by_text.get((event_type, key))
            if by_text is None:
                by_text = self._by_text[event_type, key] = {}
                self.by_type[event_type].append(_one_of(key, by_text))
            for text in texts:
                by_text.setdefault(text, []).append(update)


def _one_of(key: str, updates: Mapping[str, Sequence[MeasureUpdate]]) -> MeasureUpdate:
    """The updates by the text under `key`. However many measures ask for other texts, they cost an event one look."""

    def update_by_text(progress: Progress, metadata: Metadata, moment: Moment, reached: list[int]) -> None:
        text = metadata.get(key)
        if type(text) is str and text in updates:
            for update in updates[text]:
                update(progress, metadata, moment, reached)

    return update_by_text
