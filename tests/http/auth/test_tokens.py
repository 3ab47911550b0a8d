"""Keys that a platform publishes: read, rotated, bounded; and nothing but their algorithms."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from laurels.errors import SettingsError
from laurels.http.auth import tokens
from laurels.http.auth.published_keys import keys_in
from laurels.http.auth.tokens import TokenRules, Tokens

SECRET = "a secret of at least thirty-two bytes"


class Platform:
    """Publishes keys on this machine. `body` is what it answers, `asked` how often."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 200
        self.asked = 0
        self.answers = Event()
        self.answers.set()
        platform = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                platform.asked += 1
                platform.answers.wait(20)
                self.send_response(platform.status)
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", str(len(platform.body)))
                self.end_headers()
                self.wfile.write(platform.body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()

    def publish(self, *keys: RSAKey | ECKey) -> None:
        """Answer with these from now on."""
        self.body = json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def platform() -> Iterator[Platform]:
    opened = Platform()
    yield opened
    opened.close()


def signed(key: RSAKey | ECKey | OctKey, alg: str, *, kid: str | None = None, **claims: Any) -> str:
    """A token of `ada`."""
    header = {"alg": alg} if kid is None else {"alg": alg, "kid": kid}
    return jwt.encode(header, {"sub": "ada", "exp": int(time.time()) + 600, **claims}, key, algorithms=[alg])


def rsa(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


async def test_published_keys_sign_tokens(platform: Platform) -> None:
    first, second = rsa("one"), ECKey.generate_key("P-256", {"kid": "two", "use": "sig"})
    platform.publish(first, second)
    checking = Tokens(TokenRules(jwks_url=platform.url))
    for key, alg, kid in ((first, "RS256", "one"), (second, "ES256", "two")):
        found = await checking.check(signed(key, alg, kid=kid))
        assert found is not None
        assert found.user_id == "ada"
    assert platform.asked == 1, "they are kept"
    assert await checking.check(signed(rsa("one"), "RS256", kid="one")) is None
    await checking.close()


async def test_a_token_that_does_not_name_its_key_is_tried_with_those_of_its_type(platform: Platform) -> None:
    rsas, curve = [rsa(str(number)) for number in range(3)], ECKey.generate_key("P-256", {"kid": "c", "use": "sig"})
    platform.publish(*rsas, curve)
    checking = Tokens(TokenRules(jwks_url=platform.url))
    for key, alg in [*((key, "RS256") for key in rsas), (curve, "ES256")]:
        parts = key.as_dict(private=True)
        del parts["kid"]
        nameless = type(key).import_key(parts)
        text = jwt.encode({"alg": alg}, {"sub": "ada", "exp": int(time.time()) + 600}, nameless, algorithms=[alg])
        assert b"kid" not in urlsafe_b64decode(text.partition(".")[0] + "==")
        assert await checking.check(text) is not None, alg
        # One that names another key is not tried with all.
        assert await checking.check(signed(key, alg, kid="nope")) is None
    assert await checking.check(signed(rsa("0"), "RS256")) is None
    await checking.close()


async def test_a_new_key_is_looked_for_but_not_for_each_token(platform: Platform) -> None:
    old, new = rsa("old"), rsa("new")
    platform.publish(old)
    rules = TokenRules(jwks_url=platform.url)
    soon, later = Tokens(rules), Tokens(rules, again=0.0)
    for checking in (soon, later):
        assert await checking.check(signed(old, "RS256", kid="old")) is not None
    platform.publish(new)
    asked = platform.asked
    for _ in range(5):
        assert await soon.check(signed(new, "RS256", kid="new")) is None
    assert platform.asked == asked
    assert await later.check(signed(new, "RS256", kid="new")) is not None
    assert await later.check(signed(old, "RS256", kid="old")) is None
    for checking in (soon, later):
        await checking.close()


async def test_a_platform_that_hangs_holds_up_nobody_whose_key_is_known(platform: Platform) -> None:
    key, new = rsa("one"), rsa("new")
    platform.publish(key)
    checking = Tokens(TokenRules(jwks_url=platform.url), fresh=0.0, again=0.0, fetch_seconds=20.0)
    token = signed(key, "RS256", kid="one")
    assert await checking.check(token) is not None
    platform.answers.clear()
    async with asyncio.timeout(15):
        for _ in range(3):
            assert await checking.check(token) is not None
    # One whose key is not known waits for those that come.
    platform.publish(new)
    waiting = asyncio.create_task(checking.check(signed(new, "RS256", kid="new")))
    await asyncio.sleep(0)
    platform.answers.set()
    assert await waiting is not None
    assert platform.asked == 2
    await checking.close()


@pytest.mark.parametrize("fault", ["away", "no JSON", "no keys", "too deep", "too large", "elsewhere"])
async def test_what_is_known_stays_while_the_platform_fails(
    platform: Platform, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_PATIENCE", 60.0)
    key = rsa("one")
    platform.publish(key)
    checking = Tokens(TokenRules(jwks_url=platform.url), fresh=0.0, again=0.0)
    token = signed(key, "RS256", kid="one")
    assert await checking.check(token) is not None
    if fault == "away":
        platform.status = 500
    elif fault == "elsewhere":
        platform.status = 302
    else:
        bodies = {
            "no JSON": b"<html>",
            "no keys": b'{"keys": 7}',
            "too deep": b"[" * 9_000,
            "too large": b" " * 300_000,
        }
        platform.body = bodies[fault]
    asked = platform.asked
    assert await checking.check(token) is not None
    assert platform.asked == asked + 1, "asked once, and not where it was sent"
    await checking.close()


ODD_KEYS: list[Any] = [
    {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"},
    {"kty": "EC", "crv": 7, "x": "AA", "y": "AA"},
    {"kty": "OKP", "crv": "X9", "x": "AA"},
    {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "short"},
    {"kty": "RSA", "n": "", "e": "AQAB"},
    {"kty": "post-quantum", "kid": "new"},
    {"kty": ["RSA"]},
    {"kid": "without a type"},
    7,
    None,
]


def test_keys_that_cannot_be_used_do_not_end_the_use_of_the_others() -> None:
    usable = rsa("one").as_dict(private=False)
    odd = [*ODD_KEYS, *({**usable, "kid": kid} for kid in (5, None, ["one"]))]
    for place in range(len(odd) + 1):
        published = keys_in(json.dumps({"keys": [*odd[:place], usable, *odd[place:]]}).encode())
        assert [key.kid for key in published.keys] == ["one"]
        assert published.skipped_count == len(odd)
    for none in ([], odd):
        with pytest.raises(ValueError, match="holds no key"):
            keys_in(json.dumps({"keys": none}).encode())


async def test_a_key_that_cannot_be_used_is_logged_once(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tokens, "_PATIENCE", 60.0)
    key = rsa("one")
    platform.body = json.dumps({"keys": [*ODD_KEYS, key.as_dict(private=False)]}).encode()
    checking = Tokens(TokenRules(jwks_url=platform.url), fresh=0.0, again=0.0)
    for _ in range(3):
        assert await checking.check(signed(key, "RS256", kid="one")) is not None
    assert platform.asked == 3
    assert capsys.readouterr().out.count("published keys were skipped") == 1
    await checking.close()


async def test_the_public_key_is_no_secret(platform: Platform) -> None:
    key = rsa("one")
    platform.publish(key)
    checking = Tokens(TokenRules(jwks_url=platform.url))
    header, payload = (
        urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "kid": "one"}, {"sub": "ada", "exp": int(time.time()) + 600})
    )
    signature = hmac.digest(key.as_pem(private=False), header + b"." + payload, "sha256")
    disguised = b".".join((header, payload, urlsafe_b64encode(signature).rstrip(b"="))).decode()
    assert await checking.check(disguised) is None
    await checking.close()


@pytest.mark.parametrize(
    ("claims", "counts"),
    [
        ({"iss": "https://learn.example", "aud": "laurels"}, True),
        ({"iss": "https://learn.example", "aud": ["other", "laurels"]}, True),
        ({"iss": "https://evil.example", "aud": "laurels"}, False),
        ({"iss": "https://learn.example", "aud": "other"}, False),
        ({"iss": "https://learn.example"}, False),
        ({"aud": "laurels"}, False),
        ({"iss": "https://learn.example", "aud": "laurels", "nbf": 9_999_999_999}, False),
        ({"iss": "https://learn.example", "aud": "laurels", "exp": "soon"}, False),
        ({"iss": "https://learn.example", "aud": "laurels", "exp": 10**400}, True),
        ({"iss": "https://learn.example", "aud": "laurels", "sub": ""}, False),
        ({"iss": "https://learn.example", "aud": "laurels", "sub": "x" * 101}, False),
        ({"iss": "https://learn.example", "aud": "laurels", "sub": ["ada"]}, False),
    ],
    ids=str,
)
async def test_claims(claims: dict[str, Any], *, counts: bool) -> None:
    rules = TokenRules(secret=SECRET, issuer="https://learn.example", audience="laurels")
    found = await Tokens(rules).check(signed(OctKey.import_key(SECRET), "HS256", **claims))
    assert (found is not None) is counts


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "." * 50, "e30.e30.", "\udcff", "🦉.🦉.🦉", "a" * 5_000, "é.é.é"])
async def test_what_is_no_token(text: str) -> None:
    assert await Tokens(TokenRules(secret=SECRET)).check(text) is None
    assert await Tokens(TokenRules()).check(text) is None


