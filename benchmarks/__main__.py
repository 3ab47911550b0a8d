"""The command, from the root: `python -m benchmarks [subject ...] [--quick] [--markdown FILE] [--pictures FOLDER]`."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import apsw

from benchmarks.bench import Bench
from benchmarks.figures import Figure, markdown_table, plain_table
from benchmarks.picture import pictures
from benchmarks.subjects import (
    backfilling,
    board,
    dashboard,
    engine,
    events,
    growth,
    growth_over_years,
    guard,
    importing,
    lag,
    memory,
    on_mongodb,
    pages,
    rank,
    rank_on_mongodb,
    rebuilding,
    tracking,
)

SUBJECTS = {
    "events": events.run,
    "guard": guard.run,
    "import": importing.run,
    "dashboard": dashboard.run,
    "board": board.run,
    "pages": pages.run,
    "engine": engine.run,
    "memory": memory.run,
    "rebuild": rebuilding.run,
    "backfill": backfilling.run,
    "growth": growth.run,
    "growth-large": growth_over_years.run,
    "lag": lag.run,
    "tracking": tracking.run,
    "rank": rank.run,
    "rank-mongodb": rank_on_mongodb.run,
    "mongodb": on_mongodb.run,
    "backfill-mongodb": backfilling.run_on_mongodb,
}
EVERYDAY = [name for name in SUBJECTS if name != "growth-large"]


def main() -> None:
    """Run the subjects asked for and print what they found. By default all but the one that takes half an hour."""
    asked = _arguments()
    names = list(dict.fromkeys(asked.subjects)) or EVERYDAY
    # Being ended in the middle must clean up, too: servers and folders are given back by `with` and `finally`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    figures: list[Figure] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="laurels-bench-") as folder:
        bench = Bench(Path(folder), quick=asked.quick)
        for name in names:
            started = time.monotonic()
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                found = SUBJECTS[name](bench)
                figures += found
                # Shown as it comes as well: a full run takes half an hour on a busy machine, and may be ended.
                print(plain_table(found), file=sys.stderr)
            except Exception:
                # What the others measure must not be lost.
                traceback.print_exc()
                failed.append(name)
            print(f"{name} took {time.monotonic() - started:,.0f} s", file=sys.stderr, flush=True)
    conditions = _conditions(names, quick=asked.quick)
    print(f"{conditions}\n\n{plain_table(figures)}")
    if asked.markdown:
        asked.markdown.write_text(f"{conditions}\n\n{markdown_table(figures)}", "utf-8")
    if asked.pictures:
        asked.pictures.mkdir(parents=True, exist_ok=True)
        for chart, drawn in pictures(figures).items():
            (asked.pictures / f"{chart}.svg").write_text(drawn, "utf-8")
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__import__("benchmarks").__doc__))
    # Checked by hand: with `choices` an empty list of subjects would be refused.
    parser.add_argument(
        "subjects", nargs="*", metavar="subject", help=f"any of {', '.join(SUBJECTS)}; default: all but growth-large"
    )
    parser.add_argument("--quick", action="store_true", help="a twentieth of the sizes: that it runs, not how fast")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the table here as Markdown")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="also draw figures by size here, as SVGs")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.subjects if name not in SUBJECTS]:
        parser.error(f"no such subject: {', '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    return arguments


def _conditions(names: list[str], *, quick: bool) -> str:
    words = ["python -m benchmarks", *([] if names == EVERYDAY else names), *(["--quick"] if quick else [])]
    return (
        f"{' '.join(words)}: Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}, "
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    )


if __name__ == "__main__":
    main()
