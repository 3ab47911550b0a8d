"""Batches take no more memory together than there is for their kind, and are worked on in parts that miss no line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laurels.http.auth.access import Caller
from laurels.http.wire.batch_room import IN_ALL, OF_KEY, OF_USERS, PART_BYTES, BatchRoom, parts_of
from laurels.http.wire.batches import Line
from laurels.http.wire.http_error import HttpError

SIZE = 1_000


def key(number: int = 0) -> Caller:
    return Caller(key=f"key{number}")


def user(number: int = 0) -> Caller:
    return Caller(user_id=f"user{number}")


def refused(room: BatchRoom, caller: Caller, size: int = SIZE) -> int:
    """The status with which one more batch is refused."""
    with pytest.raises(HttpError) as found, room.entering(caller) as take:
        take(size)
    assert found.value.headers == {"Retry-After": "2"}
    return found.value.status_code


class TestRoom:
    def test_a_key_may_send_some_at_once_and_an_end_user_one(self) -> None:
        room = BatchRoom(SIZE)
        for caller, most in ((key(), OF_KEY), (user(), 1)):
            with ExitStack() as stack:
                for _ in range(most):
                    stack.enter_context(room.entering(caller))(SIZE)
                assert refused(room, caller, 1) == 429
            with room.entering(caller) as take:
                take(SIZE)

    def test_all_users_together_leave_room_for_keys(self) -> None:
        room = BatchRoom(SIZE)
        with ExitStack() as stack:
            for number in range(OF_USERS):
                stack.enter_context(room.entering(user(number)))(SIZE)
            assert refused(room, user(99), 1) == 503
            for number in range(IN_ALL - OF_USERS):
                stack.enter_context(room.entering(key(number)))(SIZE)
            assert refused(room, key(99), 1) == 503
        with room.entering(user(99)) as take:
            take(SIZE)

    def test_a_key_and_a_user_of_one_name_are_two(self) -> None:
        room = BatchRoom(SIZE)
        with room.entering(Caller(user_id="same")) as take, room.entering(Caller(key="same")) as other:
            take(SIZE)
            other(OF_KEY * SIZE)

    def test_what_a_batch_takes_bit_by_bit_comes_back_whole_whatever_ends_it(self) -> None:
        room = BatchRoom(SIZE)
        with pytest.raises(ValueError), room.entering(user()) as take:  # noqa: PT011, PT012  ours
            for _ in range(10):
                take(SIZE // 10)
            assert refused(room, user(), 1) == 429
            raise ValueError
        with room.entering(user()) as take:
            take(SIZE)


async def test_small_parts_wait_for_nobody_and_large_ones_for_each_other() -> None:
    room = BatchRoom(SIZE)
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(room.working(PART_BYTES))
        await stack.enter_async_context(room.working(100))
        fifth = asyncio.create_task(AsyncExitStack().enter_async_context(room.working(PART_BYTES)))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not fifth.done()
    await fifth


TEXTS = [None, b"x", bytes(PART_BYTES // 2), bytes(PART_BYTES - 1), bytes(PART_BYTES), bytes(PART_BYTES + 1)]


def bytes_of(lines: Sequence[Line]) -> int:
    return sum(0 if text is None else memoryview(text).nbytes for _, text in lines)


class TestParts:
    def test_of_no_lines_there_is_none(self) -> None:
        assert list(parts_of([])) == []

    def test_a_line_of_no_bytes_is_in_a_part_all_the_same(self) -> None:
        assert list(parts_of([(1, None)])) == [([(1, None)], 0)]

    @settings(max_examples=15)
    @given(st.lists(st.sampled_from(TEXTS), max_size=8))
    def test_each_line_is_in_one_part_and_no_part_is_larger_than_it_must(self, texts: list[bytes | None]) -> None:
        lines: list[Line] = list(enumerate(texts, 1))
        parts = list(parts_of(lines))
        assert [line for part, _ in parts for line in part] == lines
        assert [size for _, size in parts] == [bytes_of(part) for part, _ in parts]
        # Each but the last is full, and without its last line it was not.
        assert all(size >= PART_BYTES for _, size in parts[:-1])
        assert all(bytes_of(part[:-1]) < PART_BYTES for part, _ in parts)
