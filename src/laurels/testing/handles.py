"""The types of the contract tests' fixtures: a way to open handles, and ids that a careless store confuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from laurels.application.ports.store import Store

OpenStore = Callable[[], Awaitable[Store]]
"""Opens another handle on this test's database, as another process would."""

AWKWARD_IDS = (
    "ada",
    "Ada",
    "ADA",
    " ada ",
    "a" * 100,
    "\N{EARTH GLOBE EUROPE-AFRICA}" * 100,
    "stra\N{LATIN SMALL LETTER SHARP S}e",
    "strasse",
    # They look the same, but one is written with one code point and one with two.
    "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "e\N{COMBINING ACUTE ACCENT}",
    "\N{FULLWIDTH TILDE}",
    "o'brien",
    'say "hi"',
    "'; DROP TABLE ledger; --",
    '{"$gt": ""}',
    '["ada"]',
    "$where",
    "a.b",
    "a/b/../c",
    "a\\b",
    "%_*?",
    "0",
    "00",
    "1e3",
    "null",
    "true",
    "__proto__",
)
"""Ids that all differ, code point by code point, and that are never anything but data."""
