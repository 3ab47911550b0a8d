"""Half a year of invented learners, to show Laurels with data in it.

Pure and repeatable: an event depends only on the seed, its learner and its day. So the same call makes the same events,
ids included, and a call on the next day makes those again and adds a day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from random import Random
from zoneinfo import ZoneInfo

from msgspec import Struct

from laurels.domain.events import LearningEvent

ZONES = (
    "Europe/Lisbon",
    "Europe/Berlin",
    "Europe/Kyiv",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Los_Angeles",
    "America/St_Johns",
    "Africa/Lagos",
    "Africa/Nairobi",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Asia/Manila",
    "Australia/Adelaide",
    "Pacific/Auckland",
    "UTC",
)
LANGUAGES = ("python", "javascript", "html", "css", "rust", "java", "go", "c", "sql", "haskell", "typescript", "kotlin")
_ADJECTIVES = (
    *("Amber", "Brisk", "Calm", "Dusky", "Early", "Fleet", "Golden", "Hazel", "Ivory", "Jolly", "Keen", "Lively"),
    *("Misty", "Nimble", "Olive", "Proud", "Quiet", "Russet", "Silver", "Tidal", "Umber", "Velvet", "Wild", "Zesty"),
)
_BIRDS = (
    *("Heron", "Wren", "Kestrel", "Plover", "Finch", "Osprey", "Lapwing", "Siskin", "Curlew", "Dunlin", "Egret"),
    *("Fulmar", "Godwit", "Hoopoe", "Ibis", "Jackdaw", "Kite", "Linnet", "Merlin", "Nuthatch", "Oriole", "Petrel"),
)
# One learner in this many does exactly the same as the one before: boards have ties.
TWIN_EVERY = 20
# The chance of an endless session: a few happen in half a year, so that an audit has something to find.
ONE_SITTING = 0.0004


class Habit(Struct, frozen=True):
    """A learner's habits.

    `odds`: the chance of being active, for each weekday from Monday. `hour`: the approximate start of a session.
    `size`: events in a session, on average. The learner is active on `active` of every `cycle` days; the rest is a
    break.
    """

    name: str
    odds: tuple[float, ...]
    hour: int
    size: int
    active: int = 1
    cycle: int = 1


HABITS = (
    Habit("every day", (1.0,) * 7, 18, 3),
    Habit("nearly every day", (0.85,) * 7, 20, 3),
    Habit("at work", (0.75,) * 5 + (0.0, 0.0), 10, 2),
    Habit("at lunch", (0.6,) * 5 + (0.05, 0.05), 12, 2),
    Habit("at the weekend", (0.03,) * 5 + (0.9, 0.8), 14, 5),
    Habit("at night", (0.4,) * 7, 23, 3),
    Habit("before work", (0.7,) * 5 + (0.2, 0.2), 6, 2),
    Habit("in bursts", (0.95,) * 7, 16, 5, active=9, cycle=40),
    Habit("comes back", (0.6,) * 7, 19, 3, active=30, cycle=75),
    Habit("now and then", (0.12,) * 7, 17, 3),
    Habit("gave up", (0.6,) * 7, 19, 3),
    Habit("looked in once", (0.5,) * 7, 15, 3),
)
_HABIT_WEIGHTS = (6, 12, 14, 8, 12, 8, 6, 8, 8, 10, 10, 6)


class Learner(Struct, frozen=True):
    """An invented learner. `key` decides all their events; twins share it. Active from `first` to `last`."""

    user_id: str
    display_name: str
    time_zone: str
    key: str
    habit: Habit
    languages: tuple[str, ...]
    first: date
    last: date
    mentors: bool


def learners(count: int, *, days: int, seed: int, until: date) -> list[Learner]:
    """`count` learners whose activity ends on `until` and began at most `days` days before."""
    made: list[Learner] = []
    for number in range(1, count + 1):
        is_twin = number % TWIN_EVERY == 0 and bool(made)
        key = made[-1].key if is_twin else f"{seed}:{number}"
        dice = Random(key)  # noqa: S311  for show, and it must repeat
        habit = dice.choices(HABITS, _HABIT_WEIGHTS)[0]
        # Half of them were there from the beginning.
        age = days - 1 if dice.random() < 0.5 else dice.randrange(days)
        stay = {"gave up": dice.randint(5, 60), "looked in once": dice.randint(1, 3)}.get(habit.name)
        first = until - timedelta(days=age)
        made.append(
            Learner(
                user_id=f"demo-{seed}-{number:04d}",
                display_name=_display_name(number),
                time_zone=dice.choice(ZONES),
                key=key,
                habit=habit,
                languages=tuple(dice.sample(LANGUAGES, dice.choices((1, 2, 3, 5, 8, 11), (25, 30, 20, 14, 8, 3))[0])),
                first=first,
                last=until if stay is None else min(until, first + timedelta(days=stay)),
                mentors=dice.random() < 0.15,
            )
        )
    return made


def events_of(everyone: list[Learner], *, until: datetime) -> Iterator[LearningEvent]:
    """The learners' events up to the instant `until`, day after day, ordered by time within each."""
    if not everyone:
        return
    day = min(learner.first for learner in everyone)
    # East of Greenwich it may be tomorrow already.
    while day <= until.date() + timedelta(days=1):
        today = [event for learner in everyone for at, event in _day_of(learner, day) if at <= until]
        yield from sorted(today, key=_when)
        day += timedelta(days=1)


