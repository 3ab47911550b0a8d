"""The operator's page: how the service is, a learner's ledger line by line, and the rulebook as it runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response
from msgspec import UNSET

from laurels.application.service import Service
from laurels.errors import InvalidQuery, StoreError, UnknownUser
from laurels.web.languages import Language
from laurels.web.names import shown_name
from laurels.web.pages.learner import ledger_line
from laurels.web.rendering import language_of, page
from laurels.web.viewing import host_of

LINES = 50
_NO_STORE = {"cache-control": "no-store"}


def sign_in_page(request: Request[Any, Any, Any], *, failed: bool = False) -> Response[str]:
    """The form that asks for an admin key."""
    answer = page(
        request,
        "sign_in.html",
        status=401,
        failed=failed,
        token=host_of(request).form_token(request),
    )
    answer.headers.update(_NO_STORE)
    return answer


async def overview_page(request: Request[Any, Any, Any], service: Service) -> Response[str]:
    """The state of the service, and with `?user=` the ledger of a learner."""
    language = language_of(request)
    _ = language.text
    user_id = request.query_params.get("user", "")
    learner: dict[str, Any] | None = None
    notice = ""
    if user_id:
        try:
            learner = await _learner(request, service, user_id, language)
        except (UnknownUser, InvalidQuery) as error:
            notice = str(error)
    answer = page(
        request,
        "admin.html",
        language=language,
        user_id=user_id,
        notice=notice,
        learner=learner,
        state=await _state(service, language),
        rulebook=service.rulebook,
        tasks=[{"name": task.name, "health": task.health} for task in service.tasks],
        token=host_of(request).form_token(request),
    )
    answer.headers.update(_NO_STORE)
    return answer


async def _state(service: Service, language: Language) -> list[tuple[str, str]]:
    _, number = language.text, language.number
    stats, behind = service.recorder.stats, service.projector.behind_seconds
    rows = [
        (_("Events recorded by this process"), number(stats.recorded)),
        (_("Repeated events"), number(stats.replayed)),
        (_("Refused events"), number(stats.invalid + stats.conflicts)),
        (_("Faults"), number(stats.faults)),
        (
            _("Boards are behind by"),
            language.plural("{count} second", "{count} seconds", behind),
        ),
    ]
    try:
        board = await service.leaderboards.page(limit=1)
        rows.insert(0, (_("Learners on the boards"), number(board.total)))
        is_stale = board.stale is not UNSET
    except StoreError:
        is_stale = True
    rows.insert(0, (_("Database"), _("away") if is_stale else _("there")))
    if service.fallback is not None:
        spool = await service.fallback.spool.stats()
        rows.append((_("Events that wait in the spool"), number(spool.waiting)))
        rows.append((_("Events that were set aside"), number(spool.set_aside)))
    return rows


async def _learner(
    request: Request[Any, Any, Any], service: Service, user_id: str, language: Language
) -> dict[str, Any]:
    known = await service.learners.known(user_id)
    progress = known.progress
    asked = request.query_params.get("before", "")
    last = progress.seq
    if asked.isascii() and asked.isdigit():
        last = min(last, max(0, int(asked[:15]) - 1))
    after = max(0, last - LINES)
    entries = await service.store.ledger.entries(user_id, after=after, limit=last - after)
    user = service.learners.user(progress)
    names = {badge.id: {"name": badge.name} for badge in service.rulebook.badges}
    return {
        "name": shown_name(user, language),
        "points": language.number(progress.total_points),
        "level": language.number(user.level),
        "lines": [
            {"seq": entry.seq, **ledger_line(entry, names=names, language=language, zone=UTC)}
            for entry in reversed(entries)
        ],
        "older": f"/admin?{urlencode({'user': user_id, 'before': after + 1})}" if after else "",
        "made": language.instant(datetime.fromtimestamp(progress.created_at / 1000, UTC)),
    }
