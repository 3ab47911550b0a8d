"""Proof and repair: what `verify` finds, and what `rebuild` makes good."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import apsw
import msgspec
import pytest

from laurels.application.maintenance.rebuild import rebuild, rebuild_users
from laurels.application.maintenance.verification import Verification, verify, verify_users
from laurels.application.ports.snapshots import Projected
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.storage.packing import unpack
from laurels.testing.builders import learning_event, project, small_rulebook
from laurels.testing.clocks import SettableClock
from tests.entry_bodies import teach_bodies
from tests.packed_projections import changed_line, number_of, teach_projections


@pytest.fixture
async def recorded(laurels: Service, clock: SettableClock) -> Service:
    """Three users over several days, projected, one of them with a profile."""
    await laurels.change_profile("ada", {"displayName": "Ada", "timeZone": "Asia/Tokyo"})
    await laurels.record_many(
        [
            learning_event(
                user_id, ("run", "talk")[n % 2], event_id=f"e{n}", at=clock.moment - timedelta(days=n), language=f"l{n}"
            )
            for user_id in ("ada", "bob", "cleo")
            for n in range(5)
        ]
    )
    await laurels.projector.flush()
    assert (await verify(laurels.store, laurels.rulebook)).is_clean
    return laurels


def tamper(database: Path, statement: str) -> None:
    """Change the file behind the store's back."""
    connection = apsw.Connection(str(database))
    teach_bodies(connection)
    teach_projections(connection)
    # A snapshot as JSON, and back.
    connection.create_scalar_function("opened", lambda *given: msgspec.json.encode(unpack(*given)).decode(), 3)  # pyright: ignore  the driver's stubs
    connection.create_scalar_function("closed", lambda *given: given[0].encode(), 1)  # pyright: ignore  the driver's stubs
    connection.execute(statement)
    assert connection.changes() > 0, "nothing was tampered with"
    connection.close()


def said_of(found: Verification, user_id: str) -> str:
    """All that was found about a user; a difference of anybody else fails the test."""
    # A line that was tampered with is one that its board's counts do not tell of; that is no user's difference.
    of_users = [difference for difference in found.differences if difference.counted is None]
    assert {difference.user_id for difference in of_users} == {user_id}
    return "\n".join(difference.what for difference in of_users)


async def projections(laurels: Service) -> dict[str, Projected]:
    return await laurels.store.snapshots.projected(await laurels.store.ledger.users())


class TestVerifyOfTheLedger:
    """Entries that do not follow from those before them."""

    async def test_a_sound_ledger_is_counted(self, recorded: Service) -> None:
        found = await verify(recorded.store, recorded.rulebook)
        progresses = [await recorded.learners.progress(user_id) for user_id in ("ada", "bob", "cleo")]
        assert (found.users, found.entries, found.events, found.behind) == (3, 16, 15, 0)
        assert found.awards == sum(len(progress.awards) for progress in progresses) > 0
        assert found.points == sum(progress.total_points for progress in progresses) > 0

    @pytest.mark.parametrize(
        "change",
        [
            "json_set(readable(body), '$.outcome.points', 500)",
            "json_set(readable(body), '$.outcome.totalPoints', 500)",
            "json_set(readable(body), '$.outcome.level', 9)",
            "json_set(readable(body), '$.outcome.leveledUp', json('true'))",
            "json_set(readable(body), '$.outcome.awards', json('[]'))",
            "json_set(readable(body), '$.outcome.awards[0].points', 11)",
            "json_set(readable(body), '$.outcome.awards[0].earnedAt', 0)",
            "json_set(readable(body), '$.eventType', 'talk')",
            "json_set(readable(body), '$.at', 0)",
        ],
    )
    async def test_a_changed_fact_is_found(self, recorded: Service, database: Path, change: str) -> None:
        # The third run brings a badge, so there is an award to tamper with.
        tamper(
            database,
            f"UPDATE ledger SET body = packed({change}) "
            "WHERE user_id = 'bob' AND seq = 5 AND readable(body) ->> '$.outcome.awards' IS NOT NULL",
        )
        assert said_of(await verify(recorded.store, recorded.rulebook), "bob")

    async def test_an_award_that_was_made_before_is_found(self, recorded: Service, database: Path) -> None:
        award = '{"badgeId":"first","points":10,"earnedAt":1773489600000}'
        tamper(
            database,
            f"UPDATE ledger SET body = packed(json_set(readable(body), '$.outcome.awards', json('[{award}]'))) "
            "WHERE user_id = 'bob' AND seq = 2",
        )
        assert "'first' is awarded again" in said_of(await verify(recorded.store, recorded.rulebook), "bob")

    async def test_under_other_rules_than_at_the_time_totals_must_still_add_up(
        self, recorded: Service, database: Path
    ) -> None:
        generous = small_rulebook(event_types={"run": {"points": 50}, "talk": {"points": 10}})
        assert (await verify(recorded.store, generous)).is_clean
        tamper(
            database,
            "UPDATE ledger SET body = packed(json_set(readable(body), '$.outcome.points', 500)) "
            "WHERE user_id = 'bob' AND seq = 3",
        )
        assert "sum of the ledger" in said_of(await verify(recorded.store, generous), "bob")

    @pytest.mark.parametrize("seq", [1, 3, 5])
    async def test_a_missing_entry_is_found_wherever_it_stood(
        self, recorded: Service, database: Path, seq: int
    ) -> None:
        tamper(database, f"DELETE FROM ledger WHERE user_id = 'bob' AND seq = {seq}")
        assert said_of(await verify(recorded.store, recorded.rulebook), "bob")

    async def test_a_missing_entry_is_found_even_if_all_else_adds_up(self, recorded: Service, database: Path) -> None:
        # A profile change brings no points, and without projections nothing is left that remembers it.
        tamper(database, "DELETE FROM ledger WHERE user_id = 'ada' AND seq = 1")
        await recorded.store.snapshots.clear()
        found = await verify(recorded.store, recorded.rulebook)
        assert said_of(found, "ada") == "the entry before it should be 1 but is 0"

    async def test_a_user_whose_whole_ledger_is_missing_is_found(self, recorded: Service, database: Path) -> None:
        tamper(database, "DELETE FROM ledger WHERE user_id = 'bob'")
        assert "the ledger ends at 0" in said_of(await verify(recorded.store, recorded.rulebook), "bob")

    async def test_an_event_that_stands_twice_is_found(self, recorded: Service, database: Path) -> None:
        tamper(database, "DROP INDEX ledger_user_event; UPDATE ledger SET event_id = 'e0' WHERE user_id = 'bob'")
        assert "'e0' is recorded twice" in said_of(await verify(recorded.store, recorded.rulebook), "bob")


