"""Checks a mapping whose keys each have the right shape for consistency: finds every mistake at once, by its key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from laurels.cli.importing.mapping.mapping_file import (
    Input,
    MappingDocument,
    MetadataSource,
    PassOver,
    Source,
    TimeSource,
    TypeSource,
)
from laurels.cli.importing.mapping.timestamps import (
    UnreadableTime,
    has_offset,
    instant_reader,
    is_counted,
    wrong_format,
)
from laurels.domain.periods import is_zone
from laurels.domain.profiles import WRONG_ZONE
from laurels.rulebooks.toml_validation import TomlMistake, dotted
from laurels.validation import nearest


def sense_mistakes(mapping: MappingDocument) -> Iterator[TomlMistake]:
    """Every mistake of a mapping, in the order of its tables; none if a mapper can be made of it."""
    yield from _of_input(mapping.input)
    yield from _of_source("userId", mapping.user_id)
    yield from _of_type(mapping.event_type)
    yield from _of_time(mapping.timestamp)
    for key, source in (("eventId", mapping.event_id), ("onceKey", mapping.once_key)):
        if source is not None:
            yield from _of_source(key, source)
    for name, field in mapping.metadata.items():
        yield from _of_metadata(dotted("metadata", name), field)
    for number, rule in enumerate(mapping.pass_over):
        yield from _of_pass_over(f"pass_over[{number}]", rule)
    names = mapping.input.columns
    for key, column in columns_of(mapping) if names else ():
        if column not in names:
            hint = f' Did you mean "{found}"?' if (found := nearest(column, names)) else ""
            yield TomlMistake(key, f'Reads the column "{column}", which input.columns lacks.{hint}')


def columns_of(mapping: MappingDocument, *, is_optional: bool | None = None) -> Iterator[tuple[str, str]]:
    """Every column that a mapping reads, with the key of the file that reads it. `is_optional` selects only those that
    may be absent (true), or must be present (false)."""
    if is_optional is not True:
        for key, source in (("userId", mapping.user_id), ("eventId", mapping.event_id), ("onceKey", mapping.once_key)):
            if source is not None:
                yield from ((key, column) for column in read_by(source))
        if mapping.event_type.column is not None:
            yield "eventType", mapping.event_type.column
        for number, rule in enumerate(mapping.event_type.rules):
            yield from ((f"eventType.rules[{number}]", column) for column in (*rule.when, *rule.matches))
        if mapping.timestamp.column is not None:
            yield "timestamp", mapping.timestamp.column
        yield from ((f"pass_over[{number}]", rule.column) for number, rule in enumerate(mapping.pass_over))
    for name, field in mapping.metadata.items():
        if field.column is not None and is_optional in (None, field.optional):
            yield dotted("metadata", name), field.column


def read_by(source: Source) -> list[str]:
    """The columns that a source reads."""
    return [*([source.column] if source.column is not None else []), *source.columns, *source.first_of]


def _of_input(given: Input) -> Iterator[TomlMistake]:
    for name in ("delimiter", "encoding", "columns") if given.format != "csv" else ():
        if getattr(given, name):
            yield TomlMistake(f"input.{name}", 'Is for format = "csv"; JSON is UTF-8 and names its keys.')
    if given.delimiter is not None and given.delimiter in '"\r\n\0 ':
        yield TomlMistake(
            "input.delimiter", "Must be a character such as , or ; or a tab, not a quote, a space or a line end."
        )
    yield from (TomlMistake("input.columns", f'Names "{name}" twice; rename one.') for name in _repeated(given.columns))
    if (given.format == "json") != bool(given.rows):
        yield TomlMistake(
            "input.rows",
            'Must be the path of keys to the array, such as "data.events", with format = "json" and only there.',
        )


def _of_source(key: str, source: Source) -> Iterator[TomlMistake]:
    given = [bool(source.column), bool(source.columns), bool(source.first_of), source.value is not None]
    if sum(given) != 1:
        yield TomlMistake(key, "Must have exactly one of column, columns, first_of and value.")
    if source.value is not None and (source.patterns or source.hashed):
        yield TomlMistake(key, "Has a value that is always the same; leave out patterns and hashed.")
    if source.value is not None and key == "eventId":
        yield TomlMistake("eventId.value", "Would be the id of every event; name columns that tell events apart.")
    yield from _of_patterns(f"{key}.patterns", source.patterns)


def _of_patterns(key: str, patterns: list[str]) -> Iterator[TomlMistake]:
    for number, pattern in enumerate(patterns):
        yield from _of_pattern(f"{key}[{number}]", pattern, groups=1)


def _of_pattern(key: str, pattern: str, *, groups: int | None = None) -> Iterator[TomlMistake]:
    try:
        found = re.compile(pattern).groups
    except (re.error, OverflowError, RecursionError) as error:
        yield TomlMistake(key, f"Must be a regular expression of Python: {error}.")
        return
    if groups is not None and found != groups:
        yield TomlMistake(
            key, "Must have one group in brackets, the part that is taken; (?:...) groups without taking."
        )


def _of_type(types: TypeSource) -> Iterator[TomlMistake]:
    if types.value is not None and (types.column is not None or types.values or types.rules):
        yield TomlMistake("eventType.value", "Is the type of all rows: leave out column, values and rules, or this.")
    elif types.value is None and types.column is None and not types.rules:
        yield TomlMistake("eventType", "Must have a column, rules, or a value that all rows have.")
    if types.values and types.column is None:
        yield TomlMistake("eventType.values", "Needs the column whose values these are.")
    if types.unmapped == "keep" and types.column is None:
        yield TomlMistake("eventType.unmapped", "Can keep what a column says only where there is one.")
    for number, rule in enumerate(types.rules):
        if not rule.when and not rule.matches:
            yield TomlMistake(
                f"eventType.rules[{number}]", "Must have when or matches; a type of all rows is eventType.value."
            )
        for column, pattern in rule.matches.items():
            yield from _of_pattern(dotted(f"eventType.rules[{number}].matches", column), pattern)


def _of_time(time: TimeSource) -> Iterator[TomlMistake]:
    if (time.column is None) == (time.value is None):
        yield TomlMistake("timestamp", "Must have exactly one of column and value.")
    formats = [time.format] if isinstance(time.format, str) else time.format
    if not formats:
        yield TomlMistake("timestamp.format", "Must have at least one format.")
    wrong = [
        (f"timestamp.format[{number}]", found) for number, each in enumerate(formats) if (found := wrong_format(each))
    ]
    yield from (TomlMistake("timestamp.format" if isinstance(time.format, str) else key, found) for key, found in wrong)
    if time.zone is not None and not is_zone(time.zone):
        yield TomlMistake("timestamp.zone", WRONG_ZONE)
    elif time.zone is None and not wrong and any(not has_offset(each) and not is_counted(each) for each in formats):
        yield TomlMistake(
            "timestamp", "Lacks zone: a format without %z says no offset, so whose clock it was must be said."
        )
    elif time.value is not None and formats and not wrong:
        try:
            instant_reader(time)(time.value)
        except UnreadableTime as error:
            yield TomlMistake("timestamp.value", error.detail)


def _of_metadata(key: str, field: MetadataSource) -> Iterator[TomlMistake]:
    if (field.column is None) == (field.value is None):
        yield TomlMistake(key, "Must have exactly one of column and value.")
    yield from _of_patterns(f"{key}.patterns", field.patterns)


def _of_pass_over(key: str, rule: PassOver) -> Iterator[TomlMistake]:
    if [bool(rule.values), rule.pattern is not None, rule.empty].count(True) != 1:
        yield TomlMistake(key, "Must have exactly one of values, pattern and empty = true.")
    if rule.pattern is not None:
        yield from _of_pattern(f"{key}.pattern", rule.pattern)


def _repeated(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return list(dict.fromkeys(name for name in names if name in seen or seen.add(name)))
