"""Each picture shows exactly what it was given: days, levels, medals, numbers, and stays small."""

from __future__ import annotations

import gzip
import re
from datetime import date, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from laurels.web.pictures import (
    ENGLISH,
    Day,
    LanguageCount,
    MedalKind,
    activity_by_month,
    draw_card,
    draw_heatmap,
    draw_languages,
    draw_level,
    draw_medal,
    draw_points,
    draw_streak,
    last_year,
    medal_sprite,
)
from laurels.web.pictures.chart import bucket_for, periods_of
from laurels.web.pictures.days import heat_levels
from laurels.web.pictures.medal_parts import RARITIES
from laurels.web.pictures.streak import last_days
from tests.examples import share_of
from tests.web.samples import DAYS, FIRST, KINDS, LAST, SVG, TODAY, check_safe, days_until, parse, text_of


class TestHeatmap:
    @given(first=st.dates(date(1990, 1, 1), date(2040, 1, 1)), length=st.integers(1, 4000), weekday=st.integers(0, 6))
    @example(date(2024, 2, 29), 366, 6)
    @settings(max_examples=share_of(12), deadline=None)
    def test_has_one_square_for_each_day(self, first: date, length: int, weekday: int) -> None:
        last = first + timedelta(days=length - 1)
        root = parse(draw_heatmap(DAYS, first=first, last=last, first_weekday=weekday, legend=False))
        squares = [use for use in root.iter(f"{SVG}use") if use.find(f"{SVG}title") is not None]
        assert len(squares) == length

    @pytest.mark.parametrize("skipped", [0, 3])
    @pytest.mark.parametrize("weekday", range(7))
    def test_puts_each_day_in_its_row_and_column(self, weekday: int, skipped: int) -> None:
        start, last = last_year(TODAY, first_weekday=weekday)
        assert start.weekday() == weekday
        first = start + timedelta(days=skipped)
        found = places(draw_heatmap(DAYS, first=first, last=last, first_weekday=weekday, legend=False))
        for at, (column, row, _drawing, title) in enumerate(found, start=skipped):
            assert (column, row) == divmod(at, 7)
            assert title.startswith(f"{ENGLISH.day(start + timedelta(days=at))}: ")

    def test_says_and_shows_what_happened_on_a_day(self) -> None:
        monday = date(2026, 3, 2)
        days = [
            Day(monday, 1),
            Day(monday + timedelta(days=1), 12, 3),
            Day(monday + timedelta(days=2), 0, 0, "frozen"),
            Day(monday + timedelta(days=3), 0, 0, "paused"),
            Day(monday + timedelta(days=4), 0, 0, "repaired"),
            Day(monday + timedelta(days=5), 4, 1, "paused"),
            Day(monday + timedelta(days=7), 10_000),
        ]
        found = places(draw_heatmap(days, first=monday, last=monday + timedelta(days=6), legend=False))
        assert [(drawing, title) for _column, _row, drawing, title in found] == [
            ("h1", "2 Mar: 1 point"),
            ("h4", "3 Mar: 12 points"),
            ("hf", "4 Mar: 0 points, streak freeze"),
            ("hp", "5 Mar: 0 points, paused"),
            ("hr", "6 Mar: 0 points, repaired"),
            ("h2", "7 Mar: 4 points, paused"),
            ("h0", "8 Mar: 0 points"),
        ]

    @given(scores=st.lists(st.integers(0, 500), min_size=1, max_size=60))
    def test_is_never_lighter_for_more_points(self, scores: list[int]) -> None:
        days = {day: Day(day, points, 1) for at, points in enumerate(scores) for day in [FIRST + timedelta(days=at)]}
        levels = heat_levels(days)
        ordered = sorted(days.values(), key=lambda day: day.points)
        assert [levels[day.date] for day in ordered] == sorted(levels.values())
        assert set(levels.values()) <= {1, 2, 3, 4}
        assert max(levels.values()) == 4

    def test_stays_small(self) -> None:
        full = [Day(FIRST + timedelta(days=at), 10 + at * 37 % 90, 2) for at in range(371)]
        page = draw_heatmap(full, first=FIRST, last=LAST, today=TODAY)
        assert len(page.encode()) < 26_500
        assert len(gzip.compress(page.encode())) < 5_000
        assert len(draw_heatmap(full, first=FIRST, last=LAST, tooltips=False).encode()) < 13_000

    def test_is_the_same_with_ten_years_of_days(self) -> None:
        assert draw_heatmap(days_until(TODAY, 3660), first=FIRST, last=LAST) == draw_heatmap(
            DAYS, first=FIRST, last=LAST
        )

    def test_draws_a_strip_for_each_year_of_a_longer_range(self) -> None:
        words = text_of(draw_heatmap(DAYS, first=date(2024, 5, 1), last=TODAY, tooltips=False, legend=False))
        assert all(str(year) in words.split() for year in (2024, 2025, 2026))

    def test_has_the_same_in_words(self) -> None:
        days = [Day(date(2026, 3, 3), 12, 1), Day(date(2026, 5, 1), 1), Day(date(2026, 4, 4), 0, 0, "frozen")]
        root = parse(draw_heatmap(days, first=date(2026, 2, 20), last=date(2026, 5, 2)))
        description = root.find(f"{SVG}desc")
        assert description is not None
        assert description.text == (
            "2 active days from 20 Feb 2026 to 2 May 2026, 13 points. Best day: 3 Mar 2026 with 12 points."
        )
        rows = activity_by_month(days, first=date(2026, 2, 20), last=date(2026, 5, 2))
        assert [(row.first.month, row.active, row.points) for row in rows] == [
            (2, 0, 0),
            (3, 1, 12),
            (4, 0, 0),
            (5, 1, 1),
        ]

    def test_refuses_a_range_that_ends_before_it_begins(self) -> None:
        with pytest.raises(ValueError, match="must not be after"):
            draw_heatmap([], first=LAST, last=FIRST)


