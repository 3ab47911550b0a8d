"""Each key of a file is found on its line, however it is written there."""

from __future__ import annotations

import pytest

from laurels.rulebooks.toml_text import NotToml, document_of, line_of, lines_of
from laurels.rulebooks.toml_validation import dotted

TEXT = """\
# [not.a.table]
title = "a # b = [c]"
"quoted key".'x.y' = 1
long = '''
not = 5
[nor.this]
'''
list = [
  1, # ]
  { a = 1, b = [
    2 ] },
]
[table . inner]
deep.er = { z = 1979-05-27T07:32:00Z, "é\\u00e9" = "it's } ]" }
[[items]]
id = 1
[[items]]
id = 2
  [items.sub]
  x = -1.5e3
[[items.parts]]
p = 1
[[items.parts]]
p = 2
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("title", 2),
        ('"quoted key"', 3),
        ('"quoted key"."x.y"', 3),
        ("long", 4),
        ("nor.this", 1),
        ("list", 8),
        ("list[0]", 9),
        ("list[1]", 10),
        ("list[1].a", 10),
        ("list[1].b[0]", 11),
        ("list[9]", 8),
        ("table", 13),
        ("table.inner.deep.er.z", 14),
        ('table.inner.deep.er."éé"', 14),
        ("items[0].id", 16),
        ("items[1]", 17),
        ("items[1].id", 18),
        ("items[1].sub.x", 20),
        ("items[1].parts[1].p", 24),
        ("items[1].nothing", 17),
        ("items[7]", 15),
    ],
)
def test_a_key_is_found_or_what_encloses_it(key: str, line: int) -> None:
    assert line_of(lines_of(TEXT), key) == line


def test_every_key_of_the_document_has_a_line() -> None:
    lines = lines_of(TEXT)

    def check(key: str, path: tuple[str | int, ...], value: object) -> None:
        if path:
            assert path in lines
            assert line_of(lines, key) == lines[path]
        if isinstance(value, dict):
            for name, member in value.items():  # pyright: ignore[reportUnknownVariableType]  TOML
                check(dotted(key, name), (*path, name), member)  # pyright: ignore[reportUnknownArgumentType]  TOML
        elif isinstance(value, list):
            for number, member in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
                check(f"{key}[{number}]", (*path, number), member)  # pyright: ignore[reportUnknownArgumentType]  TOML

    check("", (), document_of(TEXT))


@pytest.mark.parametrize("text", ["", "\n\n", "# only this"])
def test_a_text_without_keys_is_an_empty_document(text: str) -> None:
    assert (document_of(text), lines_of(text)) == ({}, {})


@pytest.mark.parametrize(
    ("text", "line", "detail"),
    [
        ("a = 1\nb = ", 2, "Not valid TOML"),
        ("a = 1\na = 2", 2, "Not valid TOML"),
        ("\n\nno", 3, "Not valid TOML"),
        ("a = " + "9" * 5_000, 1, "too many digits"),
        ("a = " + "[" * 5_000, 1, "nested too deeply"),
        ("a = 1\n" + ".".join("b" * 31) + " = 1", 2, "at most 30 parts"),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(text: str, line: int, detail: str) -> None:
    with pytest.raises(NotToml) as refused:
        document_of(text)
    assert (refused.value.line, detail in refused.value.detail) == (line, True)


def test_a_key_of_thirty_parts_is_taken() -> None:
    assert document_of(".".join("b" * 30) + " = 1")
