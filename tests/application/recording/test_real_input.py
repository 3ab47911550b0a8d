"""Years of real activity through the library, against totals computed here from the rules as they are written.

Nothing of the engine is used on this side: plain dictionaries, events in order of arrival, and after each
event every open badge is looked at until none is new.
"""

from __future__ import annotations

import gzip
import json
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from laurels import LearningEvent, Timeframe
from laurels.application.maintenance.verification import verify
from laurels.application.recording.commands import RecordedEntry
from laurels.application.service import Service
from laurels.bootstrap import open_service

POINTS = {
    "code_run": 5,
    "ai_explain": 3,
    "ai_debug": 4,
    "snippet_create": 8,
    "session_join": 10,
    "visualize": 6,
}
MONTH = "2015-06"


def read(path: Path) -> list[dict[str, Any]]:
    """The events as they stand in the file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def moment_of(event: dict[str, Any]) -> datetime:
    """When it happened; a learner without a profile lives in UTC."""
    return _moment(event["timestamp"])


@cache
def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def points_of(event: dict[str, Any]) -> int:
    """What the event pays."""
    points = POINTS[event["eventType"]]
    if event["eventType"] == "code_run":
        length = event["metadata"].get("codeLength", 0)
        points += 2 * (length > 100) + 3 * (length > 500)
    return points


def level_of(points: int) -> int:
    """Level n starts at 50 n (n - 1)."""
    level = 1
    while 50 * level * (level + 1) <= points:
        level += 1
    return level


def value_of(event: dict[str, Any], field: str) -> Any:
    """A field of the event's local time, or of its metadata."""
    at = moment_of(event)
    match field:
        case "hour":
            return at.hour
        case "weekday":
            return at.isoweekday()
        case "day":
            return at.date()
        case "week":
            return at.isocalendar()[:2]
        case "month":
            return (at.year, at.month)
        case _:
            value: Any = event["metadata"]
            for key in field.removeprefix("metadata.").split("."):
                value = value.get(key) if isinstance(value, dict) else None
            return value


def meets(event: dict[str, Any], leaf: dict[str, Any]) -> bool:
    """Whether the event counts for a criterion's leaf."""
    named = leaf.get("event")
    if named is not None and event["eventType"] not in ([named] if isinstance(named, str) else named):
        return False
    for field, wanted in leaf.get("where", {}).items():
        value = value_of(event, field)
        if isinstance(wanted, dict):
            if value is None or not wanted.get("min", value) <= value <= wanted.get("max", value):
                return False
        elif value not in (wanted if isinstance(wanted, list) else [wanted]):
            return False
    return True


def run_with(days: set[date], day: date) -> int:
    """Length of the run of consecutive days that holds `day`."""
    length = 1
    for direction in (1, -1):
        at = day + timedelta(days=direction)
        while at in days:
            length += 1
            at += timedelta(days=direction)
    return length


class Learner:
    """One learner's totals, and what the open badges' leaves have counted so far."""

    def __init__(self, rules: dict[str, Any]) -> None:
        self.badges: dict[str, dict[str, Any]] = {badge["id"]: badge for badge in rules["badges"]}
        self.open = dict(self.badges)
        self.total = 0
        self.types: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self.days: set[date] = set()
        self.streak = 0
        self.held: dict[str, datetime] = {}
        # What was earned and when; events and badges alike.
        self.earned: list[tuple[datetime, int]] = []
        # Of each leaf, what it has seen in each of its windows (a number or a set of values), and the best of them.
        self.seen: dict[int, dict[Any, Any]] = defaultdict(dict)
        self.best: Counter[int] = Counter()

    def take(self, event: dict[str, Any]) -> None:
        """Count one event in, and award what it brings."""
        at = moment_of(event)
        points = points_of(event)
        self.total += points
        self.earned.append((at, points))
        self.types[event["eventType"]] += 1
        if language := event["metadata"].get("language"):
            self.languages[language] += 1
        if at.date() not in self.days:
            self.days.add(at.date())
            self.streak = max(self.streak, run_with(self.days, at.date()))
        for badge in self.open.values():
            for leaf in leaves(badge["criterion"]):
                self.observe(event, leaf)
        is_new = True
        while is_new:
            is_new = False
            for badge_id, badge in list(self.open.items()):
                if self.is_met(badge["criterion"]):
                    is_new = True
                    del self.open[badge_id]
                    self.held[badge_id] = at
                    self.total += badge["points"]
                    self.earned.append((at, badge["points"]))

    def observe(self, event: dict[str, Any], leaf: dict[str, Any]) -> None:
        if leaf["kind"] not in ("count", "distinct", "sum") or not meets(event, leaf):
            return
        windows = self.seen[id(leaf)]
        window = value_of(event, leaf["per"]) if "per" in leaf else None
        value = 1 if leaf["kind"] == "count" else value_of(event, leaf["field"])
        if value is None:
            return
        if leaf["kind"] == "distinct":
            windows.setdefault(window, set()).add(value)
            reached = len(windows[window])
        else:
            reached = windows[window] = windows.get(window, 0) + value
        self.best[id(leaf)] = max(self.best[id(leaf)], reached)

    def is_met(self, criterion: dict[str, Any]) -> bool:
        match criterion["kind"]:
            case "all":
                return all(self.is_met(part) for part in criterion["of"])
            case "any":
                return any(self.is_met(part) for part in criterion["of"])
            case "points":
                value = self.total
            case "level":
                value = level_of(self.total)
            case "streak":
                value = self.streak
            case "span":
                value = (max(self.days) - min(self.days)).days
            case "badges":
                value = sum(
                    all(
                        self.badges[badge_id][key] == criterion.get(key, self.badges[badge_id][key])
                        for key in ("category", "rarity")
                    )
                    for badge_id in self.held
                )
            case _:
                value = self.best[id(criterion)]
        return value >= criterion["target"]


