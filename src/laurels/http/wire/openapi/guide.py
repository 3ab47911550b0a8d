"""The guide for newcomers above the operations of the description, and the groups of the operations.

It is part of the description itself, so the page /docs gets it from this server alone, and so does any other reader.
"""

from __future__ import annotations

GROUPS: dict[str, str] = {
    "events": "Send what learners did, one by one or in batches; see what became of an event.",
    "learners": "What a learner has: dashboard, badges, activity, history, profile, export.",
    "boards": "Leaderboards, and where a learner stands on them.",
    "badges": "The badges that can be earned.",
    "streams": "The same live, as server-sent events.",
    "corrections": "Retract an event, grant a badge, take one back. Wants the scope `admin`.",
    "currencies": "Spend what learners have earned beside points, where the rulebook has currencies.",
    "rulebook": "Preview and publish the rules. Wants the scope `admin`.",
    "webhooks": "Have other systems told. Wants the scope `admin`.",
    "health": "For load balancers and alarms. Open to everybody.",
}
"""The tags of operations with their texts, in the order in which a newcomer needs them."""

EXAMPLES: dict[str, str | int] = {"user_id": "ada", "event_id": "run-2026-01-15-001", "year": 2026}
"""Values of path parameters that match the example of the first event."""

GUIDE = """\
Laurels takes learning events, keeps progress, awards badges and ranks people.

### Authenticate

Send an API key as `Authorization: Bearer KEY`. Make one where the server runs, with the store that it names:

```sh
laurels keys create --name platform --scope events:write --scope progress:read
```

While there is no key at all, callers on the server's own machine may do everything without one, and others nothing.
On this page the button *Authorize* takes the key; operations without a lock need none.

### Your first event

```sh
LAURELS=http://127.0.0.1:8000
KEY=laurels_...
curl "$LAURELS/api/progress/event" \\
  -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
  -d '{"userId": "ada", "eventType": "code_run", "eventId": "run-1", "metadata": {"language": "python"}}'
curl "$LAURELS/api/progress/dashboard/ada" -H "Authorization: Bearer $KEY"
```

The first answer is 201 with the points, the badges that it brought and the new total; the second is all that a page
about Ada shows. Which event types there are is said by the rulebook: a wrong one is refused with the list of them.

### Send it again safely

Give each event an `eventId` of your own. After a timeout send the same again: the answer is the first one, with the
header `Idempotent-Replayed: true`, and nothing counts twice. The same id with other content is 409. An answer of 2xx
means that the event survives a crash; 202 with `queued: true` means that the database is away and the event is safe on
the server's disk until it is back.

### Errors

A refusal is `application/problem+json`: `type` is stable and meant for programs, `error` is a sentence for people, and
`errors` names every wrong field with what is expected. 4xx: change the request, nothing was recorded. 429 and 503: wait
for as many seconds as `Retry-After` says, then send the same again.

### Rate limits

They count per key and per end user in all server processes together, each event of a batch as one. The operator sets
them; 429 says that one is used up.
"""
