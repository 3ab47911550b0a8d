"""Who is named as a holder of a badge: the first and the latest, of those who stand on the boards as themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from laurels.application.maintenance.backfill import Backfill
from laurels.application.maintenance.verification import verify
from laurels.application.queries.boards.badge_holders import SHOWN, HoldersView
from laurels.application.service import Service
from laurels.bootstrap import open_service
from laurels.domain.events import LearningEvent
from laurels.domain.periods import to_datetime
from laurels.domain.rules.rulebook import Rulebook
from laurels.testing.builders import NOON, small_rulebook

DAY = 86_400_000
BADGE = "third"


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'laurels.db'}"


async def earn(service: Service, user: str, at: int) -> None:
    runs = [LearningEvent(user_id=user, event_type="run", timestamp=to_datetime(at + number)) for number in range(3)]
    await service.record_many(runs, earliest=0)


async def holders(service: Service, badge: str = BADGE) -> HoldersView:
    await service.projector.flush()
    return await service.badge_holders.of(badge)


def ids(found: HoldersView) -> tuple[list[str], list[str]]:
    return [each.user_id for each in found.first], [each.user_id for each in found.latest]


async def test_the_first_and_the_latest_are_named_with_the_day_of_the_boards(tmp_path: Path) -> None:
    async with open_service(url_in(tmp_path), rulebook=small_rulebook(), clock=lambda: NOON) as laurels:
        await laurels.change_profile("user-3", {"displayName": "Cleo"})
        for number in (4, 2, 3, 1):
            await earn(laurels, f"user-{number}", NOON - (9 - number) * DAY)
        found = await holders(laurels)
        assert ids(found) == (["user-1", "user-2", "user-3", "user-4"], [])
        assert (found.first[2].display_name, found.first[2].has_name, found.first[1].has_name) == ("Cleo", True, False)
        assert found.first[0].earned_on == to_datetime(NOON - 8 * DAY).date()
        for number in (5, 6, 7):
            await earn(laurels, f"user-{number}", NOON - (9 - number) * DAY)
        assert ids(await holders(laurels)) == ([f"user-{n}" for n in range(1, SHOWN + 1)], ["user-7", "user-6"])
        assert ids(await holders(laurels, "century")) == ids(await holders(laurels, "none")) == ([], [])


@pytest.mark.parametrize(
    "profile", [{"visibility": "hidden"}, {"visibility": "alias", "alias": "Fox"}], ids=["hidden", "alias"]
)
async def test_who_leaves_is_named_no_more_and_again_when_they_come_back(
    tmp_path: Path, profile: dict[str, str]
) -> None:
    async with open_service(url_in(tmp_path), rulebook=small_rulebook(), clock=lambda: NOON) as laurels:
        await earn(laurels, "ada", NOON - DAY)
        await earn(laurels, "bob", NOON - 2 * DAY)
        before = await holders(laurels)
        await laurels.change_profile("bob", profile)
        left = await holders(laurels)
        assert ids(left) == (["ada"], [])
        # Neither the id nor the instant is kept where holders are looked for.
        assert {each.user_id for each in await laurels.store.boards.latest_holders(BADGE, limit=9)} == {"ada"}
        await laurels.change_profile("bob", {"visibility": "public"})
        assert await holders(laurels) == before
        await laurels.suspend_user("bob")
        assert await holders(laurels) == left


async def test_taking_back_granting_merging_and_deleting_move_holders(tmp_path: Path) -> None:
    async with open_service(url_in(tmp_path), rulebook=small_rulebook(), clock=lambda: NOON) as laurels:
        for number, user in enumerate(("ada", "bob", "cleo", "dan")):
            await earn(laurels, user, NOON - (9 - number) * DAY)
        await laurels.corrections.revoke("ada", BADGE, reason="a mistake")
        assert ids(await holders(laurels))[0] == ["bob", "cleo", "dan"]
        await laurels.change_profile("eve", {"displayName": "Eve"})
        await laurels.corrections.grant("eve", BADGE, reason="by hand", earned_at=NOON - 20 * DAY)
        assert ids(await holders(laurels))[0] == ["eve", "bob", "cleo", "dan"]
        await laurels.record("flo", "talk")
        await laurels.merging.merge("bob", "flo", reason="one person")
        merged = await holders(laurels)
        assert ids(merged)[0] == ["eve", "flo", "cleo", "dan"]
        assert merged.first[1].earned_on == to_datetime(NOON - 8 * DAY).date()
        await laurels.deletion.delete("eve")
        assert ids(await holders(laurels))[0] == ["flo", "cleo", "dan"]
        assert (await verify(laurels.store, laurels.rulebook)).differences == []


async def test_nobody_is_named_of_a_hidden_badge(tmp_path: Path) -> None:
    shown = small_rulebook().data
    hidden = [replace(badge, hidden=badge.id == BADGE) for badge in shown.badges]
    async with open_service(url_in(tmp_path), rulebook=Rulebook(replace(shown, badges=hidden))) as laurels:
        await earn(laurels, "ada", NOON)
        assert ids(await holders(laurels, "first")) == (["ada"], [])
        assert ids(await holders(laurels)) == ([], [])


async def test_a_backfilled_badge_has_the_day_on_which_it_was_met(tmp_path: Path) -> None:
    new = small_rulebook()
    old = Rulebook(replace(new.data, badges=[badge for badge in new.data.badges if badge.id != BADGE]))
    async with open_service(url_in(tmp_path), rulebook=old) as laurels:
        await earn(laurels, "ada", NOON - 9 * DAY)
    async with open_service(url_in(tmp_path), rulebook=new) as laurels:
        await earn(laurels, "bob", NOON - 12 * DAY)
        assert ids(await holders(laurels)) == (["bob"], [])
        await Backfill(laurels.store, new, laurels.recorder).of(["ada", "bob"])
        found = await holders(laurels)
        assert [each.earned_on.toordinal() - found.first[0].earned_on.toordinal() for each in found.first] == [0, 3]
        assert ids(found) == (["bob", "ada"], [])
