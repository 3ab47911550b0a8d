"""Leaving the boards, and appearing on them under an alias."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from datetime import timedelta

import pytest

from laurels.application.maintenance.rebuild import rebuild
from laurels.application.maintenance.verification import verify
from laurels.application.queries.board_views import Leaderboard
from laurels.application.service import Service
from laurels.errors import InvalidProfile, UnknownUser
from laurels.testing.clocks import SettableClock

EVENTS = (("ada", 5), ("bob", 4), ("cleo", 3), ("dan", 3), ("eve", 1))


@pytest.fixture(autouse=True)
async def _recorded(laurels: Service, clock: SettableClock) -> None:
    for user_id, count in EVENTS:
        await laurels.change_profile(user_id, {"displayName": user_id.title(), "photoURL": "https://a.test/1.png"})
        for _ in range(count):
            await laurels.record(user_id, "talk")
            await laurels.record(user_id, "talk", timestamp=clock.moment - timedelta(days=40))
    await laurels.projector.flush()


def lines(page: Leaderboard) -> list[tuple[int, str]]:
    return [(row.rank, row.user_id) for row in page.leaderboard]


async def test_who_leaves_is_gone_at_once_and_the_ranks_close_up(laurels: Service) -> None:
    await laurels.change_profile("bob", {"visibility": "hidden"})
    for period in ("all", "2026-03", "2026-W11", "2026-03-14", "2026-02"):
        page = await laurels.leaderboards.page(period=period)
        assert lines(page) == [(1, "ada"), (2, "cleo"), (2, "dan"), (4, "eve")], period
        assert page.total == 4
    # Nor does anybody's rank in the period before count them.
    assert [row.previous_rank for row in (await laurels.leaderboards.page(period="2026-03")).leaderboard] == [
        1,
        2,
        2,
        4,
    ]
    rank = await laurels.leaderboards.rank("bob")
    assert (rank.rank, rank.points, rank.of) == (None, None, 4)
    assert (await laurels.leaderboards.rank("cleo")).rank == 2
    assert (await laurels.leaderboards.among(["bob", "eve"])).total == 1
    with pytest.raises(UnknownUser):
        await laurels.leaderboards.page(around="bob")
    assert (await laurels.learners.dashboard("bob")).total_events == 8
    assert (await verify(laurels.store, laurels.rulebook)).is_clean


async def test_who_comes_back_is_on_every_board_with_all_that_happened_meanwhile(laurels: Service) -> None:
    await laurels.change_profile("eve", {"visibility": "hidden"})
    for _ in range(9):
        await laurels.record("eve", "talk")
    await laurels.projector.flush()
    assert lines(await laurels.leaderboards.page())[0] == (1, "ada")
    await laurels.change_profile("eve", {"visibility": "public"})
    assert lines(await laurels.leaderboards.page(period="2026-03"))[0] == (1, "eve")
    assert lines(await laurels.leaderboards.page(period="2026-02"))[-1] == (5, "eve")
    assert (await laurels.leaderboards.rank("eve")).rank == 1
    assert (await verify(laurels.store, laurels.rulebook)).is_clean


async def test_who_never_was_on_a_board_stays_off_it(laurels: Service) -> None:
    await laurels.change_profile("new", {"visibility": "hidden"})
    await laurels.record("new", "talk")
    await laurels.projector.flush()
    assert (await laurels.leaderboards.page()).total == len(EVENTS)


async def test_an_alias_has_neither_name_nor_photo_nor_id(laurels: Service) -> None:
    user = await laurels.change_profile("bob", {"visibility": "alias", "alias": "Night Owl"})
    assert (user.visibility, user.alias) == ("alias", "Night Owl")
    page = await laurels.leaderboards.page()
    row = page.leaderboard[1]
    assert (row.rank, row.display_name, row.photo_url, row.badges, row.last_active_at) == (
        2, "Night Owl", None, [], None,
    )  # fmt: skip
    assert row.user_id.startswith("~")
    assert row.user_id == row.id
    assert lines(await laurels.leaderboards.page(period="2026-03"))[1] == (2, row.user_id)
    # Asking for somebody by id must not tell which alias is theirs.
    assert lines(await laurels.leaderboards.among(["bob", "eve"])) == [(1, "eve")]
    await laurels.change_profile("bob", {"visibility": "public"})
    assert lines(await laurels.leaderboards.page())[1] == (2, "bob")
    await laurels.change_profile("bob", {"visibility": "alias", "alias": "Night Owl"})
    assert (await laurels.leaderboards.page()).leaderboard[1].user_id not in ("bob", row.user_id)


async def test_another_alias_is_not_tied_to_the_one_before(laurels: Service) -> None:
    await laurels.change_profile("bob", {"visibility": "alias", "alias": "Night Owl"})
    before = (await laurels.leaderboards.page()).leaderboard[1]
    await laurels.change_profile("bob", {"alias": "Fox"})
    after = (await laurels.leaderboards.page()).leaderboard[1]
    assert (before.display_name, after.display_name) == ("Night Owl", "Fox")
    assert after.user_id not in ("bob", before.user_id)
    assert (await verify(laurels.store, laurels.rulebook)).is_clean


async def test_rebuilding_keeps_to_it(laurels: Service) -> None:
    await laurels.change_profile("bob", {"visibility": "alias", "alias": "Night Owl"})
    await laurels.change_profile("cleo", {"visibility": "hidden"})
    before = await laurels.leaderboards.page()
    await rebuild(laurels.store, laurels.rulebook)
    assert await laurels.leaderboards.page() == before
    assert (await verify(laurels.store, laurels.rulebook)).is_clean


@pytest.mark.parametrize("tied", [False, True])
async def test_a_cursor_does_not_give_an_alias_away(laurels: Service, clock: SettableClock, tied: bool) -> None:
    owls = [f"the-owl-{number}" for number in range(3)]
    for number, user_id in enumerate(owls):
        # Equal points at the same instant: then only the ids decide.
        await laurels.record(user_id, "run", timestamp=clock.moment - timedelta(days=0 if tied else number))
        await laurels.change_profile(user_id, {"visibility": "alias", "alias": "Owl"})
    everybody = (await laurels.leaderboards.page()).leaderboard
    assert len(everybody) == len(EVENTS) + len(owls)
    met: list[str] = []
    cursors: list[str] = []
    while cursors or not met:
        page = await laurels.leaderboards.page(limit=1, cursor=cursors[-1] if cursors else None)
        met += [row.user_id for row in page.leaderboard]
        if page.next is None:
            break
        cursors.append(page.next)
    assert met == [row.user_id for row in everybody]
    # Neither content nor length tells one from another.
    assert len({len(cursor) for cursor in cursors}) == 1
    for cursor in cursors:
        sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        assert not any(part in sealed for part in (b"owl", b"ada", b"all"))


async def test_the_order_of_equals_tells_nothing_of_an_alias(laurels: Service, clock: SettableClock) -> None:
    """Whenever and under whatever id somebody reached the points: under an alias they come last among equals, in an
    order that is drawn anew with each alias."""
    people = [f"person-{letter}" for letter in "abcdefgh"]
    for number, user_id in enumerate(people):
        await laurels.record(user_id, "run", timestamp=clock.moment - timedelta(hours=number))
    hidden = people[2:7]
    orders: set[tuple[str, ...]] = set()
    for _ in range(6):
        pseudonyms: dict[str, str] = {}
        for user_id in hidden:
            await laurels.change_profile(user_id, {"visibility": "public"})
            await laurels.change_profile(user_id, {"visibility": "alias", "alias": user_id[::-1]})
        for row in (await laurels.leaderboards.page(limit=100)).leaderboard:
            if row.user_id.startswith("~"):
                pseudonyms[row.display_name[::-1]] = row.user_id
        assert set(pseudonyms) == set(hidden)
        order = [row.user_id for row in (await laurels.leaderboards.page(limit=100)).leaderboard]
        equals = [each for each in order if each in people or each in pseudonyms.values()]
        assert equals[:3] == ["person-h", "person-b", "person-a"]
        orders.add(tuple(user_id for each in equals[3:] for user_id in hidden if pseudonyms[user_id] == each))
    assert len(orders) > 1
    await laurels.projector.flush()
    assert (await verify(laurels.store, laurels.rulebook)).is_clean


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"visibility": "gone"}, "visibility"),
        ({"visibility": None}, "visibility"),
        ({"visibility": "alias"}, "alias"),
        ({"visibility": "alias", "alias": ""}, "alias"),
        ({"alias": None}, "alias"),
        ({"alias": "a\nb"}, "alias"),
        ({"alias": " \u3164\u2800\ufe0f "}, "alias"),
        ({"displayName": " "}, "displayName"),
        ({"alias": "x" * 101}, "alias"),
        ({"pseudonym": "~1"}, "pseudonym"),
    ],
)
async def test_what_makes_no_sense_is_refused(laurels: Service, changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidProfile) as refused:
        await laurels.change_profile("ada", changes)
    assert refused.value.field == field
    assert lines(await laurels.leaderboards.page())[0] == (1, "ada")
