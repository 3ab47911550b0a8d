"""`laurels audit`: lists activity that is hardly human, for a person to review. Changes nothing."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
import typer

from laurels.application.maintenance.audit import Audit
from laurels.application.maintenance.audit import audit as look_through
from laurels.bootstrap import open_store, system_clock
from laurels.cli.maintenance.verify import count_users
from laurels.cli.options import StoreOption, store_settings, whole_number
from laurels.cli.terminal import progress_bar, say, show_table
from laurels.domain.audit import RULES
from laurels.domain.periods import MS_PER_DAY
from laurels.plurals import counted


def audit(
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")] = False,
    since: Annotated[
        int | None,
        whole_number(
            least=1, most=36_500, metavar="DAYS", help="Only what was recorded in so many days.", show_default=False
        ),
    ] = None,
    limit: Annotated[int, whole_number(least=1, most=100_000, help="The most findings to show, highest first.")] = 100,
) -> None:
    """Report implausible activity: too fast, round the clock, always the same, far above normal, backdated, in step.

    A finding is a reason to look, not a verdict. Works while a server runs. Always exits with 0.
    """
    url = store_settings(store).store
    found = asyncio.run(_audit(url, since, limit))
    if as_json:
        say(
            msgspec.json.encode(
                {
                    "users": found.users,
                    "events": found.events,
                    "found": {rule: found.found[rule] for rule in RULES},
                    "findings": found.findings,
                }
            ).decode()
        )
        return
    said = ", ".join(f"{count:,} {rule}" for rule in RULES if (count := found.found[rule]))
    say(f"{counted(found.users, 'user')}, {counted(found.events, 'event')}: {said or 'nothing stands out'}")
    if found.findings:
        lines = [
            [str(each.score), each.rule, _printable(each.user_id), each.says, " ".join(each.days[:3])]
            for each in found.findings
        ]
        show_table("Findings", ["score", "rule", "user", "what", "first days"], lines, numbers=[0])


async def _audit(url: str, since: int | None, limit: int) -> Audit:
    store = await open_store(url)
    try:
        with progress_bar("Looking through", total=await count_users(store)) as bar:
            return await look_through(
                store,
                since=None if since is None else system_clock() - since * MS_PER_DAY,
                limit=limit,
                on_users=lambda users: bar.show(users, counted(users, "user")),
            )
    finally:
        await store.close()


def _printable(user_id: str) -> str:
    return user_id if user_id.isprintable() else repr(user_id)
