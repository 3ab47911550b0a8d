"""However a batch is cut into pieces, and whether it is small or large, it holds the same events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.http.wire.batches import ArraySplitter, LineSplitter, Splitter
from laurels.http.wire.bodies import BodyRefused

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(['"', "\\", '\\"', "],[", "}{"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
separators = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n\t", ":  ")])


def split(splitter: Splitter, body: bytes, sizes: list[int]) -> list[tuple[int, Any]]:
    """What a splitter makes of a body that comes in pieces of these sizes, over and over."""
    at = number = 0
    while at < len(body):
        size = sizes[number % len(sizes)]
        for _ in splitter.feed(body[at : at + size]):
            pass
        at, number = at + size, number + 1
    for _ in splitter.end():
        pass
    return [(number, None if event is None else json.loads(bytes(event))) for number, event in splitter.found]


@pytest.fixture(params=[0, 10**6], ids=["followed", "decoded"], scope="module")
def small(request: pytest.FixtureRequest) -> int:
    return request.param


@given(st.lists(values, max_size=8), separators, st.booleans(), st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_an_array_is_its_members(
    small: int, members: list[Any], separators: tuple[str, str], is_ascii: bool, sizes: list[int]
) -> None:
    body = json.dumps(members, separators=separators, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    assert split(ArraySplitter(10**6, small=small), b" " + body + b"\n", sizes) == list(enumerate(members, 1))


@given(st.lists(values | st.just(...), max_size=8), st.lists(st.integers(1, 40), min_size=1, max_size=5), st.booleans())
def test_lines_are_their_events(members: list[Any], sizes: list[int], is_ended: bool) -> None:
    lines = [b" \t" if each is ... else json.dumps(each).encode() for each in members]
    body = b"\r\n".join(lines) + b"\n" * is_ended
    expected = [(number, each) for number, each in enumerate(members, 1) if each is not ...]
    assert split(LineSplitter(10**6), body, sizes) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"[1,]",
        b"[,1]",
        b"[1,,2]",
        b"[,]",
        b"[1",
        b'["a',
        b'["a\\',
        b"[1]]",
        b"[1]2",
        b"[1}",
        b"[",
        b" ",
        b"nonsense",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_no_json_is_refused(small: int, body: bytes, size: int) -> None:
    with pytest.raises(BodyRefused) as refused:
        split(ArraySplitter(10**6, small=small), body, [size])
    assert refused.value.status_code == 400


@pytest.mark.parametrize(("most", "second"), [(6, None), (7, [2, 2, 2])])
@pytest.mark.parametrize("size", [1, 4, 100])
def test_an_event_that_is_too_large_is_counted_and_not_kept(
    small: int, size: int, most: int, second: list[int] | None
) -> None:
    expected = [(1, 1), (2, second), (3, 3)]
    assert split(ArraySplitter(most, small=small), b"[1,[2,2,2],3]", [size]) == expected
    assert split(LineSplitter(most), b"1\n[2,2,2]\n3", [size]) == expected
