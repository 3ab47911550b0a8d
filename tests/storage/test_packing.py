"""A packed progress is the progress, whatever it holds."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.domain.boards.ranking import Visibility
from laurels.domain.ledger.entries import Award
from laurels.domain.progress import BoardDay, DayTotals, Progress, TypeTotals
from laurels.storage.packing import pack, unpack

_NAMES = st.text(min_size=1, max_size=8)
_NUMBERS = st.integers(0, 2**53)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def progresses(draw: st.DrawFn) -> Progress:
    badges = draw(st.lists(_NAMES, unique=True, max_size=4))
    days = draw(st.lists(st.integers(700_000, 760_000), unique=True, max_size=4))
    return Progress(
        user_id=draw(_NAMES),
        version="v",
        seq=draw(_NUMBERS),
        last_active_at=draw(st.none() | _NUMBERS),
        types={name: TypeTotals(draw(_NUMBERS), draw(_NUMBERS)) for name in draw(st.lists(_NAMES, max_size=2))},
        days={day: DayTotals(draw(_NUMBERS), draw(_NUMBERS), draw(st.integers(0, 2**24 - 1))) for day in days},
        board_days={day: BoardDay(draw(_NUMBERS), 1, draw(_NUMBERS)) for day in days},
        awards={badge: Award(badge, draw(_NUMBERS), draw(_NUMBERS)) for badge in badges},
        display_name=draw(st.none() | _NAMES),
        preferences=draw(st.dictionaries(_NAMES, _JSON, max_size=3)),
        visibility=draw(st.sampled_from(Visibility)),
        zones=[(0, "Europe/Vienna"), (5, "UTC")],
        measure_values={3: draw(st.integers(0, 2**70))},
        parts={1: {739_266: {"python", 5}, 0: 3}},
        once=draw(st.binary(max_size=16)),
        revoked=badges[:1],
        runs=[(draw(_NUMBERS), draw(_NUMBERS)) for _ in badges],
    )


@given(progresses())
def test_what_is_unpacked_is_what_was_packed(progress: Progress) -> None:
    assert unpack(pack(progress), progress.user_id, "v") == progress


def test_each_common_field_comes_back_in_its_own_place() -> None:
    # All of them differ, and there is no other field: nearly every user is read like this one.
    progress = Progress(
        user_id="ada",
        version="v",
        seq=1,
        created_at=2,
        last_active_at=3,
        events=4,
        total_points=5,
        longest_streak=6,
        first_day=7,
        last_day=8,
        run_first=9,
        types={"run": TypeTotals(10, 11)},
        languages={"python": 12},
        days={13: DayTotals(14, 15, 16)},
        board_days={17: BoardDay(18, 19, 20)},
        awards={"first": Award("first", 21, 22), "second": Award("second", 23, 24)},
        measure_values={25: 26},
        parts={27: {28: {29, "x"}, 30: 31}},
    )
    read = unpack(pack(progress), "ada", "v")
    assert read == progress
    # Nothing that is empty is shared with another user.
    read.zones.append((0, "UTC"))
    read.revoked.append("first")
    assert unpack(pack(progress), "ada", "v") == progress


def test_it_is_much_shorter_than_json() -> None:
    progress = Progress(
        user_id="learner-1",
        version="1234567890ab",
        awards={name: Award(name, 10, 1_736_973_417_600) for name in ("first_run", "points_100", "bilingual")},
        days={739_266 + day: DayTotals(1, 10, 1 << 20) for day in range(5)},
    )
    assert len(pack(progress)) < len(msgspec.json.encode(progress)) / 2


def test_what_is_no_snapshot_is_refused() -> None:
    for nonsense in (b"", b"\x00", b"[]", b"{", b"\x02", b"\x02\x91\xa1a"):
        with pytest.raises(msgspec.MsgspecError):
            unpack(nonsense, "ada", "v")


def test_a_snapshot_of_an_older_layout_is_as_good_as_none() -> None:
    # The user, the version and thirty other fields, as they were kept before there was a byte that says so.
    older = msgspec.msgpack.encode(["ada", "v", *range(30)])
    assert unpack(older, "ada", "v") == Progress(user_id="ada", version="")
