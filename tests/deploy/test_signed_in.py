"""The proxies of deploy/ that add the token of the signed-in user: the real nginx and Caddy with the files as they
stand, addresses and paths substituted, before a real server and a small platform."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.http.server_process import BehindProxy, ServerProcess
from tests.http.stream_client import SOON, Reader
from tests.ports import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
SECRET = "a secret of at least thirty-two bytes"
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  include {folder}/site.conf;
}}
"""


class Platform(BaseHTTPRequestHandler):
    """Its session is a cookie with the name of the user. Its addresses know no case, nor what a slash leans to."""

    def do_GET(self) -> None:
        user = re.fullmatch(r"session=(\w+)", self.headers.get("Cookie", ""))
        self.send_response(204 if user else 401)
        if user and self.path.lower().replace("%5c", "/").replace("\\", "/") == "/internal/laurels-token":
            claims = {"sub": user[1], "exp": int(time.time()) + 60}
            self.send_header("Laurels-Token", jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET)))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name
        pass


def nginx(folder: Path, ports: dict[str, int]) -> tuple[list[str], str]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    making = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    making += ["-subj", "/CN=learn.example", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(making, check=True, capture_output=True)
    site = substituted(DEPLOY / "nginx-signed-in.conf", ports)
    site = site.replace("listen 443", f"listen 127.0.0.1:{ports['proxy']}")
    site = site.replace("/etc/ssl/learn.example/fullchain.pem", str(certificate))
    (folder / "site.conf").write_text(site.replace("/etc/ssl/learn.example/key.pem", str(key)), "utf-8")
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder), "utf-8")
    return ["nginx", "-c", str(folder / "nginx.conf"), "-e", f"{folder}/error.log"], "https"


def caddy(folder: Path, ports: dict[str, int]) -> tuple[list[str], str]:
    site = substituted(DEPLOY / "Caddyfile.signed-in", ports)
    site = site.replace("learn.example {", f"http://127.0.0.1:{ports['proxy']} {{")
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tgrace_period 1s\n}\n" + site, "utf-8")
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"], "http"


def substituted(file: Path, ports: dict[str, int]) -> str:
    text = file.read_text("utf-8").replace("127.0.0.1:3000", f"127.0.0.1:{ports['platform']}")
    return text.replace("127.0.0.1:8000", f"127.0.0.1:{ports['laurels']}")


