"""The envelope `{success, data}` that some existing clients expect around the answers of four addresses."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from litestar import Request
from litestar.params import QueryParameter
from msgspec import Struct

ENVELOPE = "envelope"
ENVELOPE_WORDS = "With `?envelope=data` the answer comes as `{success, data}`."
Form = Literal["flat", "data"]
Envelope = Annotated[
    Form | None,
    QueryParameter(description="data: the answer as {success, data}; flat: as it is. Default by LAURELS_ENVELOPE."),
]
"""The parameter of the addresses whose answer can come in an envelope."""

T = TypeVar("T", bound=Struct)


def enveloped(request: Request[Any, Any, Any], asked: Form | None, answer: T, *, only: str = "") -> T:
    """`answer`, in an envelope if the caller asked for one, or the operator set one for all.

    `data` is the whole answer, or its member `only`.
    """
    form: Form = asked or request.app.state.envelope
    if form == "flat":
        return answer
    document: dict[str, Any] = msgspec.to_builtins(answer)
    del document["success"]
    stale = {"stale": True} if "stale" in document else {}
    wrapped: Any = {"success": True, **stale, "data": document[only] if only else document}
    return wrapped
