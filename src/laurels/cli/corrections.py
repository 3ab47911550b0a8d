"""`laurels retract` and `laurels award`: corrections by hand, each an entry of the ledger with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

import msgspec
import typer

from laurels.application.maintenance.corrections import Corrected, Corrections
from laurels.bootstrap import open_service
from laurels.cli.options import StoreOption, store_settings
from laurels.cli.terminal import CommandFailed, say
from laurels.domain.ledger.entries import BadgeRevoked, EventRetracted, awards_of
from laurels.domain.periods import to_ms
from laurels.plurals import counted

app = typer.Typer(help="Grant a badge, or take one back.", no_args_is_help=True)

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="The learner's id.", show_default=False)]
BadgeArgument = Annotated[
    str, typer.Argument(metavar="BADGE", help="The badge's id, as in the rulebook.", show_default=False)
]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the learner's history.", show_default=False)
]


def retract(
    user: UserArgument,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The event's id.", show_default=False)],
    reason: ReasonOption,
    store: StoreOption = None,
) -> None:
    """Retract an event: its points, its day and everything that it counted for become as if it had never happened."""
    done = _correct(store, lambda corrections: corrections.retract(user, event, reason=reason))
    assert isinstance(done.body, EventRetracted)  # noqa: S101  nothing else retracts
    went = [award.badge_id for award in done.body.revoked]
    _tell(
        done,
        f"The event {event} of {user} no longer counts: {counted(done.body.points, 'point')} less"
        + _named(went, f", and {'badge' if len(went) == 1 else 'badges'} revoked: "),
    )


@app.command()
def grant(
    user: UserArgument,
    badge: BadgeArgument,
    reason: ReasonOption,
    earned_at: Annotated[
        str | None,
        typer.Option(
            "--earned-at",
            metavar="TIME",
            help="Since when, such as 2026-03-01T12:00:00Z. Default: now.",
            show_default=False,
        ),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Award a badge by hand; its points count, and may bring the next badge."""
    at = None if earned_at is None else _instant(earned_at)
    done = _correct(store, lambda corrections: corrections.grant(user, badge, reason=reason, earned_at=at))
    _tell(done, f"{user} holds {_named([award.badge_id for award in awards_of(done.body)])}")


@app.command()
def revoke(user: UserArgument, badge: BadgeArgument, reason: ReasonOption, store: StoreOption = None) -> None:
    """Revoke a badge, with its points; no rule awards it again, only a grant does."""
    done = _correct(store, lambda corrections: corrections.revoke(user, badge, reason=reason))
    assert isinstance(done.body, BadgeRevoked)  # noqa: S101  nothing else takes a badge back
    _tell(done, f"{user} no longer holds {badge}: {counted(done.body.award.points, 'point')} less")


def _correct(store: str | None, work: Callable[[Corrections], Awaitable[Corrected]]) -> Corrected:
    settings = store_settings(store)

    async def run() -> Corrected:
        async with open_service(settings=settings) as laurels:
            return await work(laurels.corrections)

    return asyncio.run(run())


def _instant(text: str) -> int:
    try:
        return to_ms(msgspec.convert(text, Annotated[datetime, msgspec.Meta(tz=True)]))
    except msgspec.ValidationError:
        raise CommandFailed(f"--earned-at {text}: must be a time with a zone, such as 2026-03-01T12:00:00Z.") from None


def _named(badge_ids: list[str], before: str = "") -> str:
    return before + ", ".join(badge_ids) if badge_ids else ""


def _tell(done: Corrected, what: str) -> None:
    if done.is_replay:
        say(f"Nothing changed: this was done before. {what}.")
        return
    say(f"{what}. {counted(done.progress.total_points, 'point')} in all.")
