"""What between two descriptions of the service breaks a client that keeps to the older one; see docs/versioning.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

Document = Mapping[str, Any]
Direction = Literal["in", "out"]
METHODS = ("get", "put", "post", "delete", "patch")


def breaking_changes(old: Document, new: Document) -> list[str]:
    """A sentence for each, empty where an older client goes on as before."""
    return list(dict.fromkeys(_Comparison(old, new).changes()))


class _Comparison:
    def __init__(self, old: Document, new: Document) -> None:
        self._old = old
        self._new = new
        self._under_way: set[tuple[int, int, Direction]] = set()

    def changes(self) -> Iterator[str]:
        for path, operations in self._old["paths"].items():
            for method in operations.keys() & set(METHODS):
                where = f"{method.upper()} {path}"
                other = self._new["paths"].get(path, {}).get(method)
                if other is None:
                    yield f"{where} is gone"
                else:
                    yield from self._operation(operations[method], other, where)

    def _operation(self, old: Document, new: Document, where: str) -> Iterator[str]:
        before = {(each["in"], each["name"]): each for each in old.get("parameters", ())}
        after = {(each["in"], each["name"]): each for each in new.get("parameters", ())}
        for key, parameter in before.items():
            if key not in after:
                yield f"{where}: the parameter {key[1]} is gone"
            else:
                yield from self._schema(parameter["schema"], after[key]["schema"], f"{where}: {key[1]}", "in")
        for key, parameter in after.items():
            if parameter.get("required") and not before.get(key, {}).get("required"):
                yield f"{where}: the parameter {key[1]} is required now"
        yield from self._contents(old.get("requestBody", {}), new.get("requestBody", {}), f"{where}: body", "in")
        for status, answer in old["responses"].items():
            if status.startswith("2"):
                if status not in new["responses"]:
                    yield f"{where}: it does not answer {status} any more"
                else:
                    yield from self._contents(answer, new["responses"][status], f"{where}: {status}", "out")

    def _contents(self, old: Document, new: Document, where: str, direction: Direction) -> Iterator[str]:
        for media_type, content in old.get("content", {}).items():
            other = new.get("content", {}).get(media_type)
            if other is None:
                yield f"{where}: {media_type} is gone"
            elif "schema" in content:
                yield from self._schema(content["schema"], other.get("schema", {}), where, direction)
        if direction == "in" and new.get("required") and not old.get("required"):
            yield f"{where} is required now"

    def _schema(self, old: Document, new: Document, where: str, direction: Direction) -> Iterator[str]:
        old, new = _resolved(old, self._old), _resolved(new, self._new)
        key = (id(old), id(new), direction)
        if key in self._under_way:
            return
        self._under_way.add(key)
        try:
            yield from self._resolved_schema(old, new, where, direction)
        finally:
            self._under_way.discard(key)

    def _resolved_schema(self, old: Document, new: Document, where: str, direction: Direction) -> Iterator[str]:
        # What a sender may write, the reader has to take: of requests clients write, of answers the service.
        written, read = (old, new) if direction == "in" else (new, old)
        if alternatives := _alternatives(written):
            for each in alternatives:
                taken = _alternatives(read) or [read]
                if all(list(self._pair(each, other, where, direction)) for other in taken):
                    yield f"{where}: one of its forms has changed"
            return
        if others := _alternatives(read):
            if all(list(self._pair(written, other, where, direction)) for other in others):
                yield f"{where}: its form has changed"
            return
        if excess := _types(written) - _types(read):
            yield f"{where} has another type ({', '.join(sorted(excess))})"
        if direction == "in" and "enum" in read and (lost := set(written.get("enum", ())) - set(read["enum"])):
            yield f"{where}: {', '.join(sorted(map(str, lost)))} is not taken any more"
        for name, schema in old.get("properties", {}).items():
            if name not in new.get("properties", {}):
                yield f"{where}.{name} is gone"
            else:
                yield from self._schema(schema, new["properties"][name], f"{where}.{name}", direction)
        for name in set(read.get("required", ())) - set(written.get("required", ())):
            yield f"{where}.{name} is {'required now' if direction == 'in' else 'not always there any more'}"
        if isinstance(old.get("items"), dict) and isinstance(new.get("items"), dict):
            yield from self._schema(old["items"], new["items"], f"{where}[]", direction)

    def _pair(self, written: Document, read: Document, where: str, direction: Direction) -> Iterator[str]:
        old, new = (written, read) if direction == "in" else (read, written)
        return self._schema(old, new, where, direction)


def _resolved(schema: Document, document: Document) -> Document:
    while "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def _alternatives(schema: Document) -> list[Document]:
    return list(schema.get("oneOf") or schema.get("anyOf") or ())


def _types(schema: Document) -> set[str]:
    given = schema.get("type", [])
    types = {given} if isinstance(given, str) else set(given)
    return types | {"number"} if "integer" in types else types