class TestVerifyOfTheProjections:
    """Snapshots, cards and boards that do not follow from the ledger."""

    @pytest.mark.parametrize(
        "change",
        [
            "state = closed(json_set(opened(state, user_id, version), '$.totalPoints', 500))",
            "state = closed(json_set(opened(state, user_id, version), '$.awards.extra', "
            """json('{"badgeId":"extra","points":0,"earnedAt":0}')))""",
            "state = closed(json_remove(opened(state, user_id, version), '$.longestStreak'))",
            "state = closed(json_remove(opened(state, user_id, version), '$.measureValues'))",
            "state = closed(json_set(opened(state, user_id, version), '$.displayName', 'Bobby'))",
            "card = card_packed(json_set(card_json(card, user_id), '$.totalPoints', 500))",
            "card = card_packed(json_set(card_json(card, user_id), '$.displayName', 'Bobby'))",
            "card = card_packed(json_set(card_json(card, user_id), '$.badges', json('[]')))",
            "seq = seq + 1",
        ],
    )
    async def test_a_changed_snapshot_or_card_is_found(self, recorded: Service, database: Path, change: str) -> None:
        tamper(database, f"UPDATE progress SET {change} WHERE user_id = 'bob'")
        assert said_of(await verify(recorded.store, recorded.rulebook), "bob")

    @pytest.mark.parametrize(
        ("board", "change"),
        [
            ("2026-03", "json_set(lines, path || '[0]', 77)"),
            ("all", "json_set(lines, path || '[1]', 77)"),
            ("2026-W11", "json_set(lines, path || '[2]', 77)"),
            ("all", "json_set(lines, path || '[4]', 1)"),
            ("2026-03-14", "json_remove(lines, path)"),
            ("2031-01", "json_set(lines, path, json('[5, 1, 0, 1, 0]'))"),
        ],
    )
    async def test_a_changed_missing_or_extra_standing_is_found(
        self, recorded: Service, database: Path, board: str, change: str
    ) -> None:
        tamper(database, f"INSERT OR IGNORE INTO names (name) VALUES ('{board}'); {changed_line('bob', board, change)}")
        assert f"board {board}" in said_of(await verify(recorded.store, recorded.rulebook), "bob")

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE standings SET points = points + 1",
            "UPDATE standings SET events = events + 1",
            "UPDATE standings SET reached_at = reached_at - 1",
            "UPDATE standings SET user_id = 'ghost'",
            "DELETE FROM standings",
        ],
    )
    async def test_an_order_that_differs_from_the_lines_is_found(
        self, recorded: Service, database: Path, change: str
    ) -> None:
        tamper(database, f"{change} WHERE user_id = 'bob' AND board = {number_of('2026-03')}")
        found = await verify(recorded.store, recorded.rulebook)
        assert [each.counted for each in found.differences] == ["board '2026-03'"]

    async def test_a_standing_of_nobody_is_found(self, recorded: Service, database: Path) -> None:
        tamper(database, "INSERT INTO lines SELECT 'ghost', lines FROM lines WHERE user_id = 'bob'")
        assert "2026-03" in said_of(await verify(recorded.store, recorded.rulebook), "ghost")

    async def test_a_projection_of_nobody_is_found(self, recorded: Service) -> None:
        await project(recorded.store, "ghost", 2)
        assert "the ledger ends at 0" in said_of(await verify(recorded.store, recorded.rulebook), "ghost")

    async def test_standings_without_their_snapshot_are_found(self, recorded: Service, database: Path) -> None:
        tamper(database, "DELETE FROM progress WHERE user_id = 'bob'")
        assert "no snapshot" in said_of(await verify(recorded.store, recorded.rulebook), "bob")

    async def test_a_projection_that_is_on_its_way_is_no_difference(self, recorded: Service) -> None:
        await recorded.record("bob", "run")
        await recorded.record("dora", "run")
        found = await verify(recorded.store, recorded.rulebook)
        assert (found.is_clean, found.behind) == (True, 2)

    async def test_a_snapshot_for_other_measures_is_not_compared(self, recorded: Service) -> None:
        longer = small_rulebook(badges=[])
        assert longer.measures_version != recorded.rulebook.measures_version
        assert (await verify(recorded.store, longer)).is_clean

    async def test_an_unreadable_snapshot_keeps_nobody_from_recording(
        self, recorded: Service, store_url: str, database: Path, clock: SettableClock
    ) -> None:
        tamper(database, "UPDATE progress SET state = x'00' WHERE user_id = 'bob'")
        async with open_service(store_url, rulebook=recorded.rulebook, clock=clock) as other:
            assert (await other.learners.progress("bob")).events == 5
            await other.record("bob", "run")
        found = await verify(recorded.store, recorded.rulebook)
        assert (found.is_clean, found.behind) == (True, 0)


