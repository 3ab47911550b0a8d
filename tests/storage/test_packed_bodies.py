"""A packed entry body is the body, whatever it holds."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laurels.domain.goals import GoalMet
from laurels.domain.ledger.entries import Award, BadgesGiven, Boosted, EntryBody, EventRecorded, Outcome, ProfileChanged
from laurels.storage.sqlite.packed_bodies import UNNUMBERED, names_in, pack_body, repacked, unpack_body

AT = 1_736_973_417_600
_TEXTS = st.text(min_size=1, max_size=8)
_NUMBERS = st.integers(0, 2**53)
_AMOUNTS = st.just(()) | st.just((("coins", 3), ("gems", -1)))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_KEYS = _TEXTS | st.sampled_from(["language", "codeLength", "sessionDuration", "0", "1", ""])


def numbered(body: EntryBody) -> dict[str, int | str]:
    """A number for each name of a body."""
    return {name: number for number, name in enumerate(dict.fromkeys(names_in(body)))}


def read_again(body: EntryBody) -> EntryBody:
    """What is unpacked of what was packed."""
    numbers = numbered(body)
    return unpack_body(pack_body(body, numbers), {number: name for name, number in numbers.items()})


@st.composite
def events(draw: st.DrawFn) -> EventRecorded:
    at = draw(_NUMBERS)
    return EventRecorded(
        event_type=draw(_TEXTS | st.sampled_from(["code_run", "login"])),
        at=at,
        outcome=Outcome(
            points=draw(_NUMBERS),
            total_points=draw(st.integers(-(2**70), 2**70)),
            level=draw(st.integers(1, 100)),
            rules=draw(
                st.sampled_from(["54a50dec195c", "00000dec195c", "54A50DEC195C", "0x4a50dec195", "-1"]) | _TEXTS
            ),
            offset=draw(st.sampled_from([0, 3_600, -3_600])),
            grace=draw(st.sampled_from([0, 4])),
            leveled_up=draw(st.booleans()),
            awards=[
                Award(badge, draw(_NUMBERS), draw(st.just(at) | _NUMBERS), draw(_AMOUNTS))
                for badge in draw(st.lists(_TEXTS, max_size=3))
            ],
            unpaid=draw(st.sampled_from([None, "once", "daily-cap"])),
            boost=draw(st.none() | st.just(Boosted("double", 5))),
            currencies=draw(_AMOUNTS),
            returned=draw(st.sampled_from([0, 9])),
        ),
        metadata=draw(st.dictionaries(_KEYS, _JSON, max_size=4)),
        daily_streak=draw(st.sampled_from([0, 3])),
        extends_streak=draw(st.booleans()),
        once_key=draw(st.none() | _TEXTS),
        is_imported=draw(st.booleans()),
        goals=draw(st.just([]) | st.just([GoalMet("eventsPerDay", 739_981, 3)])),
    )


def test_no_field_is_left_out() -> None:
    # A field that the layout forgets is lost in every ledger, and nothing complains.
    outcome = Outcome(1, 2, 3, "r", 4, 5, True, [Award("b", 6, 7)], "once", Boosted("x", 8), (("coins", 9),), 10)
    body = EventRecorded("e", 11, outcome, {"n": 12}, 13, True, "once", True, [GoalMet("eventsPerDay", 14, 15)])
    for kind, made in ((Outcome, outcome), (EventRecorded, body)):
        for field in msgspec.structs.fields(kind):
            assert getattr(made, field.name) not in (None, 0, False, "", [], {}, ()), f"give {field.name} a value here"
    assert read_again(body) == body


@settings(max_examples=33)
@given(events())
def test_what_is_unpacked_is_what_was_packed(body: EventRecorded) -> None:
    read = read_again(body)
    # As JSON, since to Python 1, 1.0 and True are equal; and with the members of objects in their order.
    assert msgspec.json.encode(read) == msgspec.json.encode(body)


def test_other_bodies_are_kept_as_they_are() -> None:
    bodies: list[EntryBody] = [
        ProfileChanged({"displayName": "Ada"}),
        BadgesGiven("backfill", [Award("first_run", 10, AT)], 10, 1, "54a50dec195c", {"first_run": "run-1"}),
    ]
    for body in bodies:
        assert read_again(body) == body


def test_an_event_is_far_shorter_than_its_json() -> None:
    outcome = Outcome(10, 35, 1, "54a50dec195c", awards=[Award("first_run", 10, AT)])
    body = EventRecorded("code_run", AT, outcome, {"language": "python", "codeLength": 193}, is_imported=True)
    assert len(pack_body(body, UNNUMBERED)) < len(msgspec.json.encode(body)) / 3
    assert len(pack_body(body, numbered(body))) < len(msgspec.json.encode(body)) / 5


def test_what_stands_in_a_ledger_is_read_for_ever() -> None:
    # Written by the first version of each layout. A change that does not read them loses ledgers.
    first = bytes.fromhex(
        "019aa8636f64655f72756ecf000001946baefc800a2301ac35346135306465633139356382"
        "00a6707974686f6e01ccc105019192a966697273745f72756e0a"
    )
    second = bytes.fromhex("029a00cf000001946baefc800a2301018200a6707974686f6e01ccc105019192020a")
    outcome = Outcome(10, 35, 1, "54a50dec195c", leveled_up=True, awards=[Award("first_run", 10, AT)])
    body = EventRecorded("code_run", AT, outcome, {"language": "python", "codeLength": 193}, 1, is_imported=True)
    assert pack_body(body, numbered(body)).hex() == second.hex()
    assert unpack_body(first, {}) == unpack_body(second, dict(enumerate(names_in(body)))) == body


def test_a_name_without_a_number_is_told() -> None:
    body = EventRecorded("code_run", AT, Outcome(10, 35, 1, "r", awards=[Award("first_run", 10, AT)]))
    numbers = numbered(body)
    for name in numbers:
        with pytest.raises(KeyError, match=name):
            pack_body(body, {each: number for each, number in numbers.items() if each != name})
        with pytest.raises(KeyError, match=str(numbers[name])):
            unpack_body(pack_body(body, numbers), {number: each for each, number in numbers.items() if each != name})
    assert unpack_body(pack_body(body, UNNUMBERED), {}) == body


def test_a_text_of_before_becomes_a_packed_body_or_stays() -> None:
    body = EventRecorded("code_run", AT, Outcome(5, 5, 1, "54a50dec195c"))
    assert repacked(msgspec.json.encode(body).decode()) == pack_body(body, UNNUMBERED)
    assert repacked("{broken") == b"{broken"


@pytest.mark.parametrize(
    "nonsense",
    [
        b"",
        b"\x00",
        b"[]",
        b"{",
        b"\x01",
        b"\x01\xa1a",
        b"\x03\x91\x01",
        b"\x02\x96\xc3\x01\x01\x01\x01\xa1a",
        b"\x01\x97\xa1a\x01\x01\x01\x01\xa1a\x81\x09\x01",
    ],
)
def test_what_is_no_body_is_refused(nonsense: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        unpack_body(nonsense, {1: "a"})
