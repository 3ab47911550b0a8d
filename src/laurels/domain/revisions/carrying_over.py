"""A progress that was folded by one rulebook, carried over to another one that measures other things.

Most measures are the same in both and keep their numbers. Only those that the first rulebook did not count must be
counted from the ledger's events.
"""

from __future__ import annotations

from laurels.domain.progress import Part, Progress
from laurels.domain.rules.badges.awards import badges_of
from laurels.domain.rules.badges.measures import EventMeasure
from laurels.domain.rules.rulebook import Rulebook


class CarryOver:
    """From progress folded by the rules `before` to the measures of the rules `after`.

    `known`: by index in `after`, the measure of `before` with the same number, as far as that one counts. `lacking`:
    the measures of events whose numbers must be counted from the ledger. `is_exact`: everything else in a progress is
    the same by both rules, so that `carry` gives exactly what folding by `after` gives.
    """

    def __init__(self, before: Rulebook, after: Rulebook) -> None:
        self.before = before
        self.after = after
        self.is_exact = before.folding_version == after.folding_version
        self.known: dict[int, EventMeasure] = {}
        self.lacking: list[EventMeasure] = []
        for key, measure in after.measures.items():
            if not isinstance(measure, EventMeasure):
                continue
            held = before.measures.get(key)
            # Without named types a measure counts all types of its rulebook.
            if not isinstance(held, EventMeasure) or (
                before.event_types_of[held.index] != after.event_types_of[measure.index]
            ):
                self.lacking.append(measure)
                continue
            self.known[measure.index] = held
            if held.top != measure.top and not measure.is_total:
                # With a lower or higher target, the parts are kept differently.
                self.lacking.append(measure)
        lacking = {measure.index for measure in self.lacking}
        # By badge, the measures of held badges that count it.
        self._counted_by = {
            badge.id: [measure.index for measure in after.badge_measures[badge.id]] for badge in after.badges
        }
        self._kept = [(index, held.index) for index, held in self.known.items() if index not in lacking]

    def carry(self, progress: Progress, counted: Progress) -> None:
        """Make a progress one of the rules `after`; `counted` has the numbers of the `lacking` measures."""
        values: dict[int, int] = {}
        parts: dict[int, dict[int, Part]] = {}
        moves = [(index, progress, held) for index, held in self._kept]
        moves += [(measure.index, counted, measure.index) for measure in self.lacking]
        for index, source, held in moves:
            if held in source.measure_values:
                values[index] = source.measure_values[held]
            if held in source.parts:
                parts[index] = source.parts[held]
        values |= self.badge_numbers(progress)
        progress.measure_values, progress.parts = values, parts
        progress.version = self.after.measures_version

    def badge_numbers(self, progress: Progress) -> dict[int, int]:
        """The values of the measures of held badges, by index; none that is 0."""
        numbers: dict[int, int] = {}
        for badge_id in badges_of(progress.awards):
            for index in self._counted_by.get(badge_id, ()):
                numbers[index] = numbers.get(index, 0) + 1
        return numbers
