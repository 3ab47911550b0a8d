"""Examples of requests and answers, all of one event of one learner.

A reader can follow one event through all of them.
"""

from __future__ import annotations

from typing import Any

from laurels.application.queries.views import QUEUED as QUEUED_REASON
from laurels.http.routes.exports import COLUMNS

Json = dict[str, Any]

EVENT: Json = {
    "userId": "ada",
    "eventType": "code_run",
    "eventId": "run-2026-01-15-001",
    "timestamp": "2026-01-15T09:30:00+01:00",
    "metadata": {"language": "python", "codeLength": 240, "sessionDuration": 95},
}
BADGE: Json = {
    "badgeId": "first_run",
    "name": "First Steps",
    "description": "Run your first program.",
    "icon": "👣",
    "category": "coding",
    "rarity": "common",
    "points": 10,
    "earnedAt": "2026-01-15T08:30:00.000Z",
}
RECORDED: Json = {
    "success": True,
    "event": {
        "eventId": "run-2026-01-15-001",
        "userId": "ada",
        "eventType": "code_run",
        "language": "python",
        "codeLength": 240,
        "sessionDuration": 95,
        "points": 7,
        "metadata": EVENT["metadata"],
        "timestamp": "2026-01-15T08:30:00.000Z",
    },
    "newBadges": [BADGE],
    "progress": {"totalPoints": 17, "level": 1, "leveledUp": False, "dailyStreak": 1},
}
PROFILE: Json = {"displayName": "Ada", "timeZone": "Europe/London", "preferences": {"theme": "dark"}}
WEBHOOK: Json = {"url": "https://hooks.example/laurels", "types": ["user.deleted"]}
RETRACTION: Json = {"userId": "ada", "eventId": EVENT["eventId"], "reason": "The run was made by a script."}
GRANT: Json = {"userId": "ada", "badgeId": "mentor", "reason": "Led the summer course."}
SPENDING: Json = {
    "userId": "ada",
    "currency": "coins",
    "amount": 5,
    "reason": "A hat for the avatar.",
    "spendingId": "order-1001",
}
REPAIR: Json = {"userId": "ada", "day": "2026-01-14"}
REVOCATION: Json = {"reason": "Granted by mistake."}

CSV = (
    ",".join(COLUMNS) + "\r\n" + 'run-1,code_run,2026-01-15T08:30:00.000Z,5,python,,,"{""language"":""python""}",,\r\n'
)
USER_STREAM = """\
id: 41
event: progress
data: {"totalPoints":310,"level":3,"leveledUp":false,"dailyStreak":4}

id: 41.1
event: event
data: {"eventId":"run-2026-01-15-001","userId":"ada","eventType":"code_run","language":"python","codeLength":240,\
"sessionDuration":95,"points":7,"metadata":{},"timestamp":"2026-01-15T08:30:00.000Z"}

id: 42
event: progress
data: {"totalPoints":317,"level":3,"leveledUp":false,"dailyStreak":4}
"""
BOARD_STREAM = """\
id: c7df676d3bf3ec60fc54c305
event: leaderboard
data: {"success":true,"timeframe":"all-time","period":"all","leaderboard":[],"total":0,"next":null}
"""
NOT_READY: Json = {
    "status": "degraded",
    "checks": {"store": "unavailable", "spool": "ok"},
    "spool": {
        "waiting": 1204,
        "oldestSeconds": 61.5,
        "bytes": 401210,
        "limitBytes": 1073741824,
        "queued": 1204,
        "drained": 0,
        "setAside": 0,
    },
}

RULEBOOK = """\
name = "school"
levels = { kind = "quadratic", step = 50 }

[event_types.lesson]
points = 10

[[badges]]
id = "first_lesson"
name = "Off you go"
description = "Finish a lesson."
icon = "1"
category = "learning"
rarity = "common"
points = 10
criterion = { kind = "count", event = "lesson", target = 1 }
"""
QUEUED: Json = {
    "success": True,
    "queued": True,
    "reason": QUEUED_REASON,
    "event": {**RECORDED["event"], "points": None},
    "newBadges": [],
}
