"""The bill of materials of a lock file: name, version, hashes and licence of each package."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any


def main(lock: Path) -> None:
    """Print it."""
    root = Path(__file__).resolve().parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": [component(entry) for entry in lock.read_text().replace("\\\n", "").splitlines() if entry],
    }
    print(json.dumps(bom, indent=2))


def component(entry: str) -> dict[str, Any]:
    """One entry of a lock file."""
    found = re.match(r"([A-Za-z0-9_.-]+)==([^ ;]+)", entry)
    if found is None:
        raise SystemExit(f"{entry[:60]}: is no pinned package")
    name, version = found.groups()
    listed: dict[str, Any] = {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "hashes": [
            {"alg": "SHA-256", "content": digest} for digest in re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)
        ],
    }
    try:
        about = metadata(name)
    except PackageNotFoundError:
        # Not for this platform.
        return listed
    licence = about.get("License-Expression") or about.get("License")
    if licence and "\n" not in licence:
        listed["licenses"] = [{"license": {"name": licence}}]
    return listed


if __name__ == "__main__":
    main(Path(sys.argv[1]))
