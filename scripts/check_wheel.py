"""Run by the interpreter of a bare install: the library works with nothing but its own dependencies."""

import asyncio
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from laurels import Laurels


async def record(folder: Path) -> None:
    async with Laurels.open(f"sqlite:///{folder / 'bare.db'}") as laurels:
        recorded = await laurels.record("ada", "code_run", language="python")
        assert [badge.badge_id for badge in recorded.badges] == ["first_run"]
        assert (await laurels.dashboard("ada")).total_events == 1


def main() -> None:
    asyncio.run(record(Path(sys.argv[1])))
    for framework in ("litestar", "uvicorn", "typer", "rich", "structlog"):
        assert framework not in sys.modules, framework
    kinds = files("laurels").joinpath("cli", "importing", "mapping", "kinds")
    assert kinds.joinpath("table.toml").is_file(), "the mappings are not in the wheel"
    command = [str(Path(sys.executable).parent / "laurels"), "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "laurels[cli]" in told.stderr, told
    sys.stdout.write("A bare install records, reads, and says what the command line needs.\n")


main()
