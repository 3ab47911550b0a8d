"""A packed card and packed lines are what they were, whatever they hold."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laurels.application.ports.boards import Card
from laurels.application.ports.snapshots import Projection
from laurels.domain.boards.ranking import Standing
from laurels.domain.progress import Progress
from laurels.storage.sqlite.packed_cards import pack_card, packed_from_json, unpack_card
from laurels.storage.sqlite.packed_lines import Line, pack_lines, unpack_lines
from laurels.storage.sqlite.store import SQLiteStore

_TEXTS = st.text(max_size=8)
_INSTANTS = st.integers(0, 2**53)
_MAYBE = st.none() | _TEXTS
_INTEGERS = st.integers(-(2**62), 2**62)


@st.composite
def cards(draw: st.DrawFn) -> Card:
    return Card(
        user_id="ada",
        total_points=draw(st.integers(-(2**70), 2**70)),
        level=draw(st.integers(1, 100)),
        badges=draw(st.lists(_TEXTS, max_size=3)),
        last_active_at=draw(st.none() | _INSTANTS),
        display_name=draw(_MAYBE),
        photo_url=draw(_MAYBE),
        alias=draw(_MAYBE),
        pseudonym=draw(_MAYBE),
        is_counted=draw(st.booleans()),
        eligible=draw(st.lists(_TEXTS, max_size=2)),
        earned_at=draw(st.lists(_INSTANTS, max_size=3)),
    )


@settings(max_examples=33)
@given(cards())
def test_a_card_is_what_was_packed(card: Card) -> None:
    assert unpack_card(pack_card(card), "ada") == card


def test_no_field_of_a_card_is_left_out() -> None:
    card = Card("ada", 1, 2, ["first"], 3, "Ada", "https://example.org/a.png", "Owl", "p", False, ["time"], [4])
    for field in msgspec.structs.fields(Card):
        assert getattr(card, field.name) != field.default, f"give {field.name} a value here"
        assert getattr(card, field.name) != [], f"give {field.name} a value here"
    assert unpack_card(pack_card(card), "ada") == card


def test_a_card_is_half_of_its_json_at_most() -> None:
    card = Card("learner-000588", 94, 1, ["first_session", "first_run"], 1_743_967_618_560, earned_at=[1, 2])
    assert len(pack_card(card)) < len(msgspec.json.encode(card)) / 2


def test_a_card_of_before_becomes_a_packed_card_or_stays() -> None:
    card = Card("ada", 1, 2, ["first"], 3)
    assert packed_from_json(msgspec.json.encode(card).decode()) == pack_card(card)
    assert packed_from_json("{broken") == b"{broken"


@settings(max_examples=33)
@given(st.dictionaries(st.integers(1, 5_000), st.tuples(_INSTANTS, st.booleans(), _INTEGERS, _INTEGERS, _INTEGERS)))
def test_lines_are_what_was_packed(drawn: dict[int, tuple[int, bool, int, int, int]]) -> None:
    lines: dict[int, Line] = {
        number: (reached_at, 2 * number + is_hidden, points, events, seq)
        for number, (reached_at, is_hidden, points, events, seq) in drawn.items()
    }
    assert unpack_lines(pack_lines(lines.values())) == lines


@pytest.mark.parametrize("nonsense", [b"", b"\x00", b"\x91\xa1a", b"\x91\x01", b"\x95\x01\x01"])
def test_what_cannot_be_read_is_an_error_of_one_kind(nonsense: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        unpack_lines(nonsense)
    with pytest.raises(msgspec.MsgspecError):
        unpack_card(nonsense, "ada")


async def test_they_are_read_by_whatever_name_a_user_has(database: Path) -> None:
    # They are read as JSON, in which each of these is written in another way.
    names = ["ada", 'say "hi"', "back\\slash", "tab\tand\x01", "Zoë 🦉", "null", "7", "[]"]
    store = await SQLiteStore.open(database)
    progresses = [Progress(user_id=name, version="v", seq=2**53 + place) for place, name in enumerate(names)]
    written = [card_named(name, place) for place, name in enumerate(names)]
    lines = {name: {"all_time": Standing(name, 2**62 - place, 1, 5, True)} for place, name in enumerate(names)}
    await store.snapshots.project([Projection(each, lines[each.user_id]) for each in progresses], cards=written)
    loaded = await store.ledger.load(dict.fromkeys([*names, "stranger"]), (), "v")
    assert loaded.snapshots == {each.user_id: each for each in progresses}
    found = await store.snapshots.projected([*names, "stranger"])
    assert {name: (each.card, each.standings) for name, each in found.items()} == {
        card.user_id: (card, lines[card.user_id]) for card in written
    }
    # Written again, those of before are found: each line and each card is counted once.
    await store.snapshots.project([Projection(each, lines[each.user_id]) for each in progresses], cards=written)
    assert await store.boards.miscounted() == []
    assert await store.boards.miscounted_badges() == []
    assert await store.boards.count("all_time") == len(names)
    await store.close()


def card_named(name: str, place: int) -> Card:
    return Card(name, place, 1, ["first"], 3, earned_at=[place])
