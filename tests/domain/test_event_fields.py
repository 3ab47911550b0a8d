"""What an event may say: every wrong field is named at once, with what is taken, and the nearest known name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.domain.events import FIELDS, LearningEvent, check_event, decode_event, event_faults, normal_event
from laurels.errors import InvalidEvent

NOW = 1_768_469_400_000
TYPES = ("code_run", "ai_debug", "challenge_complete")


def decode(document: object) -> LearningEvent:
    return decode_event(msgspec.json.encode(document), TYPES, now=NOW, earliest=0)


def refused(document: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidEvent) as caught:
        check_event(normal_event(decode(document)), TYPES, now=NOW, earliest=0)
    return list(caught.value.faults)


@st.composite
def typos(draw: st.DrawFn) -> tuple[str, str]:
    """A field's name with a letter lost, doubled, changed or swapped with the next, in any case."""
    name = draw(st.sampled_from(FIELDS))
    at = draw(st.integers(1, len(name) - 2))
    change = draw(st.sampled_from(["lost", "doubled", "swapped", "changed"]))
    wrong = {
        "lost": name[:at] + name[at + 1 :],
        "doubled": name[:at] + name[at] + name[at:],
        "swapped": name[:at] + name[at + 1] + name[at] + name[at + 2 :],
        "changed": name[:at] + draw(st.sampled_from("abcxyz")) + name[at + 1 :],
    }[change]
    return name, draw(st.sampled_from([wrong, wrong.lower(), wrong.upper()]))


@given(typos())
def test_a_typo_of_any_field_is_refused_with_the_right_name(typo: tuple[str, str]) -> None:
    name, wrong = typo
    if wrong in FIELDS:
        return
    faults = refused({"userId": "ada", "eventType": "code_run", wrong: "x"})
    assert [field for field, _ in faults] == [wrong]
    assert f'Did you mean "{name}"?' in faults[0][1]


@pytest.mark.parametrize("wrong", ["user_id", "USERID", "event-id", "Timestamp", "once_key"])
def test_other_spellings_lead_to_the_name(wrong: str) -> None:
    [(_, message)] = refused({"userId": "ada", "eventType": "code_run", wrong: "x"})
    assert "Did you mean" in message


def test_everything_that_is_wrong_is_named_at_once() -> None:
    faults = refused(
        {
            "userId": 5,
            "eventType": "code_rn",
            "eventId": "",
            "timestamp": "yesterday",
            "metadata": {"codeLength": -1, "language": 7},
            "points": 100,
        }
    )
    assert [field for field, _ in faults] == [
        "points",
        "userId",
        "eventType",
        "metadata.language",
        "metadata.codeLength",
        "eventId",
        "timestamp",
    ]
    messages = dict(faults)
    assert messages["userId"] == "Must be text of 1 to 100 characters, not a number."
    assert messages["eventType"] == (
        'Is not an event type that the rulebook declares. Did you mean "code_run"? '
        "Known are ai_debug, challenge_complete, code_run."
    )
    assert "2026-01-15T09:30:00Z" in messages["timestamp"]


def test_what_only_the_rulebook_and_the_clock_know_is_named_at_once_too() -> None:
    with pytest.raises(InvalidEvent) as caught:
        check_event(LearningEvent(user_id="", event_type="x", metadata={"codeLength": 1.5}), TYPES, now=NOW, earliest=0)
    assert [field for field, _ in caught.value.faults] == ["userId", "eventType", "metadata.codeLength"]


@pytest.mark.parametrize("document", [None, [], "text", 5, True])
def test_what_is_no_object_is_said_to_be_none(document: object) -> None:
    [(field, message)] = refused(document)
    assert field == "body"
    assert message.startswith("Must be an object with userId and eventType, not ")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, {}),
        ({"codeLength": 5.0}, {"codeLength": 5}),
        ({"codeLength": "240"}, {"codeLength": 240}),
        ({"codeLength": "5.0"}, {"codeLength": 5}),
        ({"sessionDuration": "12.5"}, {"sessionDuration": 12.5}),
        ({"sessionDuration": 90.0}, {"sessionDuration": 90}),
        ({"language": ""}, {}),
        ({"language": " \t"}, {}),
        ({"language": "c", "codeLength": 7, "note": "5.0"}, {"language": "c", "codeLength": 7, "note": "5.0"}),
    ],
)
def test_typed_fields_are_kept_as_what_they_mean(given: Any, kept: dict[str, Any]) -> None:
    event = normal_event(decode({"userId": "ada", "eventType": "code_run", "metadata": given}))
    check_event(event, TYPES, now=NOW, earliest=0)
    assert event.metadata == kept
    assert [type(value) for value in event.metadata.values()] == [type(value) for value in kept.values()]


@pytest.mark.parametrize(
    "value", ["", "ten", "1e3", "-5", "1.5", " 5", "5 ", "٥", "0x10", "9" * 13, "1.0000", True, -1, 1.5, 1e300]
)
def test_what_is_no_exact_whole_number_is_refused(value: object) -> None:
    [(field, message)] = refused({"userId": "ada", "eventType": "code_run", "metadata": {"codeLength": value}})
    assert (field, message) == ("metadata.codeLength", "Must be a whole number of characters from 0 to 1000000000.")


def test_the_callers_metadata_is_not_changed() -> None:
    metadata = {"language": "", "codeLength": "5"}
    normal_event(LearningEvent(user_id="ada", event_type="code_run", metadata=metadata))
    assert metadata == {"language": "", "codeLength": "5"}


@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, "points"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.lists(st.integers(), max_size=2)
        | st.dictionaries(st.sampled_from(["language", "codeLength", "x"]), st.integers() | st.text(max_size=3)),
    )
)
def test_no_message_speaks_of_types(document: dict[str, Any]) -> None:
    faults = event_faults(document, TYPES, now=NOW, earliest=0)
    assert len({field for field, _ in faults}) == len(faults)
    for field, message in faults:
        assert field
        assert message.endswith(".")
        assert "`" not in message
        assert not {"str", "int", "float", "bool", "dict", "None"} & set(message.replace(",", " ").split())
