"""Reads bodies and path ids: size, type, syntax and shape, each with a clear refusal of its own.

Bodies are decoded here rather than by the framework. It answers some malformed bodies (deep nesting, bytes that are not
UTF-8) with a 500 and cannot distinguish bad syntax (400) from a bad field (422).
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Request
from litestar.exceptions import NotFoundException
from litestar.types import HTTPScope, Receive
from msgspec import Struct

from laurels.errors import InvalidInput, InvalidQuery
from laurels.http.wire.http_error import HttpError
from laurels.validation import FieldFault, decode_loosely, plain, read_fields

T = TypeVar("T", bound=Struct)
# Set in the state of a request once its whole body has arrived.
BODY_IS_READ = "body_is_read"
AnyRequest = Request[Any, Any, Any]

JSON_TYPES = frozenset({"application/json"})
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})


ANY_SEGMENT = "/*"
# Bytes that are decompressed at a time from a body that is processed as it arrives.
_PART = 64 * 1024
# Maximum bytes of a part of a path, as sent: ids are far shorter, and thousands of escapes take milliseconds to decode.
_LONGEST_PART = 4 * 1024


class BodyRefused(HttpError):
    """The body as a whole cannot be accepted."""


def header(scope: HTTPScope, name: bytes, default: str) -> str:
    """The first header called `name` (in lower case) of a request, or `default` if there is none."""
    for given, value in scope["headers"]:
        if given == name:
            return value.decode("latin-1")
    return default


def media_type(scope: HTTPScope, accepted: frozenset[str]) -> str:
    """The body's media type without parameters; JSON if none is named. Refuses a type that is not `accepted`."""
    name = header(scope, b"content-type", "application/json").partition(";")[0].strip().lower()
    if name not in accepted:
        raise BodyRefused(415, f"Send the body as {' or '.join(sorted(accepted))} and name that in Content-Type.")
    return name


async def read_body(scope: HTTPScope, receive: Receive, limit: int) -> bytes:
    """The whole body, of at most `limit` bytes; stops reading as soon as it is larger.

    A body with `Content-Encoding: gzip` is decompressed as it arrives, and `limit` applies to the decompressed size.
    """
    _check_announced(scope, limit)
    unpack = _unpacking(scope)
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise BodyRefused(400, "The connection ended before the body did; send it again.")
        piece = message.get("body", b"")
        if unpack is not None:
            piece = _unpacked(unpack, piece, limit + 1 - size, is_last=not message.get("more_body", False))
        size += len(piece)
        if size > limit:
            raise BodyRefused(413, f"The body may have at most {limit} bytes.")
        pieces.append(piece)
        if not message.get("more_body", False):
            scope["state"][BODY_IS_READ] = True
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def body_pieces(scope: HTTPScope, receive: Receive, limit: int) -> AsyncGenerator[bytes]:
    """The same piece by piece, for a body that is processed as it arrives; no piece is empty."""
    _check_announced(scope, limit)
    unpack = _unpacking(scope)
    size = 0
    is_last = False
    while not is_last:
        message = await receive()
        if message["type"] != "http.request":
            raise BodyRefused(400, "The connection ended before the body did; send it again.")
        packed = message.get("body", b"")
        is_last = not message.get("more_body", False)
        while True:
            piece = packed if unpack is None else _unpacked_part(unpack, packed, is_last=is_last)
            size += len(piece)
            if size > limit:
                raise BodyRefused(413, f"The body may have at most {limit} bytes.")
            if piece:
                yield piece
            if unpack is None or not unpack.unconsumed_tail:
                break
            packed = unpack.unconsumed_tail
    scope["state"][BODY_IS_READ] = True


def _check_announced(scope: HTTPScope, limit: int) -> None:
    try:
        announced = int(header(scope, b"content-length", "0"))
    except ValueError:
        raise BodyRefused(400, "Content-Length must be a whole number of bytes.") from None
    if announced > limit:
        raise BodyRefused(413, f"The body may have at most {limit} bytes.")


