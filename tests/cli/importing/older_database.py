"""A database as the older server left it: totals that lost races, badges twice, and documents of every odd kind."""

from __future__ import annotations

import asyncio
import random
import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import Binary, Decimal128, Int64, ObjectId
from pymongo import MongoClient

from laurels import Settings
from laurels.bootstrap import open_service
from laurels.domain.ledger.entries import Entry
from laurels.domain.progress import Progress
from laurels.errors import StoreError

Document = dict[str, Any]
Client = MongoClient[Document]

SPRING = datetime(2025, 3, 1, 8, tzinfo=UTC)
PAY = {"code_run": 5, "ai_debug": 4, "snippet_create": 8, "challenge_complete": 20}
BADGES = {"first_run": 10, "code_runner_10": 25, "points_100": 20, "streak_3": 30, "polyglot": 50}
UNKNOWN = {"beta_tester": 15}


def fill(client: MongoClient[Document], name: str, *, users: int = 60, seed: int = 7) -> None:
    """Make the database `name`: `users` learners with up to 60 events each, whose documents are in order but for the
    total (every third is off) and badges (some twice, some without their criterion, some unknown to any rulebook)."""
    chance = random.Random(seed)
    database = client[name]
    people: list[Document] = []
    events: list[Document] = []
    for number in range(users):
        user_id = f"learner-{chance.randrange(10**6):06}-{number}"
        own = [_event(chance, user_id) for _ in range(0 if number % 10 == 9 else chance.randrange(1, 60))]
        held = chance.sample([*BADGES, *UNKNOWN], chance.randrange(0, 4))
        due = sum(event["points"] for event in own) + sum((BADGES | UNKNOWN)[badge] for badge in held)
        off = chance.choice([-15, -5, 5, 35, 120]) if number % 3 == 0 else 0
        people.append(
            {
                "userId": user_id,
                "displayName": f"Learner {number}",
                "photoURL": f"https://example.org/{number}.png",
                "totalPoints": max(0, due + off),
                "level": 1,
                "badges": [*held, *held[:1]],
                "createdAt": SPRING - timedelta(days=number + 1, milliseconds=123),
                "__v": 0,
            }
        )
        events += own
    chance.shuffle(events)
    chance.shuffle(people)
    if people:
        database["users"].insert_many(people)
    if events:
        database["learningevents"].insert_many(events)
    database["achievements"].insert_many(
        [{"badgeId": badge, "name": badge.title(), "points": points} for badge, points in (BADGES | UNKNOWN).items()]
    )


def _event(chance: random.Random, user_id: str) -> Document:
    kind = chance.choice(list(PAY))
    return {
        "userId": user_id,
        "eventType": kind,
        "language": chance.choice(["python", "rust", "go", None]),
        "codeLength": chance.choice([None, 12, 240.0, Int64(900)]),
        "sessionDuration": chance.choice([None, 33.5]),
        # As the older server paid, which is not what a rulebook of today says.
        "points": PAY[kind] + chance.choice([0, 0, 1, 2.0]),
        "metadata": chance.choice([None, {}, {"role": "mentor", "file": ObjectId(), "when": SPRING}]),
        "timestamp": SPRING + timedelta(days=chance.randrange(20), seconds=chance.randrange(86_400), milliseconds=7),
        "__v": 0,
    }


def plain_event(**changes: Any) -> Document:
    """An event of `ada` that has nothing odd."""
    return {
        "_id": ObjectId(),
        "userId": "ada",
        "eventType": "code_run",
        "language": "python",
        "points": 5,
        "metadata": {},
        "timestamp": SPRING,
        **changes,
    }


def plain_user(**changes: Any) -> Document:
    """A document of `ada` that has nothing odd."""
    return {
        "_id": ObjectId(),
        "userId": "ada",
        "displayName": "Ada",
        "totalPoints": 0,
        "badges": [],
        "createdAt": SPRING,
        **changes,
    }


