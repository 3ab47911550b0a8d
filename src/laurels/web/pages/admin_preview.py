"""The preview of another rulebook, as a page that appears at once and continues while the ledger is read.

The work belongs to the request: leaving the page stops it, nothing of it is kept, and any process can answer. It needs
no script.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import date
from typing import Any

from litestar import Request, Response
from litestar.response import Stream
from markupsafe import Markup

from laurels.application.maintenance.backfill import Preview
from laurels.application.maintenance.publishing import Publications
from laurels.application.service import Service
from laurels.domain.rules.rulebook import Rulebook
from laurels.errors import StoreError
from laurels.web.locale import PageLocale
from laurels.web.rendering import language_of, render

# The place where the template is cut in two, to send the results in between. No text of a page can contain it.
CUT = "<!-- the preview -->"
# Seconds between two lines of progress.
INTERVAL = 1.0
# Learners who are named beside a badge that they would get.
SAMPLES = 3
# Some proxies would otherwise hold everything back until the end.
_UNBUFFERED = {"x-accel-buffering": "no"}


class _Reached:
    """The progress of a preview."""

    learners = events = 0

    def move(self, learners: int, events: int) -> None:
        self.learners, self.events = learners, events


async def previewing_page(
    request: Request[Any, Any, Any],
    service: Service,
    publications: Publications,
    rulebook: Rulebook,
    *,
    around: Response[str],
    repoint: bool,
) -> Response[Any]:
    """The page `around`, with the progress and then the result of a preview at its cut."""
    language = language_of(request)
    before, _, after = around.content.partition(CUT)
    people = await service.store.boards.count("all")

    async def parts() -> AsyncGenerator[str]:
        yield before
        async for part in preview_parts(publications, rulebook, language, people=people, repoint=repoint):
            yield part
        yield after

    headers = {**around.headers, **_UNBUFFERED}
    return Stream(parts(), status_code=200, media_type="text/html; charset=utf-8", headers=headers)


async def preview_parts(
    publications: Publications,
    rulebook: Rulebook,
    language: PageLocale,
    *,
    people: int,
    repoint: bool = False,
    interval: float = INTERVAL,
) -> AsyncGenerator[str]:
    """A line of progress every `interval` seconds, then the result. `people` is the approximate number of learners."""
    reached = _Reached()
    _, number = language.text, language.number
    made = asyncio.create_task(
        publications.preview(rulebook, repoint=repoint, on_progress=reached.move), name="laurels-preview"
    )
    try:
        yield '<div class="trying" role="status">'
        while not (await asyncio.wait({made}, timeout=interval))[0]:
            line = _(
                "{learners} of about {people} learners and {events} events are read. Leaving this page stops it.",
                learners=number(reached.learners),
                people=number(max(people, reached.learners)),
                events=number(reached.events),
            )
            yield str(Markup("<p>{}</p>").format(line))
        yield "</div>"
        try:
            found = made.result()
        except StoreError:
            text = _("The database went away meanwhile, and nothing is changed. Preview it again.")
            yield str(Markup('<div class="notice" role="alert"><p>{}</p></div>').format(text))
            return
        yield render("admin_preview.html", language=language, path="", preview=_in_words(found, rulebook, language))
    finally:
        made.cancel()


def _in_words(preview: Preview, rulebook: Rulebook, language: PageLocale) -> dict[str, Any]:
    number = language.number
    names = {badge.id: badge.name for badge in rulebook.badges}
    currencies = {name: currency.name for name, currency in rulebook.currencies.items()}
    return {
        "learners": number(preview.learners),
        "events": number(preview.events),
        "points": number(preview.points),
        "levels": number(preview.levels_changed),
        "currencies": [
            f"{currencies.get(name, name)} {number(amount)}" for name, amount in (preview.currencies or {}).items()
        ],
        "seconds": number(max(1, round(preview.estimated_seconds))),
        "badges": [
            {
                "name": names.get(each.badge_id, each.badge_id),
                "holders": number(each.holders),
                "would_earn": number(each.would_earn),
                "months": _span(each.months, language),
                "samples": [
                    f"{sample.user_id} ({language.date(date.fromisoformat(sample.earned_at[:10]))})"
                    for sample in each.samples[:SAMPLES]
                ],
            }
            for each in preview.badges
            if each.would_earn
        ],
    }


def _span(months: dict[str, int], language: PageLocale) -> str:
    """The first and the last month with an award."""
    first, last = (language.month_and_year(date.fromisoformat(f"{each}-01")) for each in (min(months), max(months)))
    return first if first == last else language.text("{first} to {last}", first=first, last=last)
