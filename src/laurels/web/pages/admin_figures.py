"""The parts of an operator's page that are reloaded regularly: the figures of the service, its webhooks and its
problems.

Both parts are cheap: each takes a read or two of the store, whatever the number of webhooks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from litestar import Request, Response
from markupsafe import Markup
from msgspec import UNSET

from laurels.application.incidents import Incident
from laurels.application.ports.webhooks import Backlog, FailedAttempt
from laurels.application.service import Service
from laurels.application.webhooks.webhook_service import Webhooks
from laurels.domain.webhooks import Endpoint
from laurels.errors import StoreError
from laurels.web.locale import PageLocale
from laurels.web.page_access import query_of
from laurels.web.rendering import language_of, page_of, render

NO_STORE = {"cache-control": "no-store"}
# Problems that the page lists.
SHOWN = 20


async def figures_part(request: Request[Any, Any, Any], service: Service, language: PageLocale) -> Markup:
    """The figures of this process and of its store, which reload themselves."""
    troubled = [task for task in service.tasks if task.health != "ok"]
    html = render(
        "admin_figures.html",
        language=language,
        path=request.url.path,
        address=f"/admin/figures{query_of(request)}",
        state=await _state(service, language),
        running=len(service.tasks) - len(troubled),
        troubled=troubled,
    )
    return Markup(html)  # noqa: S704  made by a template, which has escaped what is in it


async def news_part(
    request: Request[Any, Any, Any], service: Service, webhooks: Webhooks, language: PageLocale
) -> tuple[Markup, str]:
    """The webhooks and the latest problems, and a digest of both."""
    try:
        endpoints, backlogs = await webhooks.all(), await webhooks.backlogs()
    except StoreError:
        endpoints, backlogs = [], {}
    values = {
        "problems": _problems(service, endpoints, backlogs, language),
        "webhooks": [_webhook(each, backlogs.get(each.id, Backlog()), language) for each in endpoints],
    }
    seen = hashlib.sha256(repr(values).encode()).hexdigest()[:16]
    query = urlencode({"seen": seen, **({"lang": language.code} if query_of(request) else {})})
    html = render("admin_news.html", language=language, path=request.url.path, address=f"/admin/news?{query}", **values)
    return Markup(html), seen  # noqa: S704  made by a template, which has escaped what is in it


async def figures(request: Request[Any, Any, Any], service: Service) -> Response[Any]:
    """The figures alone."""
    return page_of(await figures_part(request, service, language_of(request)), headers=NO_STORE)


async def news(request: Request[Any, Any, Any], service: Service, webhooks: Webhooks) -> Response[Any]:
    """Only webhooks and problems; empty if the page has `seen` them in this state, so that an operator's selection and
    scroll position stay."""
    html, seen = await news_part(request, service, webhooks, language_of(request))
    if request.query_params.get("seen") == seen:
        return Response(b"", status_code=204, headers=NO_STORE)
    return page_of(html, headers=NO_STORE)


async def _state(service: Service, language: PageLocale) -> list[tuple[str, str]]:
    _, number = language.text, language.number
    stats, behind = service.recorder.stats, service.projector.behind_seconds
    rows = [
        (_("Events in the last minute"), number(stats.last_minute)),
        (_("Events recorded by this process"), number(stats.recorded)),
        (_("Repeated events"), number(stats.replayed)),
        (_("Refused events"), number(stats.invalid + stats.conflicts)),
        (_("Faults"), number(stats.faults)),
        (_("Waiting for the next commit"), number(service.recorder.committer.queue_length)),
        (_("Boards are behind by"), language.plural("{count} second", "{count} seconds", behind)),
    ]
    try:
        board = await service.leaderboards.page(limit=1)
        rows.insert(0, (_("Learners on the boards"), number(board.total)))
        is_stale = board.stale is not UNSET
    except StoreError:
        is_stale = True
    rows.insert(0, (_("Database"), _("away") if is_stale else _("there")))
    if service.fallback is not None:
        try:
            spool = await service.fallback.spool.stats()
        except StoreError:
            rows.append((_("Spool"), _("its disk does not answer")))
        else:
            rows.append((_("Events that wait in the spool"), number(spool.waiting)))
            rows.append((_("Events that were set aside"), number(spool.set_aside)))
    return rows


def _host(endpoint: Endpoint) -> str:
    # Only its host: the paths of chat services are secrets.
    return urlsplit(endpoint.url).hostname or ""


def _webhook(endpoint: Endpoint, backlog: Backlog, language: PageLocale) -> dict[str, Any]:
    return {
        "host": _host(endpoint),
        "types": sorted(endpoint.types),
        "waiting": language.number(backlog.waiting),
        "given_up": language.number(backlog.given_up),
        "last": _why(backlog.failed[0], language) if backlog.failed else "",
    }


def _problems(
    service: Service, endpoints: list[Endpoint], backlogs: Mapping[str, Backlog], language: PageLocale
) -> list[dict[str, str]]:
    found = [
        (problem.at, _problem(problem, language)) for problem in service.incidents.latest(service.tasks, limit=SHOWN)
    ]
    for endpoint in endpoints:
        failed = backlogs.get(endpoint.id, Backlog()).failed
        found += [(attempt.at, _refused(endpoint, attempt, language)) for attempt in failed]
    found.sort(key=lambda each: each[0], reverse=True)
    return [{"when": language.instant(at), **problem} for at, problem in found[:SHOWN]]


def _problem(problem: Incident, language: PageLocale) -> dict[str, str]:
    _ = language.text
    what, text = {
        "outage": (_("The database was away"), problem.detail),
        "contention": (_("Processes in each other's way"), problem.detail),
        "fault": (
            _("A fault of Laurels"),
            _("{about} met {name}. The log of the process has the cause.", about=problem.about, name=problem.detail),
        ),
        "death": (
            _("A task has ended"),
            _("{about} does not run any more. Restart the process.", about=problem.about),
        ),
        "set-aside": (
            _("Events set aside"),
            _("The type is {about}. Why: laurels spool list --set-aside", about=problem.about),
        ),
    }[problem.kind]
    times = ""
    if problem.times > 1:
        since = language.instant(problem.first_at)
        times = language.plural("{count} time since {since}", "{count} times since {since}", problem.times, since=since)
    return {"what": what, "text": text, "times": times}


def _refused(endpoint: Endpoint, attempt: FailedAttempt, language: PageLocale) -> dict[str, str]:
    _ = language.text
    what = _("A message was given up") if attempt.is_given_up else _("A message did not arrive")
    tried = language.plural("tried {count} time", "tried {count} times", attempt.attempts)
    text = f"{_host(endpoint)}: {attempt.type}, {tried}. {_why(attempt, language)}"
    return {"what": what, "text": text, "times": ""}


def _why(attempt: FailedAttempt, language: PageLocale) -> str:
    """Why a message did not arrive, and what to check."""
    _ = language.text
    error, status = attempt.error or "", attempt.status
    if status is not None and not 300 <= status < 400:
        if status in (404, 405, 410):
            return _("It answered {status}: nothing takes messages at this address. Check its path.", status=status)
        if status in (401, 403):
            return _("It answered {status}: it does not let us in. Check its secret and its own rules.", status=status)
        if status >= 500:
            return _("It answered {status}: the receiver has a fault; its own log has more.", status=status)
        return _("It answered {status}, which is no 2xx.", status=status)
    return {
        "": "",
        "the name cannot be resolved": _("Its name is not known. Check the host for a typo."),
        "cannot be reached": _("Nothing takes connections there. Check host and port, and whether the receiver runs."),
        "no answer in time": _("It did not answer in time. The receiver should answer first and work afterwards."),
        "TLS failed": _("No secure connection came about. Check its certificate."),
        "the connection broke": _("The connection broke before it had answered."),
        "redirects are not followed": _("It redirects, which is not followed. Name the final address."),
        "leads to this machine or a private network, or is no https": _(
            "It leads into a private network, or is no https. LAURELS_WEBHOOK_PRIVATE allows that."
        ),
    }.get(error, error)
