"""The contract's part on webhooks: `laurels.application.ports.webhooks.WebhookStore`."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from laurels.application.ports.store import Store
from laurels.application.ports.webhooks import LOG, Backlog, Cursor, FailedAttempt
from laurels.domain.webhooks import USER_DELETED, Delivery, Endpoint
from laurels.testing.builders import NOON, event_entry, history
from laurels.testing.handles import AWKWARD_IDS, OpenStore


def endpoint(endpoint_id: str = "wh_a", **fields: object) -> Endpoint:
    """An endpoint for messages about badges."""
    given = Endpoint(
        id=endpoint_id, url="https://a.example/", types=frozenset({"badge.awarded"}), secret="whsec_", created_at=NOON
    )
    return replace(given, **fields)


def delivery(seq: int = 1, user_id: str = "ada", **fields: object) -> Delivery:
    """A message that waits for a retry."""
    given = Delivery(
        endpoint="wh_a",
        id=f"msg_{user_id}_{seq}",
        type="badge.awarded",
        user_id=user_id,
        body='{"$a.b": "ä\\u0000"}',
        seq=seq,
        part=1,
        attempts=1,
        next_at=NOON + seq,
        at=NOON,
        status=500,
        error="answered 500",
    )
    return replace(given, **fields)


async def everybody(store: Store, mark: str, *, limit: int = 2) -> dict[str, tuple[int, int]]:
    """The users with entries after a mark, over all pages."""
    found: dict[str, tuple[int, int]] = {}
    while True:
        page = await store.ledger.written_since(mark, limit)
        for user_id, (first, last) in page.users.items():
            known = found.get(user_id, (first, last))
            found[user_id] = min(first, known[0]), max(last, known[1])
        if page.is_all:
            return found
        mark = page.next


class WebhookContract:
    """Endpoints that every handle sees, claims, places, and deliveries."""

    async def test_endpoints_come_back_as_they_were_added_in_order_of_making(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        assert await one.webhooks.all() == []
        kept = [
            endpoint("wh_b", url="".join(AWKWARD_IDS)),
            endpoint("wh_a", created_at=NOON + 1, previous_secret="whsec_a", previous_until=NOON + 2),
            endpoint("wh_c", created_at=NOON + 1, types=frozenset({"a", "b"})),
        ]
        for each in reversed(kept):
            await one.webhooks.add(each)
        assert await other.webhooks.all() == kept

    async def test_the_version_moves_with_each_change_and_only_then(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        seen = [await one.webhooks.version()]
        await other.webhooks.add(endpoint())
        seen.append(await one.webhooks.version())
        assert await one.webhooks.replace(endpoint(secret="whsec_b"))
        seen.append(await other.webhooks.version())
        assert [each.secret for each in await other.webhooks.all()] == ["whsec_b"]
        assert await one.webhooks.claim("wh_a", "me", now=NOON, until=NOON + 1) is not None
        await one.webhooks.record_attempts([delivery()])
        assert await one.webhooks.version() == seen[-1]
        assert await other.webhooks.remove("wh_a")
        seen.append(await one.webhooks.version())
        assert len(set(seen)) == 4
        assert await one.webhooks.all() == []

    async def test_what_is_not_there_cannot_be_changed(self, open_store: OpenStore) -> None:
        store = await open_store()
        for each in AWKWARD_IDS:
            assert not await store.webhooks.replace(endpoint(each))
            assert not await store.webhooks.remove(each)
            assert await store.webhooks.claim(each, "me", now=NOON, until=NOON + 1) is None
        await store.webhooks.record_attempts([delivery()])
        assert await store.webhooks.deliveries("wh_a") == []

    async def test_one_at_a_time_holds_a_claim(self, open_store: OpenStore) -> None:
        handles = [await open_store() for _ in range(3)]
        await handles[0].webhooks.add(endpoint())
        claims = await asyncio.gather(
            *(handles[n % 3].webhooks.claim("wh_a", f"owner {n}", now=NOON, until=NOON + 10) for n in range(9))
        )
        [owner] = [f"owner {n}" for n, place in enumerate(claims) if place is not None]
        store = handles[0]
        assert await store.webhooks.claim("wh_a", owner, now=NOON + 5, until=NOON + 20) is not None
        assert await store.webhooks.claim("wh_a", "other", now=NOON + 19, until=NOON + 30) is None
        assert await store.webhooks.claim("wh_a", "other", now=NOON + 20, until=NOON + 30) is not None
        assert await store.webhooks.claim("wh_a", owner, now=NOON + 21, until=NOON + 40) is None
        # The claim is released.
        assert await store.webhooks.claim("wh_a", "other", now=NOON + 21, until=NOON + 21) is not None
        assert await store.webhooks.claim("wh_a", owner, now=NOON + 21, until=NOON + 40) is not None

    async def test_a_place_is_kept_and_begins_where_the_ledger_ends(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.ledger.append(history("before", 3))
        await one.webhooks.add(endpoint())
        await one.ledger.append(history("ada", 2))
        place = await one.webhooks.claim("wh_a", "me", now=NOON, until=NOON + 1)
        assert place is not None
        assert (await everybody(other, place))["ada"] == (1, 2)
        page = await one.ledger.written_since(place, 100)
        await one.webhooks.keep_place("wh_a", page.next)
        assert await other.webhooks.claim("wh_a", "me", now=NOON, until=NOON + 1) == page.next
        await one.webhooks.replace(endpoint(secret="whsec_b"))
        assert await other.webhooks.claim("wh_a", "me", now=NOON, until=NOON + 1) == page.next

    async def test_whoever_got_entries_after_a_mark_is_found(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.webhooks.add(endpoint())
        start = await one.webhooks.claim("wh_a", "me", now=NOON, until=NOON + 1)
        assert start is not None
        assert await everybody(one, start) == {}
        for number, user_id in enumerate([*AWKWARD_IDS, "ada"]):
            await (one, other)[number % 2].ledger.append(history(user_id, 2))
        await one.ledger.append([event_entry("ada", 3), *history("bob", 1)])
        expected = {**dict.fromkeys(AWKWARD_IDS, (1, 2)), "ada": (1, 3), "bob": (1, 1)}
        for limit in (1, 3, 1_000):
            assert await everybody(other, start, limit=limit) == expected
        page = await one.ledger.written_since(start, 1_000)
        assert page.is_all
        assert await everybody(one, page.next) == {}
        await other.ledger.append(history("bob", 1, first=2))
        assert await everybody(one, page.next) == {"bob": (2, 2)}
        assert (await everybody(one, page.safe))["bob"][1] == 2

    async def test_what_arrived_moves_on_and_never_back(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.webhooks.add(endpoint())
        assert await other.webhooks.cursors("wh_a", ["ada"]) == {}
        await one.webhooks.record_attempts([delivery(5, state="done", part=2), delivery(4, "bob", state="dead")])
        assert await other.webhooks.cursors("wh_a", ["ada", "bob", "eve"]) == {"ada": Cursor(5, 2), "bob": Cursor(4, 1)}
        await other.webhooks.record_attempts([delivery(5, state="done", part=1), delivery(3, "bob", state="done")])
        assert await one.webhooks.cursors("wh_a", ["ada", "bob"]) == {"ada": Cursor(5, 2), "bob": Cursor(4, 1)}
        await other.webhooks.record_attempts([delivery(5, state="done", part=3), delivery(6, "bob", state="done")])
        assert await one.webhooks.cursors("wh_a", ["ada", "bob"]) == {"ada": Cursor(5, 3), "bob": Cursor(6, 1)}
        assert await one.webhooks.cursors("wh_b", ["ada", "bob"]) == {}

    async def test_what_waits_blocks_its_user_until_it_is_settled(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.webhooks.add(endpoint())
        await one.webhooks.record_attempts([delivery(1, state="done"), delivery(2), delivery(1, "bob")])
        assert await other.webhooks.cursors("wh_a", ["ada", "bob"]) == {
            "ada": Cursor(1, 1, True),
            "bob": Cursor(0, 0, True),
        }
        # The next message blocks the user in the same moment.
        await one.webhooks.record_attempts([delivery(3), delivery(2, state="done")])
        assert await other.webhooks.cursors("wh_a", ["ada"]) == {"ada": Cursor(2, 1, True)}
        await one.webhooks.record_attempts([delivery(3, state="dead")])
        assert await other.webhooks.cursors("wh_a", ["ada"]) == {"ada": Cursor(3, 1)}
        # A message without an entry moves no cursor.
        await one.webhooks.record_attempts([delivery(0, "eve", state="done")])
        assert await other.webhooks.cursors("wh_a", ["eve"]) == {}

    async def test_what_is_due_comes_longest_due_first(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.webhooks.add(endpoint())
        await one.webhooks.add(endpoint("wh_b"))
        waiting = [delivery(3), delivery(1, "bob"), delivery(2, "".join(AWKWARD_IDS))]
        await one.webhooks.record_attempts(
            [*waiting, delivery(1, "eve", endpoint="wh_b"), delivery(1, "dan", state="dead")]
        )
        assert await other.webhooks.due("wh_a", now=NOON, limit=9) == []
        assert await other.webhooks.due("wh_a", now=NOON + 3, limit=9) == sorted(waiting, key=lambda d: d.next_at)
        assert await other.webhooks.due("wh_a", now=NOON + 3, limit=1) == [waiting[1]]
        await other.webhooks.retry_now("wh_a", now=NOON - 9)
        assert len(await one.webhooks.due("wh_a", now=NOON - 9, limit=9)) == 3
        assert await one.webhooks.due("wh_b", now=NOON - 9, limit=9) == []

    async def test_what_was_given_up_is_listed_and_can_be_sent_again(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.webhooks.add(endpoint())
        dead = [delivery(seq, state="dead", attempts=10) for seq in (1, 2, 3)]
        await one.webhooks.record_attempts([*dead, delivery(1, "bob")])
        assert await other.webhooks.deliveries("wh_a", state="dead") == dead[::-1]
        assert await other.webhooks.deliveries("wh_a", state="dead", limit=1) == dead[2:]
        assert await other.webhooks.revive("wh_a", "msg_bob_1", now=NOON) == 0
        assert await other.webhooks.revive("wh_a", dead[1].id, now=NOON) == 1
        assert await one.webhooks.due("wh_a", now=NOON, limit=9) == [
            replace(dead[1], state="pending", attempts=0, next_at=NOON)
        ]
        assert await other.webhooks.revive("wh_a", None, now=NOON) == 2
        assert len(await one.webhooks.due("wh_a", now=NOON, limit=9)) == 3

    async def test_what_did_not_arrive_is_counted_exactly_for_all_endpoints_at_once(
        self, open_store: OpenStore
    ) -> None:
        one, other = await open_store(), await open_store()
        assert await one.webhooks.backlogs() == {}
        for name in ("wh_a", "wh_b", "wh_c"):
            await one.webhooks.add(endpoint(name))
        await one.webhooks.record_attempts([delivery(n + 1, f"user {n}", at=NOON + n) for n in range(150)])
        await one.webhooks.record_attempts([delivery(1, "dan", state="dead", attempts=10, error=None)])
        await one.webhooks.record_attempts([delivery(1, endpoint="wh_b"), delivery(1, "eve", endpoint="gone")])
        await one.webhooks.record_attempts([delivery(1, endpoint="wh_b", state="done")])
        await one.webhooks.record_attempts([delivery(1, "bob", endpoint="wh_c", state="dead")])
        expected = {
            "wh_a": Backlog(
                150,
                1,
                [
                    FailedAttempt(NOON, "badge.awarded", 10, 500, None, is_given_up=True),
                    FailedAttempt(NOON + 149, "badge.awarded", 1, 500, "answered 500", is_given_up=False),
                ],
            ),
            "wh_c": Backlog(0, 1, [FailedAttempt(NOON, "badge.awarded", 1, 500, "answered 500", is_given_up=True)]),
        }
        assert await other.webhooks.backlogs() == expected
        await one.webhooks.revive("wh_c", None, now=NOON)
        assert (await other.webhooks.backlogs())["wh_c"].waiting == 1
        await one.webhooks.remove("wh_a")
        assert (await other.webhooks.backlogs()).keys() == {"wh_c"}

    async def test_the_log_of_what_arrived_is_bounded_and_without_bodies(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.webhooks.add(endpoint())
        await store.webhooks.record_attempts([delivery(1, "bob"), delivery(1, "eve", state="dead")])
        for first in range(0, LOG + 30, 10):
            await store.webhooks.record_attempts([delivery(first + n + 1, state="done") for n in range(10)])
        done = await store.webhooks.deliveries("wh_a", state="done", limit=10 * LOG)
        assert [each.seq for each in done] == list(range(LOG + 30, 30, -1))
        assert {each.body for each in done} == {""}
        assert len(await store.webhooks.deliveries("wh_a", limit=10 * LOG)) == LOG + 2

    async def test_reminders_are_due_once_kept_and_until_forgotten(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.webhooks.add(endpoint())
        await one.webhooks.add(endpoint("wh_b"))
        await one.webhooks.remind(
            "wh_a", {"eve": NOON + 3, "": NOON + 1, "bob": NOON + 2, **dict.fromkeys(AWKWARD_IDS, NOON)}
        )
        await one.webhooks.remind("wh_b", {"eve": NOON})
        await one.webhooks.remind("wh_a", {})
        assert await other.webhooks.due_reminders("wh_a", now=NOON - 1, limit=9) == {}
        due = await other.webhooks.due_reminders("wh_a", now=NOON + 2, limit=99)
        assert due == {**dict.fromkeys(AWKWARD_IDS, NOON), "": NOON + 1, "bob": NOON + 2}
        assert list(due)[-2:] == ["", "bob"]
        await other.webhooks.remind("wh_a", {**dict.fromkeys(AWKWARD_IDS), "nobody": None, "bob": NOON + 5})
        assert await one.webhooks.due_reminders("wh_a", now=NOON + 9, limit=2) == {"": NOON + 1, "eve": NOON + 3}
        assert await one.webhooks.due_reminders("wh_b", now=NOON + 9, limit=9) == {"eve": NOON}
        await other.webhooks.forget("eve")
        assert await one.webhooks.due_reminders("wh_a", now=NOON + 9, limit=9) == {"": NOON + 1, "bob": NOON + 5}
        assert await one.webhooks.due_reminders("wh_b", now=NOON + 9, limit=9) == {}
        await other.webhooks.remove("wh_a")
        await other.webhooks.remind("wh_a", {"eve": NOON})
        await one.webhooks.add(endpoint())
        assert await one.webhooks.due_reminders("wh_a", now=NOON + 9, limit=9) == {}

    async def test_of_a_deleted_user_only_their_deletion_is_stored(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.webhooks.add(endpoint())
        await one.webhooks.record_attempts([delivery(1)])
        await one.webhooks.remind("wh_a", {"ada": NOON, "bob": NOON})
        await other.tombstones.mark_deleted("ada", NOON)
        assert await other.tombstones.leftovers() == {"ada": ["webhook messages", "webhook reminders"]}
        await other.webhooks.forget("ada")
        # A worker that had read their entries before goes on.
        told = delivery(0, type=USER_DELETED)
        await one.webhooks.record_attempts([delivery(1, state="done"), delivery(2), delivery(3, state="dead"), told])
        await one.webhooks.record_attempts([delivery(1, "bob", state="done")])
        await one.webhooks.remind("wh_a", {"ada": NOON, "bob": NOON + 1})
        assert [each.id for each in await other.webhooks.deliveries("wh_a")] == ["msg_bob_1", told.id]
        assert await other.webhooks.cursors("wh_a", ["ada", "bob"]) == {
            "ada": Cursor(0, 0, is_blocked=True),
            "bob": Cursor(1, 1),
        }
        assert await other.webhooks.due_reminders("wh_a", now=NOON + 9, limit=9) == {"bob": NOON + 1}
        assert await other.tombstones.leftovers() == {}

    async def test_a_removed_endpoint_and_a_forgotten_user_leave_nothing(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        await one.webhooks.add(endpoint())
        await one.webhooks.record_attempts([delivery(1, state="done"), delivery(2), delivery(1, "bob", state="dead")])
        await other.webhooks.forget("ada")
        assert [each.user_id for each in await one.webhooks.deliveries("wh_a")] == ["bob"]
        assert await one.webhooks.cursors("wh_a", ["ada", "bob"]) == {"bob": Cursor(1, 1)}
        await other.webhooks.remove("wh_a")
        await one.webhooks.add(endpoint())
        assert await one.webhooks.deliveries("wh_a") == []
        assert await one.webhooks.cursors("wh_a", ["bob"]) == {}
