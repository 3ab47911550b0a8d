"""What one event costs in the engine, and what badges that it cannot bring add to that."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import process_time

from msgspec.structs import replace

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Ratio, in_turns
from benchmarks.history import Learners
from laurels import LearningEvent, Rulebook, load_rulebook
from laurels.domain.engine import advance
from laurels.domain.periods import MS_PER_DAY
from laurels.domain.progress import Progress
from laurels.domain.rules.badges.criteria import Count, Criterion, Points
from laurels.domain.rules.points import EventType

USERS = 100
EVENTS = 20_000
EXTRA = 2_000
ROUNDS = 7
# Targets that no learner here comes to: what is measured is looking, not awarding.
FAR = 10_000_000
START = 1_735_689_600_000


def run(bench: Bench) -> list[Figure]:
    """Microseconds per event with the built-in rulebook, and with 2,000 badges more of four kinds."""
    base = load_rulebook("coding")
    kinds: list[tuple[str, Callable[[int], Criterion], str]] = [
        ("of another event type", lambda n: Count(event="elsewhere", target=n + 1), "<= 1.10"),
        ("of the same type, one measure, all targets", lambda n: Count(event="code_run", target=FAR + n), "<= 1.10"),
        ("of total points, all targets", lambda n: Points(target=FAR + n), "<= 1.10"),
        ("of the same type, a filter each", lambda n: Count(event="code_run", where={"tag": n}, target=1), ""),
    ]
    events = list(Learners(bench.size(USERS)).events(bench.size(EVENTS)))
    arms = {"floor": _arm(base, events)}
    for what, criterion, target in kinds:
        # Where no target is set it may take long; a tenth of the events tells as much.
        arms[what] = _arm(_with_badges(base, criterion), events if target else events[: len(events) // 10])
    taken = in_turns(arms, bench.rounds(ROUNDS))
    floor = f"{median(taken['floor']):.2f} us"
    figures = [Figure("engine", f"one event, {len(base.badges)} badges", floor)]
    for what, _, target in kinds:
        ours = f"{median(taken[what]):.2f} us"
        figures.append(
            Figure("engine", f"{EXTRA:,} more {what}", ours, floor, Ratio.of(taken[what], taken["floor"]), target)
        )
    return figures


def _arm(rulebook: Rulebook, events: list[LearningEvent]) -> Callable[[], float]:
    def measure() -> float:
        """Microseconds of processor time per event, from learners who have nothing yet."""
        progress = {
            event.user_id: Progress(user_id=event.user_id, version=rulebook.measures_version) for event in events
        }
        # Every learner's events lie on some thirty days, as if each came back for a month.
        step = 30 * MS_PER_DAY // len(events)
        started = process_time()
        for number, event in enumerate(events):
            advance(progress[event.user_id], event, START + number * step, rulebook)
        return 1e6 * (process_time() - started) / len(events)

    return measure


def _with_badges(base: Rulebook, criterion: Callable[[int], Criterion]) -> Rulebook:
    """The rulebook with as many badges more, the n-th of which asks for `criterion(n)`."""
    extra = [
        replace(base.badges[0], id=f"extra_{number}", name=f"Extra {number}", points=0, criterion=criterion(number))
        for number in range(EXTRA)
    ]
    types = base.data.event_types | {"elsewhere": EventType(points=1)}
    return Rulebook(replace(base.data, event_types=types, badges=[*base.data.badges, *extra]))