def places(markup: str) -> list[tuple[int, int, str, str]]:
    """Column, row, drawing and tooltip of each square, by column and row."""
    found: list[tuple[int, int, str, str]] = []
    for group in parse(markup).iter(f"{SVG}g"):
        row = int(moved.group(1)) if (moved := re.fullmatch(r"translate\(0 (\d)\)", group.get("transform", ""))) else 0
        for use in group.findall(f"{SVG}use"):
            title = use.findtext(f"{SVG}title", "")
            found.append((int(use.get("x", "0")), row, use.attrib["href"].removeprefix("#"), title))
    return sorted(found)


class TestMedals:
    def test_each_category_and_each_rarity_has_a_form_of_its_own(self) -> None:
        def form(kind: MedalKind) -> str:
            drawn = draw_medal(kind, name="x")
            return re.sub(r' (fill|stroke|stop-color|stop-opacity|id)="[^"]*"', "", drawn)

        for state in ("earned", "open"):
            kinds = [kind for kind in KINDS if kind.state == state]
            assert len({form(kind) for kind in kinds}) == len(kinds) == 24

    def test_studs_count_the_rank_of_the_rarity(self) -> None:
        for at, rarity in enumerate(RARITIES, start=1):
            drawn = parse(draw_medal(MedalKind(category="learning", rarity=rarity)))
            assert len(list(drawn.iter(f"{SVG}circle"))) == at

    def test_a_hidden_one_says_nothing_of_its_badge(self) -> None:
        kind = MedalKind(category="streak", rarity="epic", state="hidden")
        assert text_of(draw_medal(kind, name="Night Owl", fraction=0.5)) == "Hidden badge"

    def test_one_that_is_not_earned_says_how_far_it_is(self) -> None:
        kind = MedalKind(category="streak", rarity="epic", state="open")
        assert text_of(draw_medal(kind, name="Night Owl")) == "Night Owl, not yet earned"
        assert text_of(draw_medal(kind, name="Night Owl", fraction=0.5)) == "Night Owl, 50% done"
        assert text_of(draw_medal(MedalKind(category="streak", rarity="epic"))) == "Streak badge, epic"

    def test_a_sprite_holds_each_drawing_once(self) -> None:
        kinds = [*KINDS, *KINDS, MedalKind(category="other", rarity="common")]
        sprite = parse(medal_sprite(kinds))
        check_safe(sprite, "page")
        symbols = {symbol.attrib["id"] for symbol in sprite.iter(f"{SVG}symbol")}
        assert len(symbols) == len(KINDS)
        for kind in kinds:
            use = parse(draw_medal(kind, sprite=True)).find(f"{SVG}use")
            assert use is not None
            assert use.attrib["href"].removeprefix("#") in symbols

    def test_a_wall_of_all_medals_costs_a_page_little(self) -> None:
        kinds = [kind for kind in KINDS if kind.state != "hidden"]
        wall = medal_sprite(kinds) + "".join(draw_medal(kind, name="A badge", sprite=True) for kind in kinds * 2)
        assert len(gzip.compress(wall.encode())) < 12_000


