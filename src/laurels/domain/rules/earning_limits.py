"""Limits on the pay of events: once per key, a cooldown, and daily caps.

Decisions are recorded with the entry, and the state kept here follows from entries alone. So a replay reaches the same
state as recording did, whatever the rules were when an entry was made.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from hashlib import blake2b

from msgspec import UNSET

from laurels.domain.ledger.entries import Unpaid
from laurels.domain.progress import DayPay, Progress
from laurels.domain.rules.points import EventType

RECENT = 100
"""The number of instants of paid events that are kept for a type with a cooldown."""

_KEY = 8
_MS = 1_000


def pay(
    progress: Progress,
    event_type: str,
    rule: EventType,
    points: int,
    *,
    at: int,
    day: int,
    once_key: str | None,
    gives: bool = False,
) -> tuple[int, Unpaid | None]:
    """The part of the `points` that is paid, of an event at the instant `at` on the local `day`, and the limit that
    withheld the rest (None if all is paid). An event without points and with empty `gives` is not limited."""
    if not points and not gives:
        return 0, None
    if once_key is not None and is_used(progress.once, key_of(once_key)):
        return 0, "once"
    if rule.cooldown is not UNSET and _is_too_soon(progress.paid_at.get(event_type), at, rule.cooldown * _MS):
        return 0, "cooldown"
    if not rule.has_daily_cap:
        return points, None
    paid = progress.paid.get(event_type, {}).get(day)
    if paid is None:
        paid = DayPay()
    if rule.max_per_day is not UNSET and paid.events >= rule.max_per_day:
        return 0, "daily-cap"
    if rule.max_points_per_day is not UNSET and paid.points + points > rule.max_points_per_day:
        # The rest of the day's points is paid: so a day has the same sum in any order of its events.
        return max(0, rule.max_points_per_day - paid.points), "daily-cap"
    return points, None


def remember_payment(
    progress: Progress,
    event_type: str,
    rule: EventType | None,
    points: int,
    *,
    at: int,
    day: int,
    once_key: str | None,
) -> None:
    """Keep the data of a paid event that limits on later events need. `rule` is that of its type, if it has limits. (An
    event held back by a cap or a cooldown is not paid: its once key may still be paid for.)"""
    if once_key is not None:
        progress.once = _with_key(progress.once, key_of(once_key))
    if rule is None:
        return
    if rule.cooldown is not UNSET:
        instants = progress.paid_at.setdefault(event_type, [])
        insort(instants, at)
        del instants[:-RECENT]
    if rule.has_daily_cap:
        paid = progress.paid.setdefault(event_type, {}).setdefault(day, DayPay())
        paid.events += 1
        paid.points += points


def key_of(once_key: str) -> bytes:
    """The stored form of a once key."""
    return blake2b(once_key.encode(), digest_size=_KEY).digest()


def is_used(keys: bytes, key: bytes) -> bool:
    """Whether `key` is one of `keys`, which are concatenated in ascending order."""
    place = _place(keys, key)
    return keys[place : place + _KEY] == key


def _with_key(keys: bytes, key: bytes) -> bytes:
    place = _place(keys, key)
    return keys if keys[place : place + _KEY] == key else keys[:place] + key + keys[place:]


def _place(keys: bytes, key: bytes) -> int:
    count = len(keys) // _KEY
    return _KEY * bisect_left(range(count), key, key=lambda number: keys[_KEY * number : _KEY * (number + 1)])


def _is_too_soon(instants: list[int] | None, at: int, cooldown: int) -> bool:
    if not instants:
        return False
    place = bisect_left(instants, at)
    if place < len(instants) and instants[place] - at < cooldown:
        return True
    if place == 0:
        # Earlier than all kept instants: it cannot be known any more whether it came too soon.
        return len(instants) == RECENT
    return at - instants[place - 1] < cooldown
