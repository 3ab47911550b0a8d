"""The command line: `laurels serve`, `import`, `verify` and the others, all of which `app.py` lists.

Everything that an operator does without writing code starts here; the `laurels` script calls `main`.
"""

from __future__ import annotations

import sys

# The packages of the extra `cli`. Any other failed import is a fault, and is shown as one.
_EXTRA = ("typer", "rich", "click", "shellingham")


def main() -> None:
    """Run the command in `sys.argv` and exit: 0 done, 1 something was found, 2 it could not be done."""
    try:
        from laurels.cli.app import run  # noqa: PLC0415  a bare install is told what is missing

        run()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write("The command line needs packages that are not installed: pip install 'laurels[cli]'.\n")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