def _when(event: LearningEvent) -> tuple[datetime, str, str]:
    return event.timestamp or datetime.min.replace(tzinfo=UTC), event.user_id, event.event_id or ""


def _display_name(number: int) -> str:
    # A step without a common factor with the number of pairs: names repeat as late as possible.
    position = number * 97 % (len(_ADJECTIVES) * len(_BIRDS))
    return f"{_ADJECTIVES[position % len(_ADJECTIVES)]} {_BIRDS[position // len(_ADJECTIVES)]} {number}"


def _is_active(learner: Learner, day: date) -> bool:
    if not learner.first <= day <= learner.last + timedelta(days=1):
        return False
    habit = learner.habit
    if day == learner.first:
        return True
    if (day.toordinal() + _number(learner.key)) % habit.cycle >= habit.active:
        return False
    # A hash and not a generator: this is called for every learner and every day.
    return _number(f"{learner.key}:{day.toordinal()}") % 1000 < habit.odds[day.weekday()] * 1000


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest())


def _day_of(learner: Learner, day: date) -> Iterator[tuple[datetime, LearningEvent]]:
    if not _is_active(learner, day):
        return
    dice = Random(f"{learner.key}:{day.isoformat()}")  # noqa: S311  for show, and it must repeat
    hour = (learner.habit.hour + dice.choice((-1, 0, 0, 0, 1))) % 24
    local = datetime.combine(day, time(hour, dice.randrange(60)), ZoneInfo(learner.time_zone))
    at = local.astimezone(UTC)
    for number, (event_type, metadata) in enumerate(_session(learner, dice)):
        at += timedelta(seconds=dice.randint(20, 600), milliseconds=dice.randrange(1000))
        yield (
            at,
            LearningEvent(
                user_id=learner.user_id,
                event_type=event_type,
                metadata=metadata,
                event_id=f"demo-{day.toordinal()}-{number}",
                timestamp=at,
            ),
        )


def _session(learner: Learner, dice: Random) -> Iterator[tuple[str, dict[str, object]]]:
    """The events of one sitting: mostly running code, sometimes a tutorial, a session with others, a challenge."""
    weights = range(len(learner.languages), 0, -1)
    language = dice.choices(learner.languages, weights)[0]
    if dice.random() < 0.12:
        yield from _tutorial(language, dice)
    count = max(1, round(dice.expovariate(1 / learner.habit.size)))
    # Sometimes a session is endless.
    for _ in range(count + 40 if dice.random() < ONE_SITTING else count):
        if dice.random() < 0.1:
            language = dice.choices(learner.languages, weights)[0]
        kind = dice.choices(
            ("code_run", "ai_explain", "ai_debug", "snippet_create", "visualize", "challenge_complete"),
            (58, 10, 12, 8, 6, 6),
        )[0]
        metadata: dict[str, object] = {"language": language}
        if kind in ("code_run", "snippet_create"):
            metadata["codeLength"] = min(20_000, round(dice.lognormvariate(5.0, 1.1)))
        elif kind == "challenge_complete":
            metadata["difficulty"] = dice.choice(("easy", "easy", "medium", "hard"))
        yield kind, metadata
    if dice.random() < (0.4 if learner.mentors else 0.08):
        role = "mentor" if learner.mentors and dice.random() < 0.6 else "learner"
        yield "session_join", {"role": role, "sessionDuration": dice.randint(300, 9_000)}


def _tutorial(language: str, dice: Random) -> Iterator[tuple[str, dict[str, object]]]:
    about: dict[str, object] = {"language": language, "tutorial": f"{language}-{dice.randint(1, 9)}"}
    yield "tutorial_start", about
    for step in range(1, dice.randint(2, 5)):
        yield "tutorial_step_complete", {**about, "step": step}
    if dice.random() < 0.7:
        yield "tutorial_quiz_attempt", {**about, "score": dice.randint(40, 100)}
        if dice.random() < 0.8:
            yield "tutorial_complete", about
