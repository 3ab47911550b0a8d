"""Starts the server on a free port, posts an event as a client would, shows what came of it, and stops."""

import json
import os
import subprocess
import sys
import urllib.request
from typing import Any


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def show(title: str, value: object) -> None:
    sys.stdout.write(f"\n{title}\n{json.dumps(value, indent=2, ensure_ascii=False)}\n")


def walk(base: str) -> None:
    event = {"userId": f"visitor-{os.getpid()}", "eventType": "code_run", "metadata": {"language": "python"}}
    recorded = ask(f"{base}/api/progress/event", event)
    show("POST /api/progress/event brought", {"badges": recorded["newBadges"], "progress": recorded["progress"]})
    dashboard = ask(f"{base}/api/progress/dashboard/{event['userId']}")
    show("The nearest badges on the dashboard", dashboard["nextBadges"])
    board = ask(f"{base}/api/progress/leaderboard?limit=5")
    sys.stdout.write(f"\nThe board ({board['total']} people)\n")
    for row in board["leaderboard"]:
        sys.stdout.write(f"{row['rank']:>3}  {row['points']:>7,}  {row['displayName'] or row['userId']}\n")


def main() -> int:
    command = [sys.executable, "-m", "laurels", "serve", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        for line in server.stdout:
            if "http://" in line:
                walk("http://" + line.split("http://", 1)[1].split()[0].rstrip("/"))
                return 0
        return 1
    finally:
        server.terminate()
        server.wait(timeout=20)


if __name__ == "__main__":
    sys.exit(main())
