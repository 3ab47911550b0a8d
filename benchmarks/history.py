"""Made-up learners and what they did: the same events whenever the sizes are the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from laurels import LearningEvent

SEED = 20_261_123
HISTORY_START = datetime(2025, 1, 1, tzinfo=UTC)
HISTORY_DAYS = 180

# As on a real platform, most of what happens is a run of code, and few languages make up most of the runs.
_TYPES = {
    "code_run": 50,
    "ai_explain": 10,
    "ai_debug": 8,
    "visualize": 8,
    "tutorial_step_complete": 10,
    "snippet_create": 6,
    "session_join": 4,
    "challenge_complete": 4,
}
_LANGUAGES = {"python": 40, "javascript": 20, "java": 12, "c": 8, "go": 6, "rust": 6, "sql": 4, "ruby": 4}


class Learners:
    """An endless source of what `users` learners do, in a fixed order given by the seed."""

    def __init__(self, users: int, seed: int = SEED) -> None:
        self._random = Random(seed)
        self.users = [f"learner-{number:06d}" for number in range(users)]
        self._types = list(_TYPES)
        self._type_weights = list(_TYPES.values())
        self._languages = list(_LANGUAGES)
        self._language_weights = list(_LANGUAGES.values())

    def events(
        self, count: int, *, ids: str | None = "e", first: datetime | None = None, days: int = 0
    ) -> Iterator[LearningEvent]:
        """The next `count` events.

        `ids`: prefix of their event ids; None: they carry none. `first`: they spread, in order, over `days` days
        from then on; None: they carry no timestamp and happen now.
        """
        random = self._random
        step = timedelta(days=days) / max(count, 1)
        types = random.choices(self._types, self._type_weights, k=count)
        languages = random.choices(self._languages, self._language_weights, k=count)
        users = random.choices(self.users, k=count)
        for number, (user_id, event_type, language) in enumerate(zip(users, types, languages, strict=True)):
            metadata: dict[str, Any] = {"language": language}
            if event_type == "code_run":
                metadata["codeLength"] = random.randrange(20, 1_200)
                metadata["sessionDuration"] = random.randrange(10, 1_800)
            yield LearningEvent(
                user_id=user_id,
                event_type=event_type,
                metadata=metadata,
                event_id=None if ids is None else f"{ids}{number}",
                timestamp=None if first is None else first + number * step,
            )


def write_history(path: Path, events: int, users: int) -> None:
    """Half a year of a platform as NDJSON, in order of time.

    People learn in sessions, eight events long on average, and a few of them learn far more than most.
    """
    random = Random(SEED)
    weights = list(accumulate((1 + rank) ** -0.7 for rank in range(users)))
    made: list[LearningEvent] = []
    learners = Learners(users)
    while len(made) < events:
        [user_id] = random.choices(learners.users, cum_weights=weights)
        at = HISTORY_START + timedelta(seconds=random.randrange(HISTORY_DAYS * 86_400))
        length = min(1 + int(random.expovariate(1 / 7.5)), events - len(made))
        for event in learners.events(length, ids=f"e{len(made)}-"):
            made.append(msgspec.structs.replace(event, user_id=user_id, timestamp=at))
            at += timedelta(seconds=random.randrange(20, 300))
    made.sort(key=lambda event: event.timestamp or HISTORY_START)
    write_events(path, made)


def write_events(path: Path, events: Iterable[LearningEvent]) -> None:
    """Events as NDJSON, in their order."""
    encode = msgspec.json.Encoder().encode
    with path.open("wb", buffering=1 << 20) as file:
        for event in events:
            file.write(encode(event))
            file.write(b"\n")