class TestStreak:
    def test_shows_the_last_fourteen_days(self) -> None:
        days = [
            Day(TODAY - timedelta(days=1), 5),
            Day(TODAY - timedelta(days=2), 0, 0, "frozen"),
            Day(TODAY - timedelta(days=3), 0, 0, "repaired"),
            Day(TODAY - timedelta(days=4), 0, 0, "paused"),
            Day(TODAY - timedelta(days=5), 0, 1),
            Day(TODAY - timedelta(days=40), 5),
        ]
        states = [state for _day, state in last_days(days, today=TODAY, since=TODAY - timedelta(days=7))]
        assert states == ["before"] * 6 + ["missed"] * 2 + [
            "active",
            "paused",
            "repaired",
            "frozen",
            "active",
            "pending",
        ]
        drawn = parse(draw_streak(days, today=TODAY, current=2, longest=9, since=TODAY - timedelta(days=7)))
        titles = [title.text for group in drawn.iter(f"{SVG}g") for title in group.findall(f"{SVG}title")]
        assert len(titles) == 8
        assert titles[-2:] == ["24 Nov: active", "25 Nov: still open"]

    def test_asks_for_today_only_while_today_is_open(self) -> None:
        hint = ENGLISH.keep_going
        yesterday = [Day(TODAY - timedelta(days=1), 5)]
        assert hint in text_of(draw_streak(yesterday, today=TODAY, current=1, longest=1))
        assert hint not in text_of(draw_streak([*yesterday, Day(TODAY, 5)], today=TODAY, current=2, longest=2))
        assert ENGLISH.start_again in text_of(draw_streak([], today=TODAY, current=0, longest=2))


class TestNumbers:
    def test_a_level_says_what_is_missing_to_the_next(self) -> None:
        words = text_of(draw_level(level=2, points=299, next_level_at=300, fraction=0.99))
        assert "1 point to level 3" in words
        assert ENGLISH.top_level in text_of(draw_level(level=9, points=299, next_level_at=None, fraction=1))

    @pytest.mark.parametrize(("fraction", "share"), [(-1.0, 0.0), (0.25, 0.25), (0.5, 0.5), (1.0, 1.0), (7.0, 1.0)])
    def test_the_ring_is_filled_to_the_fraction(self, fraction: float, share: float) -> None:
        drawn = draw_level(level=2, points=1, next_level_at=300, fraction=fraction, compact=True)
        circles = list(parse(drawn).iter(f"{SVG}circle"))
        assert len(circles) == (1 if share == 0 else 2)
        if 0 < share < 1:
            done, _rest = map(float, circles[1].attrib["stroke-dasharray"].split())
            assert done == pytest.approx(share * 2 * 3.14159 * float(circles[1].attrib["r"]), rel=0.001)

    @given(length=st.integers(1, 3700))
    @settings(max_examples=share_of(25), deadline=None)
    def test_a_chart_adds_up_to_the_points_of_its_days(self, length: int) -> None:
        first = TODAY - timedelta(days=length - 1)
        periods = periods_of(DAYS, first=first, last=TODAY, bucket=bucket_for(first, TODAY))
        assert sum(period.points for period in periods) == sum(day.points for day in DAYS if day.date >= first)
        assert len(periods) <= 125
        assert [period.first for period in periods] == sorted({period.first for period in periods})

    def test_a_chart_names_each_of_its_bars(self) -> None:
        drawn = draw_points([Day(TODAY, 7), Day(FIRST, 3)], first=FIRST, last=TODAY, bucket="month")
        assert "Nov 2025: 3 points" in text_of(drawn)
        assert "Nov 2026: 7 points" in text_of(drawn)

    def test_languages_share_what_was_counted(self) -> None:
        drawn = text_of(draw_languages([LanguageCount("Python", 3), LanguageCount("C", 1)], total=8))
        assert "Python: 3 (38%), C: 1 (12%), Other: 4 (50%)." in drawn
        assert ENGLISH.nothing in text_of(draw_languages([]))

    def test_a_card_says_all_that_it_shows(self) -> None:
        drawn = draw_card(
            name="Ada", level=3, points=420, fraction=0.4, streak=1, medals=KINDS[:12:3] * 2, badge_count=8
        )
        assert "Ada: progress Level 3, 420 points. Streak: 1 day. 8 badges." in text_of(drawn)
