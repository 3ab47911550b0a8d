"""A form counts if a page of this very origin sent it, as far as the server can know its own origin."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Request

from laurels.http.auth.access import Caller
from laurels.http.page_backend import PageHost

HOST = "laurels.example"


def form_request(origin: str, *, host: str = HOST, scheme: str = "http", body: bytes = b"") -> Request[Any, Any, Any]:
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": "/admin",
        "scheme": scheme,
        "headers": headers,
        "state": {"caller": Caller()},
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)


async def is_accepted(page_host: PageHost, origin: str, *, host: str = HOST, scheme: str = "http") -> bool:
    token = page_host.form_token(form_request(origin, host=host, scheme=scheme))
    sent = form_request(origin, host=host, scheme=scheme, body=b"token=" + token.encode())
    return await page_host.form(sent) == {"token": token}


@pytest.mark.parametrize(
    ("public_url", "scheme", "origin", "counts"),
    [
        # A trusted proxy says that TLS ends there, or the public address does.
        (None, "https", "https://laurels.example", True),
        (None, "https", "http://laurels.example", False),
        ("https://laurels.example", "http", "https://laurels.example", True),
        ("https://laurels.example", "http", "http://laurels.example", False),
        ("https://Laurels.Example", "http", "http://laurels.example", False),
        # Without TLS, or behind a proxy that does not say.
        (None, "http", "http://laurels.example", True),
        (None, "http", "https://laurels.example", True),
        ("http://laurels.example", "http", "http://laurels.example", True),
        # The same server under another name.
        ("https://public.example", "http", "http://laurels.example", True),
        # Never.
        (None, "http", "ftp://laurels.example", False),
        (None, "http", "://laurels.example", False),
        (None, "http", "laurels.example", False),
        (None, "http", "http://laurels.example:8000", False),
        (None, "http", "http://laurels.example.evil.example", False),
        (None, "http", "null", False),
        (None, "http", "", False),
    ],
)
async def test_the_origin_of_a_form(public_url: str | None, scheme: str, origin: str, *, counts: bool) -> None:
    assert await is_accepted(PageHost(public_url), origin, scheme=scheme) is counts


async def test_a_form_to_a_server_without_a_name() -> None:
    assert not await is_accepted(PageHost(), "http://", host="")
    assert await is_accepted(PageHost("https://laurels.example"), "http://127.0.0.1:8000", host="127.0.0.1:8000")
