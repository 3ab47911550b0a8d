"""Sending to addresses that somebody else chose: only to the open internet, with limits on everything.

A name is resolved once, every address that it has is checked, and the connection goes to one of these: a name that
leads elsewhere a moment later leads nowhere. TLS is verified against the name all the same. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import httpx2

from laurels.application.webhooks.deliverer import Answer
from laurels.domain.webhooks import check_url, is_delivered, is_public
from laurels.errors import InvalidInput

# Seconds for a connection, for each step, and for all of it.
CONNECT = 5.0
STEP = 10.0
IN_ALL = 15.0
# Bytes of an answer that are read; nothing of it is used.
ANSWER_BYTES = 16 * 1024
# Addresses of one name that are tried.
_ADDRESSES = 3

Resolve = Callable[[str, int], Awaitable[list[str]]]


class NotPublic(Exception):
    """A name leads to this machine or a private network."""


async def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of a name, in the order in which to try them. Raises OSError or UnicodeError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class WebhookSender:
    """`Sender` over the network, until `close`. `allow_private`: also http, this machine and private networks."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        in_all: float = IN_ALL,
    ) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._in_all = in_all
        self._client = httpx2.AsyncClient(
            verify=tls or ssl.create_default_context(),
            # A proxy of the environment would do what the checks forbid.
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(STEP, connect=CONNECT),
            # A connection was verified for one name; by its address another one could find it.
            limits=httpx2.Limits(max_keepalive_connections=0),
            headers={"user-agent": "Laurels-Webhooks", "accept": "*/*", "accept-encoding": "identity"},
        )

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Post `body`; see `Sender`. What is told of an error names no address."""
        try:
            async with asyncio.timeout(self._in_all):
                status = await self._post(url, headers, body)
        except TimeoutError:
            return Answer(error="no answer in time")
        except (InvalidInput, NotPublic):
            return Answer(error="leads to this machine or a private network, or is no https")
        except (socket.gaierror, UnicodeError):
            return Answer(error="the name cannot be resolved")
        except httpx2.TimeoutException:
            return Answer(error="no answer in time")
        except httpx2.ConnectError as error:
            reason = "TLS failed" if _is_tls(error) else "cannot be reached"
            return Answer(error=reason)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
            return Answer(error="the connection broke")
        if 300 <= status < 400:
            return Answer(status, "redirects are not followed")
        return Answer(status, None if is_delivered(status) else f"answered {status}")

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        check_url(url, allow_private=self._allow_private)
        parts = urlsplit(url)
        host = parts.hostname or ""
        addresses = await self._resolve(host, parts.port or (443 if parts.scheme == "https" else 80))
        if not self._allow_private and not all(map(is_public, addresses)):
            raise NotPublic
        for number, address in enumerate(addresses[:_ADDRESSES], 1):
            try:
                return await self._post_to(address, url, headers, body)
            except httpx2.ConnectError as error:
                if number == min(len(addresses), _ADDRESSES) or _is_tls(error):
                    raise
        raise socket.gaierror

    async def _post_to(self, address: str, url: str, headers: dict[str, str], body: bytes) -> int:
        parts = urlsplit(url)
        async with self._client.stream(
            "POST",
            httpx2.URL(url).copy_with(host=address),
            content=body,
            headers={**headers, "host": parts.netloc},
            extensions={"sni_hostname": parts.hostname or ""},
        ) as answer:
            size = 0
            async for piece in answer.aiter_raw():
                size += len(piece)
                if size >= ANSWER_BYTES:
                    break
            return answer.status_code


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
