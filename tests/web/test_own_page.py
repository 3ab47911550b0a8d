"""What the forms of a learner's own page leave out and refuse, where the operator keeps fields of the profile back."""

from __future__ import annotations

from typing import Any, cast

import pytest

from laurels.errors import InvalidProfile
from laurels.web.pages.own import Own, act


@pytest.mark.parametrize(
    ("fixed", "fields"),
    [("goals", {"action": "goals", "eventsPerDay": "2"}), ("goals", {"action": "goals"})],
)
async def test_what_is_kept_back_is_refused_and_not_tried(fixed: str, fields: dict[str, str]) -> None:
    # Neither a server nor a store is asked.
    nothing = cast("Any", None)
    with pytest.raises(InvalidProfile, match="ask the operator") as refused:
        await act(nothing, nothing, "ada", Own("token", frozenset({fixed})), fields)
    assert refused.value.field == fixed
