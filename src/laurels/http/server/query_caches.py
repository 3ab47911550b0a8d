"""Bounds in bytes what the framework caches of queries.

It keeps the last 1,024 of them, with their parameters, whatever their size: those of one learner could take more than
a hundred megabytes in each process.
"""

from __future__ import annotations

from litestar._kwargs.extractors import create_query_default_dict
from litestar._parsers import parse_query_string
from litestar.datastructures.url import URL

# Bytes of queries that are cached at most. Their parameters may take four times as many, for each character four.
KEPT_BYTES = 1024 * 1024

_bytes = 0


def count_query(query: bytes) -> None:
    """Count a query that the framework is about to read, and drop all that it has cached where there is no room for
    this one: queries of usual size come again within a few of them, and fill the room after ten thousand."""
    global _bytes  # noqa: PLW0603  the caches are those of the process, too
    _bytes += len(query)
    if _bytes > KEPT_BYTES:
        _bytes = len(query)
        parse_query_string.cache_clear()
        create_query_default_dict.cache_clear()
        URL.from_components.cache_clear()
        URL._new.cache_clear()  # pyright: ignore[reportPrivateUsage]
