"""The rulebook, compiled for the engine: checked for consistency, with every badge's criterion tied to measures.

Adding a badge is adding data: nothing here or elsewhere knows a badge by name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from hashlib import blake2b
from itertools import islice

import msgspec
from msgspec import UNSET

from laurels.domain.boards.user_patterns import matcher_of
from laurels.domain.ledger.entries import Award
from laurels.domain.periods import day_in_zone, day_of
from laurels.domain.progress import SNAPSHOT_FORMAT, Progress
from laurels.domain.rules.badges.awards import award_id_of, badge_and_period
from laurels.domain.rules.badges.criteria import (
    AllOf,
    AnyOf,
    Badges,
    Count,
    Criterion,
    Distinct,
    Leaf,
    Level,
    Points,
    Repeat,
    Span,
    Streak,
    Sum,
    Within,
    signature,
)
from laurels.domain.rules.badges.measures import (
    SUM_SCALE,
    EventMeasure,
    StateMeasure,
    Targets,
    measure_for,
)
from laurels.domain.rules.badges.requirements import (
    NEVER,
    AllRequirement,
    AnyRequirement,
    HeldRequirement,
    LeafRequirement,
    RepeatRequirement,
    Requirement,
)
from laurels.domain.rules.badges.tiers import expand
from laurels.domain.rules.badges.update_tables import UpdateTables
from laurels.domain.rules.board_retention import RetentionCutoff
from laurels.domain.rules.boosts import boosts_of
from laurels.domain.rules.currencies import BadgePay, given_by
from laurels.domain.rules.rulebook_data import Badge, RulebookData
from laurels.domain.rules.semantic_checks import MOST_FAULTS, rulebook_faults
from laurels.domain.rules.streak_count import StreakCount
from laurels.domain.rules.streak_rules import Unit
from laurels.errors import RulebookError


class Rulebook:
    """A checked rulebook, ready for the engine. Raises RulebookError with the keys of all mistakes.

    `only`: ids of the badges to be awarded, which are the only ones measured; None for all.
    """

    def __init__(self, data: RulebookData, *, only: Collection[str] | None = None) -> None:
        placed = expand(data)
        if faults := list(islice(rulebook_faults(data, placed), MOST_FAULTS)):
            raise RulebookError(faults[0].key, faults[0].detail, others=faults[1:])
        # Identifies this compiled form in caches that depend on it.
        self._mark = object()
        self.data = data
        self.name = data.name
        self.language = data.language
        self.event_types = data.event_types
        # Types with limits on the pay of events.
        self.limited = {name: rule for name, rule in data.event_types.items() if rule.is_limited}
        self.boosts = boosts_of(data.boosts, data.event_types)
        # Types whose pay depends on the day. A type without limits and boosts needs no check.
        self.paid_by_day = self.limited.keys() | self.boosts.keys()
        self.levels = data.levels
        # None if the rulebook has no rules for streaks: then each day costs no more than a look at the day before.
        self.streak = None if data.streak is None else StreakCount(data.streak)
        # Hours after midnight that belong to the day before.
        self.grace = 0 if data.streak is None else data.streak.grace
        self.board_zone = data.boards.zone
        # The day of an instant in the boards' calendar. Called for every event; most boards are in UTC.
        self.board_day: Callable[[int], int] = (
            day_of if self.board_zone == "UTC" else partial(day_in_zone, zone=self.board_zone)
        )
        languages = data.boards.languages
        # The languages with boards of their own; None for all.
        self.board_languages: frozenset[str] | None = (
            frozenset(languages) if isinstance(languages, list) else None if languages else frozenset()
        )
        self.has_language_boards = self.board_languages != frozenset()
        self._is_test = matcher_of(data.boards.test_users)
        # Every tier is a badge of its own here.
        self.badges = [each.badge for each in placed]
        self.badge_points = {badge.id: badge.points for badge in self.badges}
        # Of the badges that are earned between two days these days.
        self.windows = {
            badge.id: within for badge in self.badges if (within := Within.of(badge.from_day, badge.until_day))
        }
        # The currencies that events and badges give, by event type and badge; empty without currencies.
        self.currencies = data.currencies
        self.event_currencies = given_by((name, each.events) for name, each in data.currencies.items())
        self.badge_pay = BadgePay(
            self.badge_points, given_by((name, each.badges) for name, each in data.currencies.items())
        )
        # Those with boards of their own.
        self.board_currencies = frozenset(name for name, each in data.currencies.items() if each.board)
        # The ids of the repeatable badges.
        self.repeated = frozenset(badge.id for badge in self.badges if badge.repeat is not None)
        # For a badge with tiers, the ids of all its tiers, the lowest first.
        self.families = {each.badge.id: each.family for each in placed if each.family}
        # The languages of translated names and descriptions of badges and currencies.
        self.languages = frozenset(
            language for badge in self.badges for texts in (badge.names, badge.descriptions) for language in texts
        ).union(*(currency.names for currency in data.currencies.values()))
        self._positions = {badge.id: position for position, badge in enumerate(self.badges)}
        # The positions of the badges that require another badge.
        self.dependents: dict[str, list[int]] = {}
        # Every measure by its signature, and the event types that change it by its index.
        self.measures: dict[str, EventMeasure | StateMeasure] = {}
        self.event_types_of: dict[int, frozenset[str]] = {}
        self.requirements: list[Requirement] = [
            self._requirement(badge, position) if only is None or badge.id in only else NEVER
            for position, badge in enumerate(self.badges)
        ]

        self._updates = UpdateTables(data.event_types)
        self.measure_updates, self.hourly_updates = self._updates.by_type, self._updates.by_hour
        # What points and levels are asked for: one look tells all badges that an event's points bring near.
        self.points_targets = Targets()
        self.streak_measures: list[StateMeasure] = []
        self.span_measures: list[StateMeasure] = []
        self._badge_measures: list[StateMeasure] = []
        # By the id of a badge, the measures that grow when it is awarded.
        self.badge_measures: dict[str, list[StateMeasure]] = {}
        self._sort_measures()

        decisive = (
            data.event_types,
            data.levels,
            [
                (badge.id, badge.points, badge.category, badge.rarity, badge.criterion, *_conditions(badge))
                for badge in self.badges
            ],
            *self._streak_rules(),
            *self._boost_rules(),
            *self._currency_rules(),
        )
        # First the rules that decide an event's outcome, then those that decide how entries are folded. If only the
        # first change, no state need be folded again.
        self.fingerprint = _digest(msgspec.json.encode(decisive, order="deterministic"))
        # Measures of badges held keep numbers that depend on the badges' definitions when they were folded.
        counted = [(badge.id, badge.category, badge.rarity) for badge in self.badges] if self._badge_measures else []
        kept = [*self._kept_languages(), *self._kept_pay(), *self._kept_currencies(), *self._streak_rules()]
        measured = [(key, measure.top, *self._all_types(measure)) for key, measure in self.measures.items()]
        self.measures_version = _digest(
            msgspec.json.encode([SNAPSHOT_FORMAT, self.board_zone, counted, *measured, *kept])
        )
        # The same without the measures.
        self.folding_version = _digest(msgspec.json.encode([SNAPSHOT_FORMAT, self.board_zone, *kept]))

    @classmethod
    def of_json(cls, content: bytes) -> Rulebook:
        """The rulebook of data as JSON (`as_json`). Raises RulebookError."""
        try:
            return cls(msgspec.json.decode(content, type=RulebookData))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise RulebookError(
                "",
                "This version of Laurels cannot read the rulebook in force. Use the version that published it, or "
                "publish another rulebook: laurels rulebook publish FILE.",
            ) from error

    def focused_on(self, badge_ids: Collection[str]) -> Rulebook:
        """The same rules, limited to awarding these badges: quicker if only these are needed."""
        return Rulebook(self.data, only=badge_ids)

    @property
    def as_json(self) -> bytes:
        """The whole rulebook as JSON."""
        return msgspec.json.encode(self.data, order="deterministic")

    @property
    def digest(self) -> str:
        """Distinguishes this rulebook from every other one, texts included."""
        return _digest(self.as_json)

    def become(self, other: Rulebook) -> None:
        """Copy all rules of `other`, at once for all holders of this object."""
        self.__dict__ = dict(other.__dict__)

    def view(self) -> Rulebook:
        """A copy of the present rules that stays the same when this object becomes another one: for work that
        pauses."""
        made = object.__new__(type(self))
        made.__dict__ = self.__dict__
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rulebook) and self._mark is other._mark

    def __hash__(self) -> int:
        return hash(self._mark)

    def keeps_language(self, language: str) -> bool:
        """Whether there are boards for `language`, which is compared code point by code point."""
        return self.board_languages is None or language in self.board_languages

    def is_test(self, user_id: str) -> bool:
        """Whether a user is one who tests: on no board, and no part of how rare a badge is."""
        return self._is_test is not None and self._is_test(user_id) is not None

    def board_horizon(self, now: int) -> RetentionCutoff:
        """The horizon of kept boards at the instant `now`."""
        return self.data.boards.keep.horizon(self.board_day(now))

    def today(self, progress: Progress, now: int) -> int:
        """The user's day at the instant `now`, for streaks, activity and badges."""
        return progress.today(now, self.grace)

    def daily_streak(self, progress: Progress, now: int) -> int:
        """The streak at the instant `now`: days, or weeks if the rulebook counts those."""
        if self.streak is None:
            return progress.daily_streak(now)
        return self.streak.current(progress, self.today(progress, now))

    @property
    def streak_unit(self) -> Unit:
        """The unit of streaks."""
        return "day" if self.streak is None else self.streak.rules.per

    def paused_days(self, progress: Progress) -> frozenset[int]:
        """The days on which nothing is expected of the user; none where the rulebook says nothing of streaks."""
        return frozenset() if self.streak is None else self.streak.paused_days(progress)

    @property
    def own_pause_days(self) -> int:
        """How many days of a year a learner may pause by their own plan."""
        allowed = None if self.data.streak is None else self.data.streak.own_pauses
        return 0 if allowed is None else allowed.days

    def _streak_rules(self) -> list[object]:
        # Empty if there are none: see `_kept_languages`.
        return [] if self.data.streak is None else ["streak", self.data.streak]

    def _boost_rules(self) -> list[object]:
        # Empty if there are none: see `_kept_languages`.
        decisive = [(name, [each.rule for each in boosts]) for name, boosts in sorted(self.boosts.items())]
        return ["boosts", decisive] if decisive else []

    def _currency_rules(self) -> list[object]:
        # Empty if there are none: see `_kept_languages`. Their levels decide nothing.
        given = sorted(self.event_currencies.items()), sorted(self.badge_pay.currencies.items())
        return ["currencies", *given] if any(given) else []

    def _all_types(self, measure: EventMeasure | StateMeasure) -> list[list[str]]:
        # A measure without named types counts those of the rulebook: with others it is another number.
        counts_all = isinstance(measure, EventMeasure) and measure.leaf.event is None
        return [sorted(self.event_types)] if counts_all else []

    def _kept_languages(self) -> list[object]:
        # Empty if there are none: otherwise the snapshots of older rulebooks would have to be made again.
        languages = self.board_languages
        return ["languages", None if languages is None else sorted(languages)] if languages != frozenset() else []

    def _kept_pay(self) -> list[object]:
        # Without the values of limits: the kept data of a type is the same for any value.
        kept = [(name, rule.has_daily_cap, rule.cooldown is not UNSET) for name, rule in sorted(self.limited.items())]
        return ["pay", kept] if kept else []

    def _kept_currencies(self) -> list[object]:
        # Empty if there are none: see `_kept_languages`.
        return ["currency boards", sorted(self.board_currencies)] if self.board_currencies else []

    def badge(self, badge_id: str) -> Badge | None:
        """The definition of a badge, or of the badge of an award in a period; None if the rulebook no longer has it."""
        position = self._positions.get(badge_id)
        if position is None:
            position = self._positions.get(badge_and_period(badge_id)[0])
        return None if position is None else self.badges[position]

    def badge_pay_with(self, held: Mapping[str, Award]) -> BadgePay:
        """The pay of each award: for those of `held` the pay that they are held with, for others the rulebook's."""
        return self.badge_pay.with_held(held, self.repeated) if held else self.badge_pay

    def award_id_at(self, badge_id: str, progress: Progress, at: int) -> str:
        """The id of the award of a badge that the user earns at the instant `at`."""
        badge = self.badge(badge_id)
        if badge is None or badge.repeat is None:
            return badge_id
        return award_id_of(badge_id, badge.repeat, self.today(progress, at))

    def _requirement(self, badge: Badge, position: int) -> Requirement:
        within = Within.of(badge.from_day, badge.until_day)
        for required in badge.requires:
            self.dependents.setdefault(required, []).append(position)
        if badge.repeat is not None:
            return self._repeat_requirement(badge, badge.repeat, position, within)
        requirement = self._tie(badge.criterion, position, within)
        if not badge.requires:
            return requirement
        # Shown like `all`: a badge needs more than its criterion.
        parts = requirement.parts if isinstance(requirement, AllRequirement) else [requirement]
        return AllRequirement([*parts, *(HeldRequirement(required) for required in badge.requires)])

    def _repeat_requirement(
        self, badge: Badge, repeat: Repeat, position: int, within: Within | None
    ) -> RepeatRequirement:
        leaf = badge.criterion
        assert isinstance(leaf, Count | Distinct | Sum)  # noqa: S101  `rulebook_faults` has asked
        key = "repeat " + signature(leaf, within)
        measure = self.measures.get(key)
        if measure is None:
            measure = EventMeasure(len(self.measures), leaf, within, is_repeated=True)
            self._keep(key, measure, leaf)
        assert isinstance(measure, EventMeasure)  # noqa: S101  no other has such a key
        threshold = leaf.target * measure.scale
        measure.add_target(threshold, position)
        return RepeatRequirement(badge.id, repeat, measure, leaf.target, threshold, badge.requires)

    def _keep(self, key: str, measure: EventMeasure | StateMeasure, leaf: Leaf) -> None:
        self.measures[key] = measure
        if isinstance(leaf, Count | Distinct | Sum):
            named = [leaf.event] if isinstance(leaf.event, str) else leaf.event
            self.event_types_of[measure.index] = frozenset(self.event_types if named is None else named)

    def _tie(self, criterion: Criterion, badge: int, within: Within | None) -> Requirement:
        if isinstance(criterion, AllOf):
            return AllRequirement([self._tie(part, badge, within) for part in criterion.of])
        if isinstance(criterion, AnyOf):
            return AnyRequirement([self._tie(part, badge, within) for part in criterion.of])
        key = signature(criterion, within)
        measure = self.measures.get(key)
        if measure is None:
            measure = measure_for(len(self.measures), criterion, within)
            self._keep(key, measure, criterion)
        threshold = criterion.target
        if isinstance(criterion, Sum):
            threshold *= SUM_SCALE
        elif isinstance(criterion, Level):
            threshold = self.levels.start_of(criterion.target) or 0
        measure.add_target(threshold, badge)
        return LeafRequirement(criterion, measure, threshold)

    def _sort_measures(self) -> None:
        for measure in self.measures.values():
            if isinstance(measure, EventMeasure):
                self._updates.add(measure, self.event_types_of[measure.index])
                continue
            match measure.leaf:
                case Points() | Level():
                    for target, badges in measure.badges_at.items():
                        for badge in badges:
                            self.points_targets.add_target(target, badge)
                case Streak():
                    self.streak_measures.append(measure)
                case Span():
                    self.span_measures.append(measure)
                case Badges():
                    self._badge_measures.append(measure)
        for badge in self.badges:
            self.badge_measures[badge.id] = [
                measure
                for measure in self._badge_measures
                if isinstance(measure.leaf, Badges)
                and measure.leaf.category in (None, badge.category)
                and measure.leaf.rarity in (None, badge.rarity)
            ]


def _conditions(badge: Badge) -> list[object]:
    # Empty if there are none: see `_kept_languages`.
    asked = [badge.requires, badge.from_day, badge.until_day]
    return [*([asked] if any(asked) else []), *(["repeat"] if badge.repeat is not None else [])]


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=6).hexdigest()
