"""The operator's page of the rulebook: the one in force, the preview of another, and its publication."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response

from laurels.application.maintenance.publishing import Publications
from laurels.application.ports.jobs import Job
from laurels.application.service import Service
from laurels.domain.ledger.entries import Notify
from laurels.errors import RulebookError
from laurels.web.locale import PageLocale
from laurels.web.page_access import host_of
from laurels.web.pages.admin_figures import NO_STORE
from laurels.web.pages.admin_preview import previewing_page
from laurels.web.rendering import language_of, page

# Versions and jobs that are shown.
LAST = 10
BACKFILL, REPOINT = "backfill", "repoint"


async def rulebook_page(
    request: Request[Any, Any, Any],
    service: Service,
    *,
    fields: dict[str, str] | None = None,
    mistakes: list[str] | None = None,
    is_tried: bool = False,
) -> Response[str]:
    """The rulebook in force, and the form for another one. `fields` are the submitted ones, `mistakes` their faults.
    With `is_tried` the page has a cut for the preview."""
    language = language_of(request)
    versions = await service.store.rulebook.versions(limit=LAST)
    answer = page(
        request,
        "admin_rulebook.html",
        status=422 if mistakes else 200,
        language=language,
        rulebook=service.rulebook,
        event_types=[
            {"name": name, "points": language.number(each.points), "what": each.description}
            for name, each in service.rulebook.event_types.items()
        ],
        versions=[
            {
                "version": each.version,
                "name": each.name,
                "when": language.instant(each.published_at),
                "by": each.published_by or "",
            }
            for each in versions
        ],
        jobs=[_job(job, language) for job in await service.store.jobs.last(limit=LAST)],
        fields=fields or {},
        after=_after(fields or {}),
        mistakes=mistakes or [],
        is_tried=is_tried,
        token=host_of(request).form_token(request),
    )
    answer.headers.update(NO_STORE)
    return answer


async def submit(
    request: Request[Any, Any, Any], service: Service, publications: Publications, fields: dict[str, str]
) -> Response[Any]:
    """Carry out the form's request: preview its rulebook, or publish it."""
    try:
        rulebook = await publications.read(fields.get("rulebook", "").replace("\r\n", "\n"))
    except RulebookError as error:
        mistakes = [_mistake(each) for each in (error, *error.others)]
        return await rulebook_page(request, service, fields=fields, mistakes=mistakes)
    after = _after(fields)
    if fields.get("do") != "publish":
        around = await rulebook_page(request, service, fields=fields, is_tried=True)
        return await previewing_page(request, service, publications, rulebook, around=around, repoint=after == REPOINT)
    told = fields.get("notify")
    notify: Notify = "digest" if told == "digest" else "each" if told == "each" else "none"
    await publications.publish(
        rulebook,
        by=host_of(request).caller_name(request),
        backfill=after == BACKFILL,
        repoint=after == REPOINT,
        notify=notify if after else "none",
    )
    # The operator sees it at once if this process answers.
    await service.rules.look()
    return Response(b"", status_code=303, headers={"location": "/admin/rulebook"})


def _after(fields: dict[str, str]) -> str:
    """The work after the publication: none, the badges of the past, or those and its points."""
    asked = fields.get("after", BACKFILL)
    return asked if asked in (BACKFILL, REPOINT) else ""


def _mistake(error: RulebookError) -> str:
    return f"{error.line + ': ' if error.line else ''}{error.key + ': ' if error.key else ''}{error.detail}"


def _job(job: Job, language: PageLocale) -> dict[str, Any]:
    _ = language.text
    states = {"waiting": _("waits"), "running": _("runs"), "done": _("done"), "failed": _("failed")}
    # Another rulebook was published before the job was done.
    states["replaced"] = _("replaced")
    return {
        "version": job.version,
        "what": _("points and badges of the past") if job.repoint else _("badges of the past"),
        "state": states.get(job.state, job.state),
        "when": language.instant(job.finished_at or job.started_at or job.created_at),
        "learners": language.number(job.learners),
        "awards": language.number(sum(job.awards.values())),
        "error": job.error or "",
    }
