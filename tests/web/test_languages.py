"""Every text of the pages stands in every language, with the same places to fill."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_datetime

import laurels.web
from laurels.web.drawing import labels_of
from laurels.web.locale import DEFAULT, PageLocale, available, language, negotiate

WEB = Path(laurels.web.__file__).parent
_TEXT = r"(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)')"
ONE = re.compile(r"(?:\b_|\.text)\(\s*" + _TEXT)
TWO = re.compile(r"(?:\b_n|plural)\(\s*" + _TEXT + r",\s*" + _TEXT)


def sources() -> str:
    files = [*WEB.rglob("*.py"), *WEB.rglob("*.html")]
    return "\n".join(path.read_text("utf-8") for path in files)


@pytest.mark.parametrize("code", [code for code in available() if code != DEFAULT])
def test_every_text_is_translated(code: str) -> None:
    catalogue = language(code).catalogue
    text = sources()
    missing = [found for match in ONE.finditer(text) if not catalogue.knows(found := match[1] or match[2])]
    for match in TWO.finditer(text):
        one, many = match[1] or match[2], match[3] or match[4]
        missing += [form for number, form in enumerate((one, many)) if not catalogue.knows(one, number)]
    assert missing == []


@pytest.mark.parametrize("code", [code for code in available() if code != DEFAULT])
def test_a_translation_fills_the_same_places(code: str) -> None:
    catalogue = language(code).catalogue
    for match in ONE.finditer(sources()):
        text = match[1] or match[2]
        assert set(re.findall(r"\{\w+\}", catalogue.gettext(text))) == set(re.findall(r"\{\w+\}", text))


@pytest.mark.parametrize(
    ("asked", "accepted", "expected"),
    [
        (None, "", "en"),
        (None, "de-CH, en;q=0.9", "de"),
        (None, "fr, de;q=0.4, en;q=0.3", "de"),
        (None, "de;q=0", "en"),
        (None, "de;q=x", "en"),
        ("de", "en", "de"),
        ("../../x", "de", "de"),
    ],
)
def test_the_language_is_what_the_reader_prefers(asked: str | None, accepted: str, expected: str) -> None:
    assert negotiate(asked, accepted).code == expected


@pytest.mark.parametrize("code", ["en", "de", "ar", "fa", "ja", "zh", "bn", "my", "es", "fi"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/New_York"])
def test_an_instant_of_kept_parts_is_what_babel_writes(code: str, zone: str) -> None:
    spoken, place = PageLocale(code), ZoneInfo(zone)
    for at in (0, 1_772_366_400_000, 1_772_323_199_999, 1_793_500_245_678, 1_793_510_245_000):
        there = datetime.fromtimestamp(at / 1000, UTC)
        assert spoken.instant(at, place) == format_datetime(there, "medium", tzinfo=place, locale=code)


def test_the_pictures_speak_it_too() -> None:
    labels = labels_of("de")
    assert labels.points(1) == "1 Punkt"
    assert labels.months[2] == "Mär"
    assert labels.to_next.format(points="5", level="2") == "5 bis Stufe 2"


def test_numbers_and_percentages_are_written_as_there() -> None:
    german = language("de")
    assert german.number(1234567) == "1.234.567"
    assert german.plural("{count} point", "{count} points", 1) == "1 Punkt"
    assert german.percent(0.999).startswith("99")
    assert german.percent(0.0001).startswith("1")
