"""Callers share questions, and none gets an answer that is older than its own call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from laurels.application.coalescing_reader import CoalescingReader


class Questions:
    """Answers with what was asked once it may go on."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.was_asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def put(self, asked: Sequence[int]) -> list[int]:
        self.asked.append(list(asked))
        self.was_asked.set()
        await self.may_answer.wait()
        return list(asked)


async def test_callers_of_the_same_moment_share_a_question() -> None:
    questions = Questions()
    questions.may_answer.set()
    reader = CoalescingReader(questions.put)
    assert await asyncio.gather(*(reader.ask(number) for number in range(5))) == [[0, 1, 2, 3, 4]] * 5
    assert questions.asked == [[0, 1, 2, 3, 4]]


async def test_a_call_while_a_question_is_under_way_shares_the_next_one() -> None:
    questions = Questions()
    reader = CoalescingReader(questions.put)
    first = asyncio.create_task(reader.ask(1))
    await questions.was_asked.wait()
    later = [asyncio.create_task(reader.ask(number)) for number in (2, 3)]
    await asyncio.sleep(0)
    assert questions.asked == [[1]]
    questions.may_answer.set()
    assert await asyncio.gather(first, *later) == [[1], [2, 3], [2, 3]]


async def test_no_more_are_under_way_than_the_width_and_none_is_larger_than_the_size() -> None:
    questions = Questions()
    reader = CoalescingReader(questions.put, width=2, size=3)
    callers = [asyncio.create_task(reader.ask(number)) for number in range(8)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert questions.asked == [[0, 1, 2], [3, 4, 5]]
    questions.may_answer.set()
    await asyncio.gather(*callers)
    assert questions.asked[2:] == [[6, 7]]


async def test_all_callers_of_a_question_that_fails_are_told_and_the_next_is_put() -> None:
    async def fail_once(asked: Sequence[int]) -> int:
        if 1 in asked:
            raise ValueError
        return len(asked)

    reader = CoalescingReader(fail_once)
    failed = await asyncio.gather(reader.ask(1), reader.ask(2), return_exceptions=True)
    assert [type(each) for each in failed] == [ValueError, ValueError]
    assert await reader.ask(3) == 1


async def test_a_caller_that_stops_waiting_holds_up_no_other_one() -> None:
    questions = Questions()
    reader = CoalescingReader(questions.put)
    first, second = (asyncio.create_task(reader.ask(number)) for number in range(2))
    await asyncio.sleep(0)
    first.cancel()
    questions.may_answer.set()
    assert await second == [0, 1]
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_it_is_idle_when_nobody_waits_and_nothing_is_asked() -> None:
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def question(keys: Sequence[int]) -> int:
        asked.set()
        await go_on.wait()
        return len(keys)

    reader = CoalescingReader(question)
    assert reader.is_idle
    asking = asyncio.create_task(reader.ask(1))
    await asked.wait()
    assert not reader.is_idle
    go_on.set()
    assert await asking == 1
    await asyncio.sleep(0)
    assert reader.is_idle
