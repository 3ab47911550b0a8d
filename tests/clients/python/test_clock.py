"""A clock that is wrong is corrected by what the service's answers say; one that is nearly right is left alone."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from laurels.client.tracking.clock import ServerClock


def observed(ahead: float) -> ServerClock:
    """What is known after an answer of a service whose clock is so many seconds ahead."""
    clock, now = ServerClock(), time.time()
    clock.observe({"date": formatdate(now + ahead, usegmt=True)}, now)
    return clock


def test_nothing_is_known_at_first() -> None:
    clock = ServerClock()
    assert (clock.is_known, clock.correction) == (False, 0)


@pytest.mark.parametrize("ahead", [3_600, -3_600, 400 * 86_400, -400 * 86_400])
def test_a_clock_that_is_wrong_is_corrected_in_milliseconds(ahead: int) -> None:
    clock = observed(ahead)
    assert clock.is_known
    # The header says no more than the second; a slow machine is seconds late.
    assert abs(clock.correction - 1_000 * ahead) < 60_000


@pytest.mark.parametrize("ahead", [0, 5, -5])
def test_what_an_answer_may_take_is_no_error_of_the_clock(ahead: int) -> None:
    assert (observed(ahead).is_known, observed(ahead).correction) == (True, 0)


@pytest.mark.parametrize("headers", [{}, {"date": ""}, {"date": "yesterday"}, {"date": "2026-11-30T18:47:00Z"}])
def test_what_is_no_date_changes_nothing(headers: dict[str, str]) -> None:
    clock = ServerClock()
    clock.observe(headers, time.time())
    assert (clock.is_known, clock.correction) == (False, 0)
    known = observed(3_600)
    correction = known.correction
    known.observe(headers, time.time())
    assert (known.is_known, known.correction) == (True, correction)


def test_a_clock_that_was_put_right_is_not_corrected_any_more() -> None:
    clock, now = observed(3_600), time.time()
    clock.observe({"date": formatdate(now, usegmt=True)}, now)
    assert clock.correction == 0
