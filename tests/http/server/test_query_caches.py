"""The memory that long queries take is bounded in bytes, whoever sends them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from tests.http.callers import SECRET, bearer, token
from tests.http.conftest import StartServer
from tests.http.server_process import ServerProcess

MiB = 1024 * 1024
# The framework keeps the last 1,024.
QUERIES = 1_100


def memory_of(server: ServerProcess) -> int:
    """Resident bytes of a server."""
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    [size] = [line.split()[1] for line in lines if line.startswith("VmRSS")]
    return int(size) * 1024


def test_long_queries_of_a_learner_are_not_kept(start_server: StartServer) -> None:
    server = start_server(jwt_secret=SECRET)
    # One character that takes four bytes, and all others do so too.
    text = quote("😀") + "x" * 30_000
    with server.client() as client:

        def ask(number: int) -> None:
            answer = client.get(f"/badges?x={number}{text}", headers=bearer(token("ada")))
            assert answer.status_code == 200, answer.text

        for number in range(20):
            ask(number)
        before = memory_of(server)
        for number in range(20, QUERIES):
            ask(number)
        assert memory_of(server) - before < 50 * MiB
        # And nothing is mistaken for anything else.
        assert client.get("/badges?lang=de").text != client.get("/badges?lang=en").text
