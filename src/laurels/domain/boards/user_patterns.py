"""Patterns of user ids, by which a rulebook names the accounts that are on no board.

They are a language of their own, of one sign, so that no pattern can take long to match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from fnmatch import translate


def matcher_of(patterns: Collection[str]) -> Callable[[str], re.Match[str] | None] | None:
    """Matches a text that fits one of the patterns; None if there are none. `*` in a pattern fits any characters."""
    if not patterns:
        return None
    # `translate` makes expressions whose time does not explode; it would give these signs a meaning as well.
    fitting = (translate(re.sub(r"([?[])", r"[\1]", pattern)) for pattern in patterns)
    return re.compile("|".join(fitting)).match
