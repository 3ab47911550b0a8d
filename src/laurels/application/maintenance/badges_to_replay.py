"""Selects the badges that a ledger's replay must check: only those that its learner may lack.

A criterion that is met stays met, so a badge with an unchanged criterion was awarded at the event that met it. The
others must be checked. These are badges that are new or that differ from a version that decided some of the ledger's
events. They are also badges that depend on points or on other badges, because any award may bring these.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from msgspec import Struct

from laurels.application.ports.store import Store
from laurels.domain.ledger.entries import Entry, EventRecorded, MergedFrom, StreakRepaired, UserMigrated
from laurels.domain.revised import Revisions, is_revision
from laurels.domain.rules.badges.criteria import Badges, Criterion, Level, Points, Repeat, Streak, leaves
from laurels.domain.rules.rulebook import Rulebook
from laurels.domain.rules.rulebook_data import Badge
from laurels.domain.rules.streak_rules import StreakRules
from laurels.errors import RulebookError

# Versions that are read: older ones are unknown, and then all badges are replayed.
_VERSIONS = 1_000


BadgeRules = Mapping[
    str, tuple[Criterion, Repeat | None, date | None, date | None, tuple[str, ...], StreakRules | None]
]
"""By badge: its criterion, the periods in which it may be earned again, the first and the last day that counts for it,
the badges it requires, and the rules for the streaks in its criterion."""


class Decisions(Struct):
    """Facts about a ledger from before its replay. `rules` are the fingerprints of the rules that decided its events
    and repairs. `is_amended`: other systems or revisions decided part of it."""

    seen: Revisions
    rules: set[str]
    seq: int = 0
    events: int = 0
    is_amended: bool = False

    def see(self, entry: Entry) -> None:
        """Read the next entry."""
        body = entry.body
        self.seq = entry.seq
        self.seen.see(entry)
        if isinstance(body, EventRecorded):
            self.events += 1
            self.rules.add(body.outcome.rules)
        elif isinstance(body, StreakRepaired):
            self.rules.add(body.rules)
        elif isinstance(body, UserMigrated | MergedFrom) or is_revision(entry):
            self.is_amended = True


class ReplaySelection:
    """Selects the rules for the replay of a learner's ledger, to find the badges of `rulebook` that they lack."""

    def __init__(self, store: Store, rulebook: Rulebook) -> None:
        self._store = store
        self.rulebook = rulebook
        # The rules of a version by fingerprint; None if the version is unknown.
        self._rules: dict[str, BadgeRules | None] = {}
        self._versions: dict[str, int] | None = None
        self._focused: dict[frozenset[str], Rulebook] = {}

    async def on(self, decisions: Decisions) -> Rulebook:
        """The rules for the replay of a ledger. Raises StoreError."""
        if decisions.is_amended:
            # Decisions of another system, and retractions, may prevent badges at other events.
            return self.rulebook
        rules = frozenset(decisions.rules)
        if rules not in self._focused:
            self._focused[rules] = await self._focus(rules)
        return self._focused[rules]

    async def _focus(self, rules: frozenset[str]) -> Rulebook:
        before: list[BadgeRules] = []
        for fingerprint in rules:
            said = await self._rules_of(fingerprint)
            if said is None:
                return self.rulebook
            before.append(said)
        return self.rulebook.focused_on(badges_to_replay(self.rulebook, before))

    async def _rules_of(self, fingerprint: str) -> BadgeRules | None:
        if fingerprint == self.rulebook.fingerprint:
            return rules_of(self.rulebook)
        if fingerprint not in self._rules:
            self._rules[fingerprint] = await self._read_rules(fingerprint)
        return self._rules[fingerprint]

    async def _read_rules(self, fingerprint: str) -> BadgeRules | None:
        if self._versions is None:
            found = await self._store.rulebook.versions(limit=_VERSIONS)
            self._versions = {each.fingerprint: each.version for each in found}
        version = self._versions.get(fingerprint)
        published = None if version is None else await self._store.rulebook.get(version)
        if published is None:
            return None
        try:
            return rules_of(Rulebook.of_json(published.content))
        except RulebookError:
            return None


def rules_of(rulebook: Rulebook) -> BadgeRules:
    """A rulebook's rules for when a badge is met, by badge."""
    return {
        badge.id: (
            badge.criterion,
            badge.repeat,
            badge.from_day,
            badge.until_day,
            tuple(badge.requires),
            rulebook.data.streak if _asks_for_streaks(badge) else None,
        )
        for badge in rulebook.badges
    }


def badges_to_replay(rulebook: Rulebook, before: Collection[BadgeRules]) -> frozenset[str]:
    """The badges of a rulebook that a learner may lack if other rules decided their events."""
    rules = rules_of(rulebook)
    return frozenset(
        badge.id
        for badge in rulebook.badges
        if _hangs_on_awards(badge) or any(each.get(badge.id) != rules[badge.id] for each in before)
    )


def _asks_for_streaks(badge: Badge) -> bool:
    return any(isinstance(leaf, Streak) for _, leaf in leaves(badge.criterion))


def _hangs_on_awards(badge: Badge) -> bool:
    return bool(badge.requires) or any(isinstance(leaf, Points | Level | Badges) for _, leaf in leaves(badge.criterion))
