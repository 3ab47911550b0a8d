"""Who corrects, merges or spends says why."""

from __future__ import annotations

import pytest

from laurels.domain.ledger.reasons import MAX_REASON_LENGTH, check_reason
from laurels.errors import InvalidInput


@pytest.mark.parametrize("reason", ["x", "  because  ", "é😀", "x" * MAX_REASON_LENGTH, "😀" * MAX_REASON_LENGTH])
def test_a_text_of_up_to_so_many_characters_is_a_reason(reason: str) -> None:
    check_reason(reason)


@pytest.mark.parametrize(
    "reason", ["", "   ", "\n\t\u00a0", "x" * (MAX_REASON_LENGTH + 1), None, 5, True, ["because"], b"because"]
)
def test_what_says_nothing_or_is_no_text_is_refused(reason: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_reason(reason)
    assert refused.value.faults == (("reason", "Must say why, in 1 to 500 characters."),)