async def test_one_that_is_nested_too_deeply_is_none_however_well_it_is_signed() -> None:
    def part(content: bytes) -> bytes:
        return urlsafe_b64encode(content).rstrip(b"=")

    payload = b'{"sub":' + b"[" * 1_480 + b"]" * 1_480 + b"}"
    signing = part(b'{"alg":"HS256"}') + b"." + part(payload)
    text = (signing + b"." + part(hmac.digest(SECRET.encode(), signing, "sha256"))).decode()
    assert len(text) <= tokens.MAX_LENGTH
    assert await Tokens(TokenRules(secret=SECRET)).check(text) is None


async def test_another_algorithm_of_the_same_kind_is_not_taken() -> None:
    key = OctKey.import_key(SECRET)
    assert await Tokens(TokenRules(secret=SECRET)).check(signed(key, "HS512")) is None
    assert await Tokens(TokenRules(secret=SECRET, algorithms=("HS512",))).check(signed(key, "HS512")) is not None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"secret": "short"}, "at least 32 bytes"),
        ({"secret": SECRET, "jwks_url": "https://learn.example/keys"}, "not both"),
        ({"secret": SECRET, "algorithms": ("none",)}, "none cannot be used"),
        ({"secret": SECRET, "algorithms": ("RS256",)}, "RS256 cannot be used"),
        ({"jwks_url": "https://learn.example/keys", "algorithms": ("HS256",)}, "HS256 cannot be used"),
    ],
)
def test_wrong_rules_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        TokenRules(**wrong)
