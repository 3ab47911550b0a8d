"""Figures, how they are taken (in turns with their floor), and the tables that show them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from msgspec import Struct


class Ratio(Struct, frozen=True):
    """Ours against the floor, round by round: the median, and the worst and best round beside it."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, ours: Sequence[float], floor: Sequence[float]) -> Ratio:
        """The ratio of each round's pair. Pairs, since a disturbance of the machine tends to last over both."""
        each = [one / other for one, other in zip(ours, floor, strict=True)]
        return cls(median(each), min(each), max(each))


class Point(Struct, frozen=True):
    """A place in a picture: a chart by its name, and in it a series. `sized_by`: what `size` is a number of."""

    chart: str
    unit: str
    series: str
    size: int
    value: float
    sized_by: str = "users"


class Figure(Struct, frozen=True):
    """One line of the table. `ours` and `floor` carry their units; `target` is what the ratio or ours must reach.
    `point` puts it into a picture."""

    subject: str
    what: str
    ours: str
    floor: str = ""
    ratio: Ratio | None = None
    target: str = ""
    point: Point | None = None


def in_turns(arms: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure every arm in every round, and return each arm's measurements.

    Every second round goes backwards: what drifts while the rounds go on then favours no arm.
    """
    taken: dict[str, list[float]] = {name: [] for name in arms}
    for number in range(rounds):
        names = list(arms) if number % 2 == 0 else list(reversed(list(arms)))
        for name in names:
            gc.collect()
            taken[name].append(arms[name]())
    return taken


_HEADERS = ("subject", "what", "ours", "floor", "ratio", "min-max", "target")
_TO_THE_RIGHT = (2, 3, 4, 5)


def _cells(figure: Figure) -> tuple[str, ...]:
    ratio = figure.ratio
    return (
        figure.subject,
        figure.what,
        figure.ours,
        figure.floor,
        "" if ratio is None else f"{ratio.middle:.2f}",
        "" if ratio is None else f"{ratio.low:.2f}-{ratio.high:.2f}",
        figure.target,
    )


def plain_table(figures: Sequence[Figure]) -> str:
    """The figures in aligned columns."""
    rows = [_HEADERS, *map(_cells, figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if number in _TO_THE_RIGHT else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * sum(widths, 2 * (len(widths) - 1)))
    return "\n".join(lines)


def markdown_table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    rules = ["---:" if number in _TO_THE_RIGHT else "---" for number in range(len(_HEADERS))]
    rows = [_HEADERS, rules, *map(_cells, figures)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