def _unpacking(scope: HTTPScope) -> Any:
    """The decompressor of a body (zlib has no type for it); None for an uncompressed body."""
    encoding = header(scope, b"content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding != "gzip":
        raise BodyRefused(415, "Send the body as it is, or with Content-Encoding: gzip.")
    return zlib.decompressobj(wbits=31)


def _unpacked(unpack: Any, piece: bytes, most: int, *, is_last: bool) -> bytes:
    """The decompressed piece, at most `most` bytes: one byte over the limit is enough to refuse the body."""
    text = _unpacked_part(unpack, piece, is_last=is_last, most=max(1, most))
    if unpack.unconsumed_tail:
        # There is more than the limit allows.
        return text.ljust(most, b" ")
    return text


def _unpacked_part(unpack: Any, piece: bytes, *, is_last: bool, most: int = _PART) -> bytes:
    """The next decompressed bytes of a piece, at most `most`; the rest stays in the decompressor."""
    try:
        text: bytes = unpack.decompress(piece, most)
    except zlib.error:
        raise BodyRefused(400, "The body is not valid gzip; send it again, or without Content-Encoding.") from None
    if unpack.unused_data or (is_last and not unpack.eof and not unpack.unconsumed_tail):
        raise BodyRefused(400, "The body must be one whole gzip stream; send it again.")
    return text


def decode(
    body: bytes,
    kind: type[T],
    error: type[InvalidInput],
    *,
    rules: Callable[[Mapping[str, Any]], list[FieldFault]] | None = None,
) -> T:
    """Decode `body` as a `kind`. Refuses bad JSON with 400, and raises `error` naming every wrong field.

    `rules` finds bad values, by wire name, among fields of the right shape. It is called here only if some field has a
    wrong shape, so that both kinds are named at once: the use case checks decoded values.
    """
    try:
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.ValidationError as cause:
            values, faults = read_fields(decode_loosely(body, cause, error), kind)
            faults = faults or [("body", plain(str(cause)))]
            named = {name.partition(".")[0] for name, _ in faults}
            if rules is not None:
                faults += [fault for fault in rules(values) if fault[0] not in named]
            raise error.of(faults) from None
    except (RecursionError, msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise not_json(body, cause, error) from None


def not_json(body: bytes, cause: Exception, error: type[InvalidInput]) -> Exception:
    """The refusal of a body that is not JSON, or is nested too deeply to be read."""
    if isinstance(cause, RecursionError):
        return error("body", "Is nested too deeply; send a flatter document.")
    found = f"not valid JSON: {_syntax(cause)}." if body else "empty; send JSON in it."
    return BodyRefused(400, f"The body is {found}")


def _syntax(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    said = str(error).removeprefix("JSON is malformed: ")
    return "it ends too early" if said == "Input data was truncated" else said


def user_id_in(scope: HTTPScope, prefix: str, *, tail: str = "") -> str:
    """The user id that follows `prefix` in the path, decoded from the raw path: an id may contain slashes.

    A path that does not end with `tail`, which is not part of the id, is not found; ANY_SEGMENT matches any last
    segment.
    """
    raw: bytes = scope["raw_path"]
    if tail == ANY_SEGMENT:
        raw = raw.rpartition(b"/")[0]
    elif tail:
        if not raw.endswith(tail.encode()):
            raise NotFoundException
        raw = raw.removesuffix(tail.encode())
    _, found, rest = raw.partition(prefix.encode())
    user_id = text_of_path(rest, "userId") if found else ""
    if not user_id:
        raise InvalidQuery("userId", "Must have 1 to 100 characters.")
    return user_id


def last_segment(scope: HTTPScope, name: str) -> str:
    """The last segment of the path, decoded. Raises InvalidQuery naming `name`."""
    return text_of_path(scope["raw_path"].rpartition(b"/")[2], name)


def text_of_path(part: bytes, name: str) -> str:
    """A part of a raw path, decoded. Raises InvalidQuery naming `name`."""
    if len(part) > _LONGEST_PART:
        raise InvalidQuery(name, "Is longer than any that there can be.")
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise InvalidQuery(name, "Must be UTF-8 text, percent-encoded.") from None


def user_ids_in(listed: str) -> list[str]:
    """The user ids of a comma-separated list, each percent-encoded, so that an id may hold a comma. Raises
    InvalidQuery."""
    try:
        return [unquote_to_bytes(one).decode() for one in listed.split(",") if one]
    except UnicodeDecodeError:
        raise InvalidQuery("users", "Must be UTF-8 text, percent-encoded.") from None
