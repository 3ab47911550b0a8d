"""Cursors: neither read nor made by a caller, taken by every process, and by the key before a rotation."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.application.queries.cursors import Cursors
from laurels.errors import InvalidQuery


class Secrets:
    """What stores keep, in memory: how they do it is theirs to prove."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.asked = 0

    async def keys(self, name: str, fresh: bytes) -> list[bytes]:
        assert name == "cursors"
        self.asked += 1
        self.kept = self.kept or [fresh]
        return list(self.kept)

    async def rotate(self, name: str, fresh: bytes) -> None:
        del name
        self.kept = [fresh, *self.kept][:2]


@given(st.binary(max_size=478), st.text(max_size=60))
def test_what_is_sealed_is_opened_by_another_process(text: bytes, purpose: str) -> None:
    async def run() -> None:
        secrets = Secrets()
        cursor = await Cursors(secrets).seal(purpose, text)
        assert await Cursors(secrets).open(purpose, cursor) == text

    asyncio.run(run())


@given(st.binary(max_size=158), st.binary(max_size=158))
def test_the_length_tells_nothing(one: bytes, other: bytes) -> None:
    async def run() -> None:
        sealing = Cursors(Secrets())
        assert len(await sealing.seal("a", one)) == len(await sealing.seal("a", other))

    asyncio.run(run())


@given(st.integers(0, 10_000), st.sampled_from("AZaz09-_"))
def test_one_that_was_changed_anywhere_is_refused(at: int, letter: str) -> None:
    async def run() -> None:
        sealing = Cursors(Secrets())
        cursor = await sealing.seal("board all", b"text")
        place = at % len(cursor)
        changed = cursor[:place] + letter + cursor[place + 1 :]
        if changed == cursor:
            return
        with pytest.raises(InvalidQuery, match="begin without one"):
            await sealing.open("board all", changed)

    asyncio.run(run())


@pytest.mark.parametrize("text", ["", "x", "A" * 235, "A" * 5_000, "\N{SNOWMAN}", "a b", "="])
async def test_what_was_never_one_is_refused_without_asking_the_store(text: str) -> None:
    secrets = Secrets()
    with pytest.raises(InvalidQuery):
        await Cursors(secrets).open("board all", text)
    if len(text) != 235:
        assert secrets.asked == 0


async def test_one_of_another_board_or_another_store_is_refused() -> None:
    sealing = Cursors(Secrets())
    cursor = await sealing.seal("board all", b"text")
    for refusing, purpose in ((sealing, "board 2026-11"), (Cursors(Secrets()), "board all")):
        with pytest.raises(InvalidQuery):
            await refusing.open(purpose, cursor)


async def test_a_rotation_ends_a_cursor_with_the_second_one() -> None:
    secrets = Secrets()
    cursor = await Cursors(secrets).seal("a", b"text")
    await secrets.rotate("cursors", b"2" * 32)
    assert await Cursors(secrets).open("a", cursor) == b"text"
    assert await Cursors(secrets).seal("a", b"text") != cursor
    await secrets.rotate("cursors", b"3" * 32)
    with pytest.raises(InvalidQuery):
        await Cursors(secrets).open("a", cursor)
    # A process that knows the old key takes what another made with the new one.
    behind = Cursors(secrets, ask_again=0.0)
    await behind.seal("a", b"text")
    await secrets.rotate("cursors", b"4" * 32)
    assert await behind.open("a", await Cursors(secrets).seal("a", b"new")) == b"new"


async def test_cursors_that_are_made_up_do_not_ask_the_store_each_time() -> None:
    secrets = Secrets()
    refusing = Cursors(secrets)
    await refusing.seal("a", b"text")
    forged = await Cursors(Secrets()).seal("a", b"text")
    for _ in range(50):
        with pytest.raises(InvalidQuery):
            await refusing.open("a", forged)
    assert secrets.asked <= 2