def leaves(criterion: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The leaves of a criterion's tree."""
    if "of" in criterion:
        for part in criterion["of"]:
            yield from leaves(part)
    else:
        yield criterion


def compute(events: list[dict[str, Any]]) -> dict[str, Learner]:
    """Every learner, from all events in order of arrival."""
    rules = tomllib.loads(files("laurels.rulebooks").joinpath("coding.toml").read_text("utf-8"))
    learners: dict[str, Learner] = {}
    for event in events:
        learners.setdefault(event["userId"], Learner(rules)).take(event)
    return learners


def board_of(learners: dict[str, Learner], month: str | None) -> list[tuple[int, str, int]]:
    """Rank, learner and points in a month (None: of all time): more points first, then who reached them earlier."""
    lines: list[tuple[int, datetime, str]] = []
    for user_id, learner in learners.items():
        earned = [(at, points) for at, points in learner.earned if month is None or f"{at:%Y-%m}" == month]
        if earned:
            lines.append((-sum(points for _, points in earned), max(at for at, points in earned if points), user_id))
    lines.sort()
    ranks: dict[int, int] = {}
    for position, (points, _, _) in enumerate(lines, 1):
        ranks.setdefault(points, position)
    return [(ranks[points], user_id, -points) for points, _, user_id in lines]


async def board_in(laurels: Service, timeframe: Timeframe, period: str) -> tuple[int, list[tuple[int, str, int]]]:
    """The `total` and all lines of a board, page by page."""
    page = await laurels.leaderboards.page(timeframe, period=period, limit=11)
    lines = page.leaderboard
    while page.next:
        page = await laurels.leaderboards.page(timeframe, period=period, limit=11, cursor=page.next)
        lines = lines + page.leaderboard
    return page.total, [(row.rank, row.user_id, row.points) for row in lines]


async def test_real_activity_gives_what_the_rules_say(git_activity: Path, store_url: str) -> None:
    raw = read(git_activity)
    learners = compute(raw)
    events = msgspec.convert(raw, list[LearningEvent])
    async with open_service(store_url) as laurels:
        results = await laurels.record_many(events, earliest=0)
        assert [result.entry.event_id for result in results if isinstance(result, RecordedEntry)] == [
            event["eventId"] for event in raw
        ]
        await laurels.projector.flush()
        found = await verify(laurels.store, laurels.rulebook)
        assert (found.differences, found.behind, found.events) == ([], 0, len(raw))

        assert await laurels.store.ledger.users(limit=10_000) == sorted(learners)
        for user_id, learner in learners.items():
            progress = await laurels.learners.progress(user_id)
            dashboard = await laurels.learners.dashboard(user_id)
            assert {award.badge_id: award.earned_at for award in progress.awards.values()} == {
                badge_id: (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
                for badge_id, at in learner.held.items()
            }
            assert progress.total_points == learner.total
            assert dashboard.user.level == level_of(learner.total)
            assert {kind: stats.count for kind, stats in dashboard.event_stats.items()} == learner.types
            top = sorted(learner.languages.items(), key=lambda item: (-item[1], item[0]))[:5]
            assert [(language.language, language.count) for language in dashboard.top_languages] == top
            assert dashboard.longest_streak == learner.streak
            assert set(progress.days) == {day.toordinal() for day in learner.days}

        monthly = board_of(learners, MONTH)
        assert await board_in(laurels, Timeframe.MONTHLY, MONTH) == (len(monthly), monthly)
        all_time = board_of(learners, None)
        assert await board_in(laurels, Timeframe.ALL_TIME, "all") == (len(learners), all_time)
    # The input has what makes this worth comparing.
    assert len(monthly) > 10
    assert len({points for _, _, points in all_time}) < len(all_time) / 2
    assert max(len(learner.held) for learner in learners.values()) > 30
