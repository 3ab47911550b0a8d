"""Days, medals and checks that the tests of pictures share."""

from __future__ import annotations

import re
from datetime import date, timedelta
from xml.etree import ElementTree

from laurels.web.pictures import Day, MedalKind, last_year
from laurels.web.pictures.days import DayState
from laurels.web.pictures.medal_parts import CATEGORIES, RARITIES
from laurels.web.pictures.theme import Theme

TODAY = date(2026, 11, 25)
FIRST, LAST = last_year(TODAY)
SVG = "{http://www.w3.org/2000/svg}"
STATES: tuple[DayState, ...] = ("frozen", "paused", "repaired")
KINDS = [
    MedalKind(category=category, rarity=rarity, state=state)
    for category in (*CATEGORIES, None)
    for rarity in RARITIES
    for state in ("earned", "open", "hidden")
]


def days_until(today: date, count: int) -> list[Day]:
    """Days with every state and many scores; none on Sundays."""
    found = [Day(today - timedelta(days=at), 1 + at * 37 % 90, 1) for at in range(count)]
    active = [day for day in found if day.date.weekday() != 6]
    return active + [Day(day.date, 0, 0, STATES[day.date.day % 3]) for day in found if day.date.weekday() == 6]


DAYS = days_until(TODAY, 400)


def parse(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup.encode())


def check_safe(root: ElementTree.Element, theme: Theme) -> None:
    """No style, no script, no handler, nothing from elsewhere, and each reference meets exactly one element."""
    ids = [node.attrib["id"] for node in root.iter() if "id" in node.attrib]
    assert len(ids) == len(set(ids))
    styles = list(root.iter(f"{SVG}style"))
    assert len(styles) == (theme == "auto")
    for node in root.iter():
        assert node.tag.startswith(SVG)
        assert node.tag.removeprefix(SVG) not in ("script", "foreignObject", "image", "a")
        for attribute, value in node.attrib.items():
            assert attribute != "style"
            assert not attribute.startswith("on")
            if attribute == "href":
                assert value.removeprefix("#") in ids
            for name in re.findall(r"url\((.*?)\)", value):
                assert name.removeprefix("#") in ids


def text_of(markup: str) -> str:
    return " ".join(text for node in parse(markup).iter() if node.tag != f"{SVG}style" and (text := node.text))
