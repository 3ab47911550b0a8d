"""Reads the keys that a platform publishes (JWKS), and leaves out those that cannot be used.

A platform may publish keys for other services too. One of a kind that we do not know must not end the use of the
others.
"""

from __future__ import annotations

from typing import Any

import msgspec
from joserfc.jwk import JWKRegistry, Key, KeySet
from msgspec import Struct

_MOST_REASONS = 5


class _Document(Struct):
    keys: list[Any]


class PublishedKeys(Struct, frozen=True):
    """The usable keys of a document. `skipped_count`: the number of the others; `reasons`: the error of each of the
    first of these."""

    keys: KeySet
    skipped_count: int
    reasons: tuple[str, ...]


def keys_in(document: bytes) -> PublishedKeys:
    """The keys in a published document. Raises ValueError if it is no such document, or if it holds keys and none can
    be used."""
    given = msgspec.json.decode(document, type=_Document).keys
    keys: list[Key] = []
    reasons: list[str] = []
    for each in given:
        try:
            key = JWKRegistry.import_key(each)
            key.ensure_kid()
        except Exception as error:
            # The library and OpenSSL raise a dozen classes for keys that they do not understand.
            reasons.append(type(error).__name__)
        else:
            keys.append(key)
    if not keys:
        raise ValueError("holds no key that can be used")
    return PublishedKeys(KeySet(keys), len(reasons), tuple(reasons[:_MOST_REASONS]))
