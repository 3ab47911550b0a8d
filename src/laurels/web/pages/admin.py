"""The operator's page: the state of the service, a learner's ledger with its corrections, keys and webhooks."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response

from laurels.application.service import Service
from laurels.application.webhooks.webhook_service import Webhooks
from laurels.domain.keys import parent_of
from laurels.domain.ledger.entries import Entry, EventRecorded
from laurels.domain.rules.badges.awards import badge_and_period
from laurels.errors import InvalidInput, InvalidQuery, StoreError, UnknownUser
from laurels.web.display_names import shown_name
from laurels.web.locale import PageLocale
from laurels.web.page_access import host_of
from laurels.web.pages.admin_figures import NO_STORE, figures_part, news_part
from laurels.web.pages.learner import ledger_line
from laurels.web.rendering import language_of, page

LINES = 50


def sign_in_page(request: Request[Any, Any, Any], *, failed: bool = False) -> Response[str]:
    """The form that asks for an admin key."""
    answer = page(
        request,
        "sign_in.html",
        status=401,
        failed=failed,
        token=host_of(request).form_token(request),
    )
    answer.headers.update(NO_STORE)
    return answer


async def overview_page(
    request: Request[Any, Any, Any], service: Service, webhooks: Webhooks, *, user_id: str = "", fault: str = ""
) -> Response[str]:
    """The state of the service, and with `user_id` or `?user=` the ledger of a learner; `fault` is the reason why a
    correction failed."""
    language = language_of(request)
    user_id = user_id or request.query_params.get("user", "")
    learner: dict[str, Any] | None = None
    notice = fault or _done(request.query_params.get("done", ""), language)
    if user_id:
        try:
            learner = await _learner(request, service, user_id, language)
        except (UnknownUser, InvalidQuery) as error:
            notice = notice or str(error)
    answer = page(
        request,
        "admin.html",
        status=422 if fault else 200,
        language=language,
        user_id=user_id,
        notice=notice,
        learner=learner,
        figures=await figures_part(request, service, language),
        news=(await news_part(request, service, webhooks, language))[0],
        rulebook=service.rulebook,
        keys=await _keys(service, language),
        token=host_of(request).form_token(request),
    )
    answer.headers.update(NO_STORE)
    return answer


async def correct(request: Request[Any, Any, Any], service: Service, fields: dict[str, str]) -> str:
    """Make the correction of a form. Returns a word for it that `overview_page` knows. Raises LaurelsError."""
    user_id, target, reason = (fields.get(name, "").strip() for name in ("user", "target", "reason"))
    corrections, caller = service.corrections, host_of(request).caller_name(request)
    match fields.get("action", ""):
        case "retract":
            done = await corrections.retract(user_id, target, reason=reason, caller=caller)
        case "grant":
            done = await corrections.grant(user_id, target, reason=reason, caller=caller)
        case "revoke":
            done = await corrections.revoke(user_id, target, reason=reason, caller=caller)
        case _:
            raise InvalidInput("action", "Must be retract, grant or revoke.")
    return "nothing" if done.is_replay else fields["action"]


def _done(what: str, language: PageLocale) -> str:
    _ = language.text
    return {
        "retract": _("The event does not count any more."),
        "grant": _("The badge is awarded."),
        "revoke": _("The badge is taken back."),
        "nothing": _("Nothing changed: it is so already."),
    }.get(what, "")


async def _keys(service: Service, language: PageLocale) -> list[dict[str, str]]:
    """The valid keys without the sessions made from them, with the fields that may be shown."""
    now = service.clock()
    try:
        keys = await service.store.keys.all()
    except StoreError:
        return []
    return [
        {
            "name": key.name,
            "prefix": key.prefix,
            "scopes": ", ".join(sorted(key.scopes)),
            "used": "" if key.last_used_at is None else language.instant(key.last_used_at),
            "ends": "" if key.expires_at is None else language.instant(key.expires_at),
        }
        for key in keys
        if key.is_valid(now) and parent_of(key) is None
    ]


async def _learner(
    request: Request[Any, Any, Any], service: Service, user_id: str, language: PageLocale
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
    names = {badge.id: badge.name for badge in service.rulebook.badges}
    currencies = {each: currency.name for each, currency in service.rulebook.currencies.items()}
    return {
        "name": shown_name(user, language),
        "points": language.number(progress.total_points),
        "level": language.number(user.level),
        "lines": [
            {
                "seq": entry.seq,
                "event_id": _event_id(entry),
                **ledger_line(entry, names=names, language=language, zone=UTC, currencies=currencies),
            }
            for entry in reversed(entries)
        ],
        "older": f"/admin?{urlencode({'user': user_id, 'before': after + 1})}" if after else "",
        "made": language.instant(progress.created_at),
        "held": [{"id": each, "name": names.get(badge_and_period(each)[0], each)} for each in progress.awards],
    }


def _event_id(entry: Entry) -> str:
    """The id of the event that a line records; empty for any other."""
    return (entry.event_id or "") if isinstance(entry.body, EventRecorded) else ""