@pytest.fixture(scope="module")
def platform() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def laurels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = BehindProxy(
        tmp_path_factory.mktemp("laurels"),
        jwt_secret=SECRET,
        users_record_events="true",
        access_log="all",
        log_addresses="true",
        projection_interval_ms="20",
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module", params=[nginx, caddy])
def proxy(
    request: pytest.FixtureRequest, platform: int, laurels: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of the proxy."""
    prepare: Callable[[Path, dict[str, int]], tuple[list[str], str]] = request.param
    program = prepare.__name__
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} here: apt-get install nginx-light caddy")
    folder = tmp_path_factory.mktemp(program)
    ports = {"proxy": free_port(), "platform": platform, "laurels": laurels.port}
    command, scheme = prepare(folder, ports)
    environment = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "out.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        wait_for(ports["proxy"], process, folder / "out.log")
        yield f"{scheme}://127.0.0.1:{ports['proxy']}"
    finally:
        process.terminate()
        process.wait(20)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.02)
        else:
            return


def trusting() -> ssl.SSLContext:
    """The certificate is one of the test's own."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def browser(proxy: str, user: str | None, *, address: str = "127.0.0.1") -> Iterator[httpx2.Client]:
    headers = {"Cookie": f"session={user}"} if user else {}
    transport = httpx2.HTTPTransport(local_address=address, verify=trusting())
    with httpx2.Client(base_url=proxy, headers=headers, transport=transport, timeout=20) as client:
        yield client


def record(client: httpx2.Client, user: str) -> httpx2.Response:
    return client.post("/api/progress/event", json={"userId": user, "eventType": "code_run"})


def test_a_signed_in_page_reads_its_own_learner_and_no_other(proxy: str) -> None:
    with browser(proxy, "ada") as client:
        assert record(client, "ada").status_code == 201
        own = client.get("/api/progress/dashboard/ada")
        assert own.status_code == 200
        assert own.json()["totalEvents"] >= 1
        assert client.get("/api/progress/dashboard/grace").status_code == 403
        assert record(client, "grace").status_code == 403
        assert client.get("/api/progress/leaderboard").status_code == 200
        shown = str(own.headers) + own.text
        assert "laurels-token" not in shown.lower()
        assert "eyJ" not in shown


def test_a_signed_in_learner_sees_the_page_and_the_pictures_of_their_own(proxy: str) -> None:
    with browser(proxy, "ada") as client:
        assert record(client, "ada").status_code == 201
        page = client.get("/u/ada")
        assert (page.status_code, 'data-badge="first_run"' in page.text) == (200, True)
        linked = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        for path in (*linked, "/embed/ada/card.svg", "/laurels.js", "/badges", "/leaderboard", "/api/badges"):
            assert client.get(path).status_code == 200, path
        assert client.get("/u/grace").status_code == 404
        assert client.get("/upload").status_code == 204, "that of the platform"


def test_nobody_is_let_in_without_a_session_whatever_they_send(proxy: str) -> None:
    forged = jwt.encode({"alg": "HS256"}, {"sub": "ada", "exp": int(time.time()) + 60}, OctKey.import_key("x" * 32))
    with browser(proxy, None) as client:
        for headers in ({}, {"Laurels-Token": forged}, {"Authorization": f"Bearer {forged}"}):
            assert client.get("/api/progress/dashboard/ada", headers=headers).status_code == 401
    with browser(proxy, "ada") as client:
        for name in ("Laurels-Token", "Authorization"):
            sent = {name: f"Bearer {forged}"}
            assert client.get("/api/progress/dashboard/ada", headers=sent).status_code == 200


def test_a_browser_cannot_fetch_the_token(proxy: str) -> None:
    with browser(proxy, "ada") as client:
        assert client.get("/some/page").status_code == 204
        for path in ("/internal/laurels-token", "/internal//laurels-token", "/%69nternal/laurels-token"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers.get("laurels-token")) == (404, None)
        for path in ("/INTERNAL/laurels-token", "/Internal/Laurels-Token", "/internal%5Claurels-token"):
            assert "laurels-token" not in client.get(path).headers


def test_a_limit_sees_the_address_of_the_client_and_not_one_that_it_claims(proxy: str, laurels: ServerProcess) -> None:
    before = len(laurels.log)
    with browser(proxy, "ada", address="127.0.0.7") as client:
        claimed = {"X-Forwarded-For": "192.0.2.1"}
        assert client.get("/api/progress/dashboard/ada", headers=claimed).status_code == 200
    deadline = time.monotonic() + 30
    while "127.0.0.7" not in laurels.log[before:]:
        assert time.monotonic() < deadline, laurels.log[before:]
        time.sleep(0.02)
    assert "192.0.2.1" not in laurels.log[before:]


async def test_a_message_of_a_stream_comes_at_once(proxy: str) -> None:
    cookies = {"Cookie": "session=ada"}
    async with (
        httpx2.AsyncClient(base_url=proxy, headers=cookies, verify=trusting(), timeout=20, trust_env=False) as client,
        client.stream("GET", "/api/progress/stream/ada") as response,
    ):
        assert response.status_code == 200
        reader = Reader(response)
        first = asyncio.create_task(reader.next(SOON))
        await asyncio.sleep(0.2)
        body = {"userId": "ada", "eventType": "code_run"}
        assert (await client.post("/api/progress/event", json=body)).status_code == 201
        assert (await first).data