# Event, and a part of the reason for which it is rejected.
REJECTED: list[tuple[Document, str]] = [
    ({"userId": None}, "userId"),
    ({"userId": 17}, "userId"),
    ({"userId": ""}, "userId"),
    ({"userId": "x" * 101}, "userId"),
    ({"userId": "a\nb"}, "userId"),
    ({"eventType": "juggling"}, "eventType"),
    ({"eventType": 3}, "eventType"),
    ({"timestamp": None}, "timestamp"),
    ({"timestamp": "2025-03-01"}, "timestamp"),
    ({"timestamp": datetime(2999, 1, 1, tzinfo=UTC)}, "future"),
    ({"timestamp": datetime(1969, 1, 1, tzinfo=UTC)}, "further back"),
    ({"_id": Decimal128("1.5")}, "_id"),
]

# Change of an event, what becomes of its metadata (language python left out), and a part of the remark, if any.
TAKEN: list[tuple[Document, Document, str]] = [
    ({"metadata": {"when": SPRING}}, {"when": "2025-03-01T08:00:00.000Z"}, ""),
    ({"metadata": {"ref": ObjectId("65f000000000000000000001")}}, {"ref": "65f000000000000000000001"}, ""),
    ({"metadata": {"n": float("nan")}}, {"n": None}, "not finite"),
    ({"metadata": {"a": {"b": [{"c": Int64(2**40)}]}}}, {"a": {"b": [{"c": 2**40}]}}, ""),
    ({"metadata": {"price": Decimal128("1.50"), "raw": Binary(b"ab")}}, {"price": "1.50", "raw": "YWI="}, ""),
    ({"metadata": {"$odd": 1, "a.b": 2}}, {"$odd": 1, "a.b": 2}, ""),
    ({"metadata": {"text": "x" * 20_000}}, {}, "16384 bytes"),
    ({"metadata": "just text"}, {"metadata": "just text"}, ""),
    ({"metadata": {"codeLength": 50}}, {"codeLength": 50}, ""),
    ({"metadata": {"codeLength": 50}, "codeLength": 60}, {"codeLength": 60}, "differs"),
    ({"codeLength": -1}, {}, "codeLength"),
    ({"codeLength": float("nan")}, {}, "codeLength"),
    ({"codeLength": "many"}, {}, "codeLength"),
    ({"sessionDuration": 12.5}, {"sessionDuration": 12.5}, ""),
]


def deep(levels: int) -> Document:
    """Metadata that many levels deep."""
    value: Document = {}
    for _ in range(levels):
        value = {"in": value}
    return value


def digest(client: Client, name: str) -> str:
    """Changes with any document of a database."""
    return client[name].command("dbHash")["md5"]


def look(url: str) -> dict[str, tuple[Progress, list[Entry]]]:
    """What a store holds of each user: folded from the ledger, and the ledger."""

    async def read() -> dict[str, tuple[Progress, list[Entry]]]:
        async with open_service(settings=Settings(store=url)) as laurels:
            users = await laurels.store.ledger.users(limit=10_000)
            return {
                user_id: (
                    await laurels.learners.progress(user_id),
                    await laurels.store.ledger.entries(user_id, limit=9_999),
                )
                for user_id in users
            }

    return asyncio.run(read())


def boards(url: str) -> dict[str, list[tuple[str, int, int]]]:
    """The lines of the all-time board and of the month of the events."""

    async def read() -> dict[str, list[tuple[str, int, int]]]:
        async with open_service(settings=Settings(store=url)) as laurels:
            return {
                board: [
                    (line.user_id, line.points, line.events)
                    for line in await laurels.store.boards.standings(board, limit=99)
                ]
                for board in ("all", "2025-03")
            }

    return asyncio.run(read())


def wait_for_users(importing: subprocess.Popen[bytes], store: str, number: int) -> None:
    """Return when a running import has written entries of so many users."""

    async def wait() -> None:
        async with open_service(settings=Settings(store=store)) as laurels:
            while len(await laurels.store.ledger.users(limit=number)) < number:
                assert importing.poll() is None, "the import ended"
                await asyncio.sleep(0.02)

    deadline = time.monotonic() + 60
    while True:
        # The store may not be made yet.
        with suppress(StoreError):
            return asyncio.run(wait())
        assert time.monotonic() < deadline, "the import wrote nothing"
        time.sleep(0.02)


def event_points(documents: list[dict[str, Any]], user_id: str) -> int:
    return int(sum(event["points"] for event in documents if event["userId"] == user_id))
