"""`laurels webhooks`: manages the endpoints for messages about badges, levels and streaks, and shows failed messages.

A secret is shown once, when it is made. Servers deliver; these commands only set the endpoints and message types.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from laurels.application.webhooks.webhook_service import Webhooks
from laurels.bootstrap import open_store, system_clock
from laurels.cli.options import StoreOption, store_settings
from laurels.cli.terminal import CommandFailed, complain, say, show_table
from laurels.domain.periods import iso
from laurels.domain.webhooks import TYPES, Delivery, State
from laurels.errors import InvalidInput
from laurels.plurals import counted

T = TypeVar("T")

app = typer.Typer(help="Tell other systems of badges, levels and streaks.", no_args_is_help=True)

EndpointId = Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")]


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Where messages are posted to.")],
    kinds: Annotated[
        list[str] | None,
        typer.Option("--type", help=f"What to tell, several times for more; default all: {', '.join(TYPES)}."),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Send messages about everything that is recorded from now on to an address. Prints its secret, alone on standard
    output, this once."""
    endpoint = _run(store, lambda webhooks: webhooks.add(url, kinds or ()))
    say(endpoint.secret)
    complain(f"Keep the secret now: it cannot be shown again. The webhook's id is {endpoint.id}.")


@app.command("list")
def list_webhooks(store: StoreOption = None) -> None:
    """Show all webhooks; never their secrets."""
    found = _run(store, lambda webhooks: webhooks.all())
    lines = [[each.id, each.url, " ".join(sorted(each.types)), iso(each.created_at)] for each in found]
    show_table(counted(len(found), "webhook"), ["id", "url", "types", "created"], lines, numbers=[])


@app.command()
def remove(endpoint_id: EndpointId, store: StoreOption = None) -> None:
    """Remove a webhook, with all its pending messages."""
    _run(store, lambda webhooks: webhooks.remove(endpoint_id))
    say(f"{endpoint_id} is removed")


@app.command()
def rotate(
    endpoint_id: EndpointId,
    store: StoreOption = None,
    force: Annotated[bool, typer.Option("--force", help="Also within a day of the last rotation.")] = False,
) -> None:
    """Make a new secret and print it, this once. For a day messages are also signed by the old one."""
    endpoint = _run(store, lambda webhooks: webhooks.rotate(endpoint_id, is_forced=force))
    say(endpoint.secret)
    complain(f"The old secret of {endpoint_id} signs, too, until {iso(endpoint.previous_until or 0)}.")


@app.command()
def deliveries(endpoint_id: EndpointId, store: StoreOption = None) -> None:
    """Show the last messages of a webhook, and their results."""
    _show(endpoint_id, None, store)


@app.command()
def dead(endpoint_id: EndpointId, store: StoreOption = None) -> None:
    """Show the messages of a webhook that were given up."""
    _show(endpoint_id, "dead", store)


@app.command()
def replay(
    endpoint_id: EndpointId,
    message: Annotated[str | None, typer.Argument(help="The id of one message. Default: all.")] = None,
    store: StoreOption = None,
) -> None:
    """Send messages again that were given up."""
    count = _run(store, lambda webhooks: webhooks.replay(endpoint_id, message))
    if message is not None and not count:
        raise CommandFailed(f"No message {message} of this webhook was given up; `laurels webhooks dead` shows those.")
    say(counted(count, "message is sent once more", "messages are sent once more"))


@app.command("test")
def send_test(endpoint_id: EndpointId, store: StoreOption = None) -> None:
    """Send a webhook a message of the type webhook.test now, from here, and print the response."""
    answer = _run(store, lambda webhooks: webhooks.test(endpoint_id))
    if answer.error is not None:
        raise CommandFailed(f"It did not arrive: {answer.error}.")
    say(f"It arrived: answered {answer.status}")


def _show(endpoint_id: str, state: State | None, store: str | None) -> None:
    found = _run(store, lambda webhooks: webhooks.deliveries(endpoint_id, state=state, limit=1_000))
    columns = ["message", "type", "user", "state", "attempts", "last", "next", "answer"]
    show_table(counted(len(found), "message"), columns, map(_line, found), numbers=[4])


def _line(delivery: Delivery) -> list[str]:
    return [
        delivery.id,
        delivery.type,
        delivery.user_id,
        delivery.state,
        str(delivery.attempts),
        iso(delivery.at),
        iso(delivery.next_at) if delivery.state == "pending" else "-",
        delivery.error or str(delivery.status or "-"),
    ]


def _run(store: str | None, work: Callable[[Webhooks], Awaitable[T]]) -> T:
    from laurels.http.webhook_sender import WebhookSender  # noqa: PLC0415  most commands need no TLS

    settings = store_settings(store)
    allow_private = settings.webhook_private

    async def run() -> T:
        sender = WebhookSender(allow_private=allow_private)
        opened = await open_store(settings.store)
        try:
            return await work(Webhooks(opened.webhooks, system_clock, sender=sender, allow_private=allow_private))
        finally:
            await opened.close()

    try:
        return asyncio.run(run())
    except InvalidInput as error:
        raise CommandFailed(str(error)) from error
