"""The built-in rulebook with one badge more, as its author would send it."""

from __future__ import annotations

from importlib.resources import files

CODING = files("laurels.rulebooks").joinpath("coding.toml").read_text("utf-8")
SECOND_RUN = """
[[badges]]
id = "second_run"
name = "Twice"
description = "Run code twice."
icon = "2"
category = "coding"
rarity = "common"
points = 7
criterion = { kind = "count", event = "code_run", target = 2 }
"""
