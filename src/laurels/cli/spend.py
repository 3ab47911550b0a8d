"""`laurels spend`: spend a currency of a learner by hand, an entry of the ledger with its reason."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from laurels.application.recording.spendings import MOST, Spending, spending_id_of
from laurels.bootstrap import open_service
from laurels.cli.corrections import ReasonOption, UserArgument
from laurels.cli.options import StoreOption, store_settings
from laurels.cli.terminal import say


def spend(
    user: UserArgument,
    currency: Annotated[
        str, typer.Argument(metavar="CURRENCY", help="The currency's name in the rulebook.", show_default=False)
    ],
    amount: Annotated[int, typer.Argument(metavar="AMOUNT", help=f"How much, 1 to {MOST:,}.", show_default=False)],
    reason: ReasonOption,
    spending_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="An id that makes it safe to ask again.", show_default=False),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Spend an amount of a currency that a learner has earned; if the balance is too low, nothing."""
    settings = store_settings(store)

    async def run() -> Spending:
        async with open_service(settings=settings) as laurels:
            return await laurels.spendings.spend(user, currency, amount, reason=reason, spending_id=spending_id)

    done = asyncio.run(run())
    spent = f"{user} spent {done.body.amount:,} {done.body.currency} ({spending_id_of(done.entry)})"
    left = f"{done.body.balance:,} were left."
    say(f"Nothing changed: this was done before. {spent}; {left}" if done.is_replay else f"{spent}; {left}")
