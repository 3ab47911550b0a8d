"""Prints the results of a mapping: before an import its first rows and unread columns, after it the rows passed over.

It shows whether a mapping fits its file.
"""

from __future__ import annotations

from collections import Counter

from laurels.cli.importing.mapping.mapper import Tally
from laurels.cli.terminal import say
from laurels.plurals import counted

MOST = 20
# Characters of a row that are shown.
_WIDTH = 500


def say_preview(tally: Tally) -> None:
    """Show the first rows as the mapping reads them, and the columns that no field reads."""
    say("First rows as the mapping reads them:" if tally.samples else "The mapping reads no row.")
    for sample in tally.samples:
        event = sample.event.decode("utf-8")
        say(f"  line {sample.line}: {event[:_WIDTH]}{'...' if len(event) > _WIDTH else ''}")
    if tally.unread:
        names = [_on_a_line(name) for name in tally.unread]
        more = f", and {len(names) - MOST:,} more" if len(names) > MOST else ""
        say(f"Columns that no field reads: {', '.join(names[:MOST])}{more}")


def say_passed_over(tally: Tally) -> None:
    """Print how many rows were left out on purpose, why, and which values have no event type."""
    count = tally.passed_over.total()
    say(f"{count:,} of {counted(tally.rows, 'row')} passed over")
    _say_counts(tally.passed_over, "reason")
    if tally.unmapped:
        say("Values for which no event type stands:")
        _say_counts(tally.unmapped, "value")


def _say_counts(counts: Counter[str], what: str) -> None:
    # Equal counts in alphabetical order: the same input gives the same report.
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    for name, count in ordered[:MOST]:
        say(f"  {count:>8,}  {_on_a_line(name)}")
    if (left := len(ordered) - MOST) > 0:
        say(f"  and {counted(left, f'more {what}')}")


def _on_a_line(text: str) -> str:
    """A text of the file on one line, so that it cannot look like lines of the report."""
    return " ".join(text.split())[:_WIDTH]
