"""The commands joined into one program, and the one place where an error becomes a sentence and an exit code.

Commands raise; nothing below this module prints an error or ends the process on its own.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from laurels.cli.terminal import CommandFailed, MistakesFound, complain, say
from laurels.errors import LaurelsError, RulebookError

# The module and name of each command, in the order of the help. A module is imported when its command is run: importing
# them all takes as long as a short command.
_PLACES = {
    "serve": "serve:serve",
    "import": "importing.command:import_events",
    "mappings": "importing.mapping.command:mappings",
    "verify": "maintenance.verify:verify",
    "rebuild": "maintenance.rebuild:rebuild",
    "audit": "maintenance.audit:audit",
    "rulebook": "rulebook.command:app",
    "retract": "corrections:retract",
    "award": "corrections:app",
    "spend": "spend:spend",
    "streak": "streak:app",
    "spool": "spool:app",
    "keys": "keys:app",
    "users": "users:app",
    "doctor": "doctor.command:doctor",
    "webhooks": "webhooks:app",
    "demo": "demo.command:demo",
}


def _load(name: str) -> Any:
    """The command, or the group of commands, called `name`."""
    module, _, attribute = _PLACES[name].partition(":")
    found = getattr(import_module(f"laurels.cli.{module}"), attribute)
    outer = typer.Typer()
    if isinstance(found, typer.Typer):
        outer.add_typer(found, name=name)
    else:
        outer.command(name)(found)
    return get_group(outer).commands[name]


class _Commands(TyperGroup):
    """The group of all commands, which loads each on demand. `Any` replaces types that Typer hides."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_PLACES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in _PLACES and cmd_name not in self.commands:
            self.commands[cmd_name] = _load(cmd_name)
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in _PLACES:
            # The nearest name is searched among the loaded commands.
            for name in _PLACES:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="laurels",
    cls=_Commands,
    help="Progress, points, badges, streaks and leaderboards on a ledger that can be checked.",
    no_args_is_help=True,
    add_completion=False,
    # An error is one sentence; anything else is a fault, and plain Python shows that best.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
        # A file may have several mistakes: a line for each.
        for line in str(error).splitlines() if isinstance(error, RulebookError | MistakesFound) else [str(error)]:
            complain(line)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
