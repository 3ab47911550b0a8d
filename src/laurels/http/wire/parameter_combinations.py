"""Query parameters that are each valid but make no sense together: the rules that a route declares in `together=...`.

A rule gets the parameters that are valid by themselves, as they were sent, and returns a fault for each that does not
fit the others. A combination that no rule refuses has a meaning; `test_parameter_combinations.py` lists them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from laurels.application.queries.boards.asked_board import check_period
from laurels.application.queries.learners.learner_queries import check_days
from laurels.domain.periods import Timeframe, parse_day
from laurels.http.server.routing import CombinationRule
from laurels.validation import FieldFault, faults_of

_YES = ("true", "1")


def excludes(name: str, *others: str) -> CombinationRule:
    """The parameter `name` cannot be combined with any of `others`."""

    def rule(given: Mapping[str, str]) -> list[FieldFault]:
        found = [f"'{other}'" for other in others if other in given]
        return [(name, f"Cannot be combined with {' and '.join(found)}.")] if name in given and found else []

    return rule


def envelope_of_json(given: Mapping[str, str]) -> list[FieldFault]:
    """Only JSON can have an envelope."""
    if given.get("envelope") != "data" or given.get("format", "json") == "json":
        return []
    return [("envelope", f"Only JSON comes in an envelope; leave it out with format={given['format']}.")]


def lang_of_pdf(given: Mapping[str, str]) -> list[FieldFault]:
    """Only a PDF can have a language."""
    if "lang" not in given or given.get("format") == "pdf":
        return []
    return [("lang", "Is the language of a PDF; for JSON send the header Accept-Language, or add format=pdf.")]


def top_by_total(given: Mapping[str, str]) -> list[FieldFault]:
    """Only the top of a board can be ordered by total."""
    found = [f"'{name}'" for name in ("cursor", "around", "users") if name in given]
    if given.get("sort") != "total" or not found:
        return []
    return [("sort", f"With total only the top can be asked for; leave {' and '.join(found)} out.")]


def period_of_timeframe(given: Mapping[str, str]) -> list[FieldFault]:
    """A given period must belong to the given timeframe."""
    if "timeframe" not in given or "period" not in given:
        return []
    return faults_of(partial(check_period, Timeframe(given["timeframe"]), given["period"]))


def days_in_order(given: Mapping[str, str]) -> list[FieldFault]:
    """A range of days must begin before it ends, and must not be too long."""
    if "from" not in given or "to" not in given:
        return []
    return faults_of(partial(check_days, parse_day(given["from"], "from"), parse_day(given["to"], "to")))


def what_is_awarded(given: Mapping[str, str]) -> list[FieldFault]:
    """`notify` needs a publication that awards something, and `repoint` needs a backfill."""
    is_backfill, is_repoint = (given.get(name, "").lower() in _YES for name in ("backfill", "repoint"))
    if is_repoint and "backfill" in given and not is_backfill:
        return [("backfill", "Cannot be false with repoint=true, which awards what learners then meet; leave it out.")]
    if given.get("notify", "none") != "none" and not is_backfill and not is_repoint:
        return [("notify", "Needs backfill=true or repoint=true: without them nothing is awarded that could be told.")]
    return []
