"""`laurels mappings`: the mappings that come with Laurels, and the file of one, to copy and change."""

from __future__ import annotations

from typing import Annotated

import typer

from laurels.cli.importing.mapping.loader import kinds, load_mapping, text_of_kind
from laurels.cli.terminal import CommandFailed, say, show_table
from laurels.validation import nearest


def mappings(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="[KIND]", help="Print the file of this one.", show_default=False),
    ] = None,
) -> None:
    """List the kinds for laurels import --from, or print the mapping of one kind.

    To change one: laurels mappings KIND > mine.toml, then laurels import --from mine.toml FILE --dry-run.
    """
    known = kinds()
    if kind is None:
        rows = [[each, load_mapping(each).document.description] for each in known]
        show_table("Kinds of files that laurels import --from KIND takes", ["kind", "what it is"], rows, numbers=())
        return
    if kind not in known:
        hint = f' Did you mean "{found}"?' if (found := nearest(kind, known)) else ""
        raise CommandFailed(f"{kind}: no kind of that name.{hint} Kinds are {', '.join(known)}.")
    say(text_of_kind(kind).rstrip())
