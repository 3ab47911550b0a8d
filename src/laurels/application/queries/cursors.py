"""Cursors: places that a caller gets and sends back, but can neither read nor make.

A cursor is encrypted and authenticated by a key of the store (`SecretStore`), so that every process accepts the cursors
of the others. So nobody can learn from a cursor which user is at its place or since when, or invent a place. The
construction is SIV (RFC 5297) with keyed BLAKE2b: the authentication tag of the text is the nonce of its encryption.
The purpose of the cursor is authenticated with it, and its length reveals nothing about the text.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from secrets import token_bytes
from time import monotonic

from laurels.application.ports.secrets import SecretStore
from laurels.errors import InvalidQuery

NAME = "cursors"
KEY_BYTES = 32
_TAG = 16
# Most texts fit the first size; the longest possible ids need the second.
_SIZES = (160, 480)
_MOST_CHARACTERS = 4 * (_TAG + _SIZES[-1]) // 3 + 4
# How long a process uses the keys that it has read: after that it knows of a rotation.
_FRESH = 60.0
# A cursor that does not fit may have a newer key; invented cursors must not cause a query each time.
_ASK_AGAIN = 1.0


class Cursors:
    """Seals and opens cursors with the keys of one store. `ask_again`: seconds between two queries for newer keys."""

    def __init__(self, secrets: SecretStore, *, ask_again: float = _ASK_AGAIN) -> None:
        self._secrets = secrets
        self._ask_again = ask_again
        self._keys: list[bytes] = []
        self._asked_at = -_FRESH

    async def seal(self, purpose: str, text: bytes) -> str:
        """A cursor for `purpose`, such as the name of a board, that holds `text`. Raises StoreError."""
        await self._refresh(_FRESH)
        return _seal(self._keys[0], purpose, text)

    async def open(self, purpose: str, cursor: str) -> bytes:
        """The text in a cursor. Raises InvalidQuery for a cursor that was not issued for this purpose, or
        StoreError."""
        sealed = check_cursor(cursor)
        await self._refresh(_FRESH)
        text = self._try(sealed, purpose)
        if text is None and await self._refresh(self._ask_again):
            text = self._try(sealed, purpose)
        if text is None:
            raise _not_ours()
        return text

    def _try(self, sealed: bytes, purpose: str) -> bytes | None:
        for key in self._keys:
            if (text := _open(key, purpose, sealed)) is not None:
                return text
        return None

    async def _refresh(self, after: float) -> bool:
        """Read the keys if the known ones are older than `after` seconds. Returns whether they changed."""
        if self._keys and monotonic() - self._asked_at < after:
            return False
        before = self._keys
        self._keys = await self._secrets.keys(NAME, token_bytes(KEY_BYTES))
        self._asked_at = monotonic()
        return self._keys != before


def check_cursor(cursor: str) -> bytes:
    """Decode a cursor without checking who made it. Raises InvalidQuery if the text cannot be a cursor."""
    try:
        return _decode(cursor)
    except ValueError:
        raise _not_ours() from None


def _not_ours() -> InvalidQuery:
    return InvalidQuery("cursor", "Is not a cursor that this service gave out for this question; begin without one.")


def _decode(cursor: str) -> bytes:
    """The bytes of a cursor. Raises ValueError if it is not a cursor."""
    if len(cursor) > _MOST_CHARACTERS or not cursor.isascii():
        raise ValueError
    sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    # Only one spelling for each: the decoder skips characters that it does not know.
    if len(sealed) - _TAG not in _SIZES or _encode(sealed) != cursor:
        raise binascii.Error
    return sealed


def _encode(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).decode().rstrip("=")


def _seal(key: bytes, purpose: str, text: bytes) -> str:
    size = next(size for size in _SIZES if len(text) + 2 <= size)
    padded = (len(text).to_bytes(2) + text).ljust(size, b"\0")
    tag = _tag(key, purpose, padded)
    return _encode(tag + _mask(key, tag, padded))


def _open(key: bytes, purpose: str, sealed: bytes) -> bytes | None:
    tag, padded = sealed[:_TAG], _mask(key, sealed[:_TAG], sealed[_TAG:])
    if not compare_digest(tag, _tag(key, purpose, padded)):
        return None
    return padded[2 : 2 + int.from_bytes(padded[:2])]


def _tag(key: bytes, purpose: str, padded: bytes) -> bytes:
    about = purpose.encode("utf-8", "surrogatepass")
    return blake2b(len(about).to_bytes(4) + about + padded, key=key, digest_size=_TAG, person=b"laurels tag").digest()


def _mask(key: bytes, tag: bytes, text: bytes) -> bytes:
    """`text` combined with the key stream of `key` and `tag`: applied once it encrypts, applied twice it decrypts."""
    blocks = (
        blake2b(tag + number.to_bytes(4), key=key, digest_size=64, person=b"laurels stream").digest()
        for number in range(-(-len(text) // 64))
    )
    stream = b"".join(blocks)[: len(text)]
    return (int.from_bytes(text) ^ int.from_bytes(stream)).to_bytes(len(text))
