"""The commands joined into one program, and the one place where an error becomes a sentence and an exit code.

Commands raise; nothing below this module prints an error or ends the process on its own.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from laurels.cli import corrections, keys, serve, spool, users, webhooks
from laurels.cli.demo import command as demo
from laurels.cli.doctor import command as doctor
from laurels.cli.importing import command as import_events
from laurels.cli.maintenance import audit, rebuild, verify
from laurels.cli.rulebook import command as rulebook
from laurels.cli.terminal import CommandFailed, complain, say
from laurels.errors import LaurelsError, RulebookError

app = typer.Typer(
    name="laurels",
    help="Progress, points, badges, streaks and leaderboards on a ledger that can be checked.",
    no_args_is_help=True,
    add_completion=False,
    # An error is one sentence; what is no error of ours is a fault, and plain Python shows that best.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("serve")(serve.serve)
app.command("import")(import_events.import_events)
app.command("verify")(verify.verify)
app.command("rebuild")(rebuild.rebuild)
app.command("audit")(audit.audit)
app.add_typer(rulebook.app, name="rulebook")
app.command("retract")(corrections.retract)
app.add_typer(corrections.app, name="award")
app.add_typer(spool.app, name="spool")
app.add_typer(keys.app, name="keys")
app.add_typer(users.app, name="users")
app.command("doctor")(doctor.doctor)
app.add_typer(webhooks.app, name="webhooks")
app.command("demo")(demo.demo)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"laurels {version('laurels')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Progress, points, badges, streaks and leaderboards on a ledger that can be checked."""


def run() -> None:
    """Run the command line and exit. Codes: 0 done, 1 differences or rejects, 2 could not be done, 130 interrupted."""
    try:
        app(prog_name="laurels")
    except (LaurelsError, CommandFailed) as error:
        # A rulebook may have several mistakes: a line for each.
        for line in str(error).splitlines() if isinstance(error, RulebookError) else [str(error)]:
            complain(line)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
