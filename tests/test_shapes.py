"""What is wrong with a document is said in plain sentences: every wrong field at once, each by its name."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from laurels.errors import InvalidEvent, InvalidInput
from laurels.validation import (
    MOST_UNKNOWN,
    choices,
    decode_loosely,
    faults_of,
    kind_of,
    nearest,
    plain,
    read_fields,
    shape_faults,
    unknown_fields,
    unknown_name,
)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(Struct, rename="camel", forbid_unknown_fields=True):
    page_size: Annotated[int, Meta(ge=1, le=100)]


class Document(Struct, rename="camel", forbid_unknown_fields=True):
    user_id: Annotated[str, Meta(min_length=1, max_length=5)]
    at: datetime | None = None
    colour: Colour = Colour.RED
    size: Literal["small", "large"] = "small"
    count: int = 0
    share: float = 0.0
    tags: Annotated[list[str], Meta(max_length=2)] = []
    inner: Inner | None = None


class Open(Struct):
    count: int = 0


class Planned(Struct):
    day: date | None = None
    inner: Inner | None = None
    inners: list[Inner] = []


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"day": "yesterday"}, ("day", "Must be a day, such as 2026-01-15.")),
        (
            {"inner": {"pageSise": 5}},
            ("inner.pageSise", 'Is not known here. Did you mean "pageSize"? Known are pageSize.'),
        ),
        ({"inners": [{"pageSise": 5}]}, ("inners[0].pageSise", "Is not a field that is known here; leave it out.")),
    ],
)
def test_a_day_and_a_misspelled_field_within_an_object_are_named(document: Any, fault: tuple[str, str]) -> None:
    assert shape_faults(document, Planned) == [fault]


class TestNames:
    def test_of_a_misspelled_name_the_nearest_known_one_is_meant(self) -> None:
        assert nearest("userid", ["eventId", "userId", "timestamp"]) == "userId"
        assert nearest("event_type", ["eventId", "eventType"]) == "eventType"

    def test_case_and_signs_make_no_difference(self) -> None:
        assert nearest("USER-ID", ["userId"]) == "userId"
        assert nearest("größe", ["GRÖSSE", "größe_"]) == "größe_"

    def test_of_a_name_that_is_near_to_none_nothing_is_meant(self) -> None:
        assert nearest("zzz", ["userId"]) is None
        assert nearest("userId", []) is None
        assert nearest("", ["userId"]) is None

    def test_very_long_names_are_compared_with_none(self) -> None:
        assert nearest("a" * 100, ["a" * 100]) == "a" * 100
        assert nearest("a" * 101, ["a" * 101]) is None

    @pytest.mark.parametrize("name", ["id", "userId", "userIds", "user", "ids"])
    def test_a_known_name_is_nearest_to_itself(self, name: str) -> None:
        assert nearest(name, ["id", "userId", "userIds", "user", "ids"]) == name

    def test_an_unknown_name_is_told_with_the_nearest_and_all_that_are_known(self) -> None:
        assert unknown_name("colr", ["colour", "size"], of="Is no field") == (
            'Is no field. Did you mean "colour"? Known are colour, size.'
        )
        assert unknown_name("zzz", ["colour"]) == "Is not known here. Known are colour."
        assert unknown_name("zzz", []) == "Is not known here. It takes none."

    def test_unknown_fields_are_named_in_their_order_up_to_a_bound_and_then_counted(self) -> None:
        assert unknown_fields(["a", "b"], {"a", "b"}, of="Is no field") == []
        names = [f"n{number}" for number in range(MOST_UNKNOWN)]
        assert [name for name, _ in unknown_fields(["a", *names], {"a"}, of="Is no field")] == names
        one_more = unknown_fields([*names, "last"], {"a"}, of="Is no field")
        assert one_more[-1] == ("body", "Has 1 more field that is not known; leave them out.")
        many = unknown_fields([*names, *(f"m{number}" for number in range(1_200))], {"a"}, of="Is no field")
        assert len(many) == MOST_UNKNOWN + 1
        assert many[-1] == ("body", "Has 1,200 more fields that are not known; leave them out.")


class TestWords:
    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (None, "null"),
            (True, "true or false"),
            (0, "a number"),
            (0.5, "a number"),
            ("", "text"),
            ([], "a list"),
            ((), "a list"),
            ({}, "an object"),
        ],
    )
    def test_a_value_is_called_what_json_calls_it(self, value: object, words: str) -> None:
        assert kind_of(value) == words

    @pytest.mark.parametrize(
        ("message", "sentence"),
        [
            ("Expected `str`, got `int`", "Must be text, not a number."),
            ("Expected `int`, got `str` - at `$.count`", "Must be a whole number, not text."),
            ("Expected `int | null`, got `array`", "Must be a whole number, not a list."),
            ("Expected `str | array`, got `null`", "Must be text or a list, not null."),
            # 5.5 is a number, too.
            ("Expected `int`, got `float`", "Must be a whole number."),
            ("Expected `str` of length >= 1", "Must have at least 1 character."),
            ("Expected `str` of length <= 100", "Must have at most 100 characters."),
            ("Expected `array` of length <= 1", "Must have at most 1 entry."),
            ("Expected `object` of length >= 2", "Must have at least 2 entries."),
            ("Expected `int` >= 1", "Must be at least 1."),
            ("Expected `int` <= 100", "Must be at most 100."),
            ("Expected `float` > 0.5", "Must be more than 0.5."),
            ("Expected `float` < -2", "Must be less than -2."),
            ("Invalid RFC3339 encoded datetime", "Must be a date with time and offset, such as 2026-01-15T09:30:00Z."),
            ("Invalid enum value 'green'", "Is not one of the values that are taken here."),
            ("Number out of range", "Must hold no number beyond what a double-precision float can."),
            ("Object missing required field `a`", "Is required."),
            ("What no decoder says", "Has not the form that is expected here."),
        ],
    )
    def test_what_a_decoder_says_becomes_a_sentence(self, message: str, sentence: str) -> None:
        assert plain(message) == sentence

    def test_the_choices_of_a_type_are_its_values(self) -> None:
        assert choices(Colour) == choices(Colour | None) == ["red", "blue"]
        assert sorted(choices(Literal["small", "large"])) == ["large", "small"]
        assert choices(int) == choices(list[str]) == []


class TestFields:
    def test_a_document_that_fits_has_no_fault_and_its_values_by_wire_name(self) -> None:
        values, faults = read_fields({"userId": "ada", "colour": "blue", "inner": {"pageSize": 5}}, Document)
        assert faults == []
        assert values == {"userId": "ada", "colour": Colour.BLUE, "inner": Inner(5)}

    def test_every_wrong_field_is_named_and_the_others_are_read(self) -> None:
        document = {"userId": "", "colour": "green", "size": "huge", "count": 1, "share": "x", "tags": ["a", 1]}
        values, faults = read_fields(document, Document)
        assert values == {"count": 1}
        assert dict(faults) == {
            "userId": "Must have at least 1 character.",
            "colour": "Must be one of red, blue.",
            "size": "Must be one of large, small.",
            "share": "Must be a number, not text.",
            "tags[1]": "Must be text, not a number.",
        }

    def test_of_a_nested_field_the_whole_path_is_named(self) -> None:
        assert shape_faults({"userId": "ada", "inner": {"pageSize": 0}}, Document) == [
            ("inner.pageSize", "Must be at least 1.")
        ]
        assert shape_faults({"userId": "ada", "inner": {}}, Document) == [("inner.pageSize", "Is required.")]

    def test_a_field_that_is_lacking_is_required_unless_it_has_a_default(self) -> None:
        assert shape_faults({}, Document) == [("userId", "Is required.")]

    def test_unknown_fields_are_faults_where_the_type_forbids_them_alone(self) -> None:
        [(name, detail)] = shape_faults({"userId": "ada", "colr": "red"}, Document)
        assert name == "colr"
        assert detail.startswith('Is not a field that this address takes. Did you mean "colour"?')
        assert shape_faults({"colr": "red"}, Open) == []

    @pytest.mark.parametrize(
        ("document", "words"),
        [(None, "null"), ([], "a list"), ("text", "text"), (5, "a number"), (True, "true or false")],
    )
    def test_what_is_no_object_is_one_fault_of_the_body(self, document: object, words: str) -> None:
        assert read_fields(document, Document) == ({}, [("body", f"Must be an object, not {words}.")])

    def test_values_may_be_written_as_text_where_the_reading_is_not_strict(self) -> None:
        assert read_fields({"count": "5"}, Open, strict=False) == ({"count": 5}, [])
        assert shape_faults({"count": "5"}, Open) == [("count", "Must be a whole number, not text.")]
        # That all of it is text needs no saying then.
        assert shape_faults({"count": "five"}, Open, strict=False) == [("count", "Must be a whole number.")]

    @given(
        st.dictionaries(
            st.sampled_from(["userId", "at", "colour", "size", "count", "share", "tags", "inner", "other"]),
            st.none()
            | st.integers(-2, 200)
            | st.sampled_from(["", "ada", "red", "small", "2026-01-15T09:30:00Z"])
            | st.lists(st.just("a"), max_size=3)
            | st.fixed_dictionaries({"pageSize": st.integers(0, 101)}),
        )
    )
    def test_there_is_a_fault_exactly_where_the_decoder_refuses(self, document: dict[str, Any]) -> None:
        try:
            msgspec.convert(document, Document)
        except msgspec.ValidationError:
            assert shape_faults(document, Document)
        else:
            assert not shape_faults(document, Document)


class TestReadAgain:
    @staticmethod
    def refusal_of(data: bytes) -> msgspec.ValidationError:
        with pytest.raises(msgspec.ValidationError) as refused:
            msgspec.json.decode(data, type=Document)
        return refused.value

    def test_json_that_a_decoder_refused_is_read_as_it_is(self) -> None:
        data = b'{"userId":5,"more":[1]}'
        assert decode_loosely(data, self.refusal_of(data), InvalidEvent) == {"userId": 5, "more": [1]}

    def test_a_number_that_no_float_can_hold_is_an_error_of_the_kind_asked_for(self) -> None:
        data = b'{"userId":"ada","share":1e999}'
        with pytest.raises(InvalidEvent, match="no number beyond what a double-precision float can"):
            decode_loosely(data, self.refusal_of(data), InvalidEvent)

    def test_what_is_no_json_behind_the_fault_is_left_to_the_decoder(self) -> None:
        data = b'{"userId":5,'
        with pytest.raises(msgspec.DecodeError) as refused:
            decode_loosely(data, self.refusal_of(data), InvalidEvent)
        assert not isinstance(refused.value, msgspec.ValidationError)


def test_what_all_checks_find_is_told_together() -> None:
    def wrong(*faults: tuple[str, str]) -> None:
        raise InvalidInput.of(faults)

    found = faults_of(lambda: wrong(("a", "x"), ("b", "y")), lambda: None, lambda: wrong(("c", "z")))
    assert found == [("a", "x"), ("b", "y"), ("c", "z")]
    assert faults_of() == []