class TestRebuild:
    """Everything but the ledger, made again."""

    async def test_it_makes_the_same_projections_again(self, recorded: Service) -> None:
        before = await projections(recorded)
        assert await rebuild(recorded.store, recorded.rulebook) == 3
        assert await projections(recorded) == before
        assert before.keys() == {"ada", "bob", "cleo"}

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE progress SET state = closed(json_set(opened(state, user_id, version), '$.totalPoints', 500)), "
            "card = card_packed(json_set(card_json(card, user_id), '$.level', 7))",
            "UPDATE progress SET seq = 1000, state = closed(json_set(opened(state, user_id, version), '$.seq', 1000))",
            "UPDATE progress SET state = x'00'",
            "UPDATE standings SET points = 1",
            "UPDATE lines SET lines = (SELECT lines FROM lines WHERE user_id = 'ada')",
            "DELETE FROM standings",
            "DELETE FROM lines",
            "DELETE FROM names",
            "DELETE FROM progress",
            "INSERT INTO standings SELECT board, 5, 1, 'ghost', 1 FROM standings WHERE user_id = 'bob'",
            "INSERT INTO lines SELECT 'ghost', lines FROM lines WHERE user_id = 'bob'",
            "INSERT INTO progress SELECT 'ghost', seq, version, card, state FROM progress WHERE user_id = 'bob'",
        ],
    )
    async def test_it_repairs_whatever_happened_to_the_projections(
        self, recorded: Service, database: Path, statement: str
    ) -> None:
        before = await projections(recorded)
        tamper(database, statement)
        await rebuild(recorded.store, recorded.rulebook)
        assert await projections(recorded) == before
        found = await verify(recorded.store, recorded.rulebook)
        assert (found.is_clean, found.behind) == (True, 0)

    async def test_it_brings_the_projections_of_another_rulebook_up_to_date(self, recorded: Service) -> None:
        moved = small_rulebook(boards={"zone": "Pacific/Kiritimati"})
        assert not (await verify(recorded.store, moved)).is_clean
        await rebuild(recorded.store, moved)
        assert (await verify(recorded.store, moved)).is_clean

    async def test_it_takes_more_users_and_entries_than_a_page(self, recorded: Service) -> None:
        await recorded.record_many([learning_event("busy") for _ in range(2_100)])
        await recorded.record_many([learning_event(f"user {n}") for n in range(450)])
        await rebuild(recorded.store, recorded.rulebook)
        found = await verify(recorded.store, recorded.rulebook)
        assert (found.is_clean, found.behind, found.users) == (True, 0, 454)

    async def test_recording_may_go_on_meanwhile(self, recorded: Service, clock: SettableClock) -> None:
        for _ in range(10):
            await rebuild(recorded.store, recorded.rulebook)
            await recorded.record("bob", "run", timestamp=clock.moment - timedelta(days=9))
            await recorded.projector.flush()
        found = await verify(recorded.store, recorded.rulebook)
        assert (found.is_clean, found.behind) == (True, 0)

    async def test_some_users_at_a_time_come_to_the_same(self, recorded: Service) -> None:
        before = await projections(recorded)
        for together in (1, 11):
            # In three writes, then in two.
            await recorded.store.snapshots.clear()
            done = await rebuild_users(recorded.store, recorded.rulebook, sorted(before), together=together)
            assert (done.users, done.entries) == (3, 16)
            assert await projections(recorded) == before
        await recorded.store.snapshots.clear()
        parts = [await rebuild_users(recorded.store, recorded.rulebook, [user_id]) for user_id in sorted(before)]
        assert [(part.users, part.entries) for part in parts] == [(1, 6), (1, 5), (1, 5)]
        assert await projections(recorded) == before
        found = Verification()
        for user_id in before:
            found.add(await verify_users(recorded.store, recorded.rulebook, [user_id]))
        assert found == await verify(recorded.store, recorded.rulebook)
