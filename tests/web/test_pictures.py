"""Pictures are well-formed, the same each time, and safe with whatever text people chose."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laurels.web.pictures import (
    ENGLISH,
    LanguageCount,
    Markup,
    MedalKind,
    PictureOptions,
    draw_card,
    draw_heatmap,
    draw_languages,
    draw_level,
    draw_medal,
    draw_points,
    draw_streak,
)
from laurels.web.pictures.medal_parts import CATEGORIES, RARITIES
from laurels.web.pictures.svg import element
from laurels.web.pictures.theme import Theme, embedded_style, stylesheet
from tests.examples import share_of
from tests.web.samples import DAYS, FIRST, KINDS, LAST, SVG, TODAY, check_safe, parse, text_of

HOSTILE = [
    "<script>alert(1)</script>",
    "\" onload='alert(1)' x=\"",
    "]]><!-- &amp; &#0; <![CDATA[",
    "\u202egnp.exe\u202d\u2066\u2069",
    "\ud800 \x00 \x0b \ufffe \U0001ffff \x7f \x85",
    "Z\u0351\u036f\u033a" + "\u0301" * 900,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 50,
    "\U0001f1e9\U0001f1ea" * 60 + "\U0001f1e9",
    "\u0644\u064a\u0644\u0649 \u0628\u0646\u062a C++",
    "\u0928\u092e\u0938\u094d\u0924\u0947" * 40,
    "x" * 10_000,
    "\u200d" * 40,
    "\n\t ",
    "",
    "{name}{0}%s",
]


PICTURES: dict[str, Callable[[str, PictureOptions], Markup]] = {
    "card": lambda text, options: draw_card(
        name=text, level=12, points=6640, fraction=0.6, streak=22, medals=KINDS[::7], badge_count=23, options=options
    ),
    "heatmap": lambda _text, options: draw_heatmap(DAYS, first=FIRST, last=LAST, today=TODAY, options=options),
    "languages": lambda text, options: draw_languages(
        [LanguageCount("Python", 7), LanguageCount(text, 2)], total=12, options=options
    ),
    "level": lambda _text, options: draw_level(
        level=12, points=6640, next_level_at=7800, fraction=0.1, options=options
    ),
    "ring": lambda _text, options: draw_level(
        level=100, points=495_000, next_level_at=None, fraction=1, compact=True, options=options
    ),
    "medal": lambda text, options: draw_medal(
        MedalKind(category="coding", rarity="legendary"), name=text, options=options
    ),
    "open medal": lambda text, options: draw_medal(
        MedalKind(category=text, rarity="rare", state="open"), fraction=0.4, options=options
    ),
    "hidden medal": lambda text, options: draw_medal(
        MedalKind(category="social", rarity="epic", state="hidden"), name=text, options=options
    ),
    "bars": lambda _text, options: draw_points(DAYS, first=FIRST, last=LAST, options=options),
    "area": lambda _text, options: draw_points(DAYS, first=FIRST, last=LAST, kind="area", options=options),
    "streak": lambda _text, options: draw_streak(DAYS, today=TODAY, current=22, longest=31, options=options),
}
all_pictures = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)


class TestEveryPicture:
    @all_pictures
    @given(
        text=st.text(st.characters(), max_size=60),
        theme=st.sampled_from(["page", "auto", "light", "dark"]),
        lang=st.sampled_from(["en", "ar-EG", "he"]),
        panel=st.booleans(),
    )
    @settings(max_examples=share_of(15), deadline=None)
    def test_is_well_formed_and_safe_with_any_text(
        self, draw: Callable[[str, PictureOptions], Markup], text: str, theme: Theme, lang: str, panel: bool
    ) -> None:
        options = PictureOptions(theme=theme, lang=lang, panel=panel)
        check_safe(parse(draw(text, options)), theme)

    @all_pictures
    def test_withstands_texts_that_were_made_to_break_it(self, draw: Callable[[str, PictureOptions], Markup]) -> None:
        for text in HOSTILE:
            markup = draw(text, PictureOptions())
            check_safe(parse(markup), "page")
            assert not set("\u202a\u202b\u202c\u202d\u202e\u2066") & set(markup), text
            assert markup.count("\u2068") + markup.count("\u2067") == markup.count("\u2069"), text

    @all_pictures
    def test_has_a_name_and_keeps_its_size(self, draw: Callable[[str, PictureOptions], Markup]) -> None:
        root = parse(draw("Ada", PictureOptions(lang="de")))
        assert root.attrib["role"] == "img"
        assert root.attrib["lang"] == "de"
        title = root[0]
        assert title.tag == f"{SVG}title"
        assert title.text
        _x, _y, width, height = map(float, root.attrib["viewBox"].split())
        assert float(root.attrib["width"]) / float(root.attrib["height"]) == pytest.approx(width / height, rel=0.01)

    @all_pictures
    def test_uses_colours_of_the_page_in_a_page_and_plain_ones_in_print(
        self, draw: Callable[[str, PictureOptions], Markup]
    ) -> None:
        sheet = stylesheet()
        page, light, dark, auto = (
            draw("Ada", PictureOptions(theme=theme, panel=True)) for theme in ("page", "light", "dark", "auto")
        )
        names = set(re.findall(r"var\((--[a-z0-9-]+)\)", page))
        assert all(sheet.count(f"{name}:") == 3 for name in names)
        assert "var(" not in light
        assert f"<style>{embedded_style()}</style>" in auto
        # An earned medal is a thing with colours of its own: bronze stays bronze at night.
        assert (light != dark) is bool(names) is (draw is not PICTURES["medal"])

    @all_pictures
    def test_puts_the_prefix_before_each_id(self, draw: Callable[[str, PictureOptions], Markup]) -> None:
        markup = draw("Ada", PictureOptions(id_prefix="second-"))
        check_safe(parse(markup), "page")
        assert all(name.startswith("second-") for name in re.findall(r' id="(.*?)"', markup))

    def test_refuses_a_prefix_that_would_leave_the_attribute(self) -> None:
        with pytest.raises(ValueError, match="an id consists of"):
            PICTURES["heatmap"]("", PictureOptions(id_prefix='"><'))

    @all_pictures
    def test_says_nothing_in_english_where_all_labels_are_translated(
        self, draw: Callable[[str, PictureOptions], Markup]
    ) -> None:
        words = {
            name: "\u0436 " + " ".join(re.findall(r"\{\w+\}", value))
            for name, value in msgspec.structs.asdict(ENGLISH).items()
            if isinstance(value, str)
        }

        def counted(value: object) -> str:
            return f"{value} \u0436"

        callables = dict.fromkeys(
            ("number", "percent", "day", "date", "month", "points", "days", "active_days", "badges", "day_streak"),
            counted,
        )
        labels = msgspec.structs.replace(
            ENGLISH,
            **words,
            **callables,
            months=("\u0436",) * 12,
            weekdays=("\u0436",) * 7,
            weekday_initials=("\u0436",) * 7,
            categories=dict.fromkeys(CATEGORIES, "\u0436"),
            rarities=dict.fromkeys(RARITIES, "\u0436"),
        )
        spoken = text_of(draw("\u0436", PictureOptions(labels=labels))).replace("Python", "")
        assert re.findall("[A-Za-z]+", spoken) == []

    def test_is_the_same_in_every_process(self) -> None:
        program = (
            "import hashlib, tests.web.test_pictures as t, laurels.web.pictures as p;"
            "drawn = [*(draw('Ada', p.PictureOptions()) for draw in t.PICTURES.values()), p.medal_sprite(t.KINDS)];"
            "print(hashlib.sha256(''.join(drawn).encode()).hexdigest())"
        )
        found = {
            subprocess.run(
                [sys.executable, "-c", program],
                cwd=Path(__file__).parents[2],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for seed in ("1", "2")
        }
        assert len(found) == 1

    def test_is_mirrored_where_reading_starts_at_the_right(self) -> None:
        left = parse(PICTURES["level"]("", PictureOptions(lang="en")))
        right = parse(PICTURES["level"]("", PictureOptions(lang="ar")))
        width = float(left.attrib["viewBox"].split()[2])
        pairs = list(zip(left.iter(f"{SVG}text"), right.iter(f"{SVG}text"), strict=True))
        assert len(pairs) == 4
        for here, there in pairs:
            assert float(here.attrib["x"]) + float(there.attrib["x"]) == pytest.approx(width)
            assert there.text == f"\u2067{here.text}\u2069"
            assert (here.get("text-anchor"), there.get("text-anchor")) in ((None, "end"), ("middle", "middle"))

    def test_the_writer_refuses_what_no_picture_may_hold(self) -> None:
        for attributes in ({"style": "fill:red"}, {"onload": "x"}, {"href": "https://example.org/a.svg"}):
            with pytest.raises(ValueError, match="picture"):
                element("rect", **attributes)
