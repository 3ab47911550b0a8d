"""Texts that people chose stay on their line and whole, and colours can be read."""

from __future__ import annotations

import base64
import hashlib
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from laurels.web.pictures.svg import number
from laurels.web.pictures.text import LONGEST, clean, clusters, fit, initial, isolate, width_of
from laurels.web.pictures.theme import (
    DARK,
    LIGHT,
    SERIES,
    contrast,
    embedded_style,
    embedded_style_hash,
    luminance,
    stylesheet,
)

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
GERMANY = "\U0001f1e9\U0001f1ea"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
WAVE = "\U0001f44b\U0001f3fd"
KSHA = "\u0915\u094d\u0937"
HAN = "\u1112\u1161\u11ab"

palettes = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])


class TestTexts:
    @pytest.mark.parametrize(
        "whole", [FAMILY, GERMANY, SCOTLAND, WAVE, KSHA, HAN, "e\u0301", "\u2764\ufe0f", "1\ufe0f\u20e3"]
    )
    def test_what_a_reader_sees_as_one_is_one(self, whole: str) -> None:
        assert list(clusters(whole * 3)) == [whole] * 3
        assert clean(whole) == whole

    @given(
        text=st.lists(st.sampled_from([*"ab W\u0301\u200d", FAMILY, GERMANY, WAVE, KSHA]), max_size=40).map("".join),
        width=st.integers(5, 300),
    )
    @example(FAMILY * 20, 60)
    def test_a_cut_lies_between_two_of_them_and_the_rest_fits(self, text: str, width: int) -> None:
        cut = fit(text, width=width, size=12)
        whole = clean(text)
        if cut == whole:
            assert width_of(cut, 12) <= width
            return
        assert cut.endswith("\u2026")
        kept = cut[:-1]
        starts, at = {0}, 0
        for cluster in clusters(whole):
            at += len(cluster)
            starts.update((at, len(whole[:at].rstrip())))
        assert whole.startswith(kept)
        assert len(kept) in starts
        assert width_of(cut, 12) <= max(width, width_of("\u2026", 12))

    @given(text=st.text(st.characters()))
    def test_nothing_is_left_that_breaks_a_line_or_turns_it(self, text: str) -> None:
        cleaned = clean(text)
        assert cleaned == clean(cleaned) == cleaned.strip()
        assert not set(cleaned) & set(
            "\n\r\t\x00\x1b\u2028\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u200b"
        )
        cleaned.encode()

    def test_a_tower_of_accents_is_cut_down(self) -> None:
        assert clean("e" + "\u0301" * 500 + "f") == "e\u0301\u0301\u0301f"

    def test_a_long_text_is_not_looked_at_to_its_end(self) -> None:
        assert len(clean("x" * 10_000_000)) == LONGEST

    def test_a_name_has_a_direction_of_its_own_where_it_could_turn_others(self) -> None:
        assert isolate("Ada") == "Ada"
        assert isolate("C++", rtl=True) == "\u2068C++\u2069"
        assert isolate("\u0644\u064a\u0644\u0649") == "\u2068\u0644\u064a\u0644\u0649\u2069"

    def test_the_initial_is_the_first_that_a_reader_sees(self) -> None:
        assert initial("  ada") == "A"
        assert initial(FAMILY + "x") == FAMILY
        assert initial("\u202e\u200b") == ""

    @given(value=st.floats(-1e6, 1e6))
    def test_numbers_are_short_and_exact_to_two_decimals(self, value: float) -> None:
        written = number(value)
        assert float(written) == pytest.approx(value, abs=0.0051)
        assert "e" not in written
        assert written in ("0", "-0") or not written.startswith(("0.", "-0"))


class TestColours:
    @palettes
    def test_text_reaches_aa_on_each_ground_that_it_stands_on(self, palette: dict[str, str]) -> None:
        for text in ("ink", "muted", "accent", "accent-strong", "danger", "flame-ink", "focus"):
            for ground in ("bg", "panel"):
                assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
        assert contrast(palette["ink"], palette["sunken"]) >= 4.5
        assert contrast(palette["muted"], palette["sunken"]) >= 4.5
        assert contrast(palette["on-accent"], palette["accent"]) >= 4.5
        assert contrast(palette["panel"], palette["ink"]) >= 4.5

    @palettes
    def test_signs_reach_three_to_one_on_theirs(self, palette: dict[str, str]) -> None:
        pairs = [
            *((name, "panel") for name in (*SERIES, "series-rest", "flame-1", "gold", "ring-1", "ring-2")),
            ("medal-open-line", "medal-open"),
            ("medal-hidden-ink", "medal-hidden"),
            ("ice-ink", "ice"),
            ("rest", "heat-0"),
            ("accent", "heat-0"),
            ("streak-check", "flame-2"),
            ("on-ring", "ring-1"),
            ("on-ring", "ring-2"),
        ]
        poor = [(one, other, contrast(palette[one], palette[other])) for one, other in pairs]
        assert [pair for pair in poor if pair[2] < 3] == []

    @palettes
    def test_each_level_of_heat_stands_out_from_the_one_before(self, palette: dict[str, str]) -> None:
        ramp = [palette[f"heat-{level}"] for level in range(5)]
        shades = [luminance(colour) for colour in ramp]
        assert shades in (sorted(shades), sorted(shades, reverse=True))
        assert all(contrast(one, other) >= 1.18 for one, other in pairwise(ramp))
        assert contrast(ramp[3], palette["panel"]) >= 3

    def test_both_palettes_have_the_same_names(self) -> None:
        assert list(LIGHT) == list(DARK)
        assert all(stylesheet().count(f"--laurels-{name}:") == 3 for name in LIGHT)

    def test_contrast_is_that_of_the_standard(self) -> None:
        assert contrast("#000000", "#ffffff") == pytest.approx(21)
        assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)

    def test_the_hash_of_the_style_is_what_a_browser_computes(self) -> None:
        digest = base64.b64encode(hashlib.sha256(embedded_style().encode()).digest()).decode()
        assert embedded_style_hash() == f"'sha256-{digest}'"
