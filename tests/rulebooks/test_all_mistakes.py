"""All mistakes of a rulebook are named in one go, each with its line, and nothing is blamed for another's mistake."""

from __future__ import annotations

import pytest

from laurels.errors import RulebookError
from laurels.rulebooks.loader import parse_rulebook

# Every wrong line ends with the key that is named for it.
SENSE = """\
name = "house"

[levels]
kind = "table"
starts = [0, 30, 10]  #! levels.starts

[boards]
zone = "Europe/Atlantis"  #! boards.zone

[streak]
days = 3  #! streak.days
pauses = [
  { from = 2026-03-02, until = 2026-03-01 },  #! streak.pauses[0].until
  { from = 2026-03-02, until = 2026-03-03 },
  { from = 2026-03-02, until = 2028-03-01 },  #! streak.pauses[2].until
]
[streak.freezes]
cap = 3  #! streak.freezes.cap

[event_types.read]
points = 1

[boosts.week]
factor = 1.2345  #! boosts.week.factor
from = 2026-03-02
until = 2026-03-01  #! boosts.week.until
event = "raed"  #! boosts.week.event
where = { hour = 3 }  #! boosts.week.where

[currencies.gems]
name = "Gems"
levels = { kind = "table", starts = [1] }  #! currencies.gems.levels.starts
badges = { nobody = 1 }  #! currencies.gems.badges

[currencies.dust]  #! currencies.dust
name = "Dust"

{reader}
from = 2026-03-02
until = 2026-03-01  #! badges[0].until
requires = ["nobody", "writer"]  #! badges[0].requires[0]
criterion = { kind = "count", event = "raed", target = 5 }  #! badges[0].criterion
tiers = [
  { id = "more", name = "More", target = 4, points = 1 },  #! badges[0].tiers[0].target
  { id = "most", name = "Most", target = 9, points = 1 },
]

{writer}
repeat = "week"  #! badges[1].repeat
criterion = { kind = "level", target = 7 }  #! badges[1].criterion.target

{early}
requires = ["late"]  #! badges[2].requires
criterion = { kind = "count", target = 1 }

{late}
requires = ["early", "reader_more"]  #! badges[3].requires
criterion = { kind = "distinct", field = "weekday", target = 8 }  #! badges[3].criterion

{after}
requires = ["late"]
criterion = { kind = "any", of = [
  { kind = "count", where = { hour = { min = 30 } }, target = 1 },  #! badges[4].criterion.of[0]
  { kind = "count", event = "reed", target = 1 },  #! badges[4].criterion.of[1]
] }
"""
SHAPE_AND_SENSE = """\
name = "My House"  #! name

[levels]
kind = "quadratic"
step = 0  #! levels.step

[boards]
zone = "Europe/Atlantis"  #! boards.zone
colour = 1  #! boards.colour

[streak]
grace = 13  #! streak.grace
pauses = [
  { from = 2026-03-02, until = "soon" },  #! streak.pauses[0].until
  { from = 2026-03-02, until = 2026-03-01 },  #! streak.pauses[1].until
]
[streak.freezes]
every = 0  #! streak.freezes.every
cap = 3

[event_types.read]
points = -1  #! event_types.read.points
bonuses = [
  { field = "length", above = 1, points = 1.5 },  #! event_types.read.bonuses[0].points
  { field = "length", above = inf, points = 1 },  #! event_types.read.bonuses[1].above
]
[event_types.Write]  #! event_types.Write
points = 1

[boosts.week]  #! boosts.week
factor = 2
from = 2026-03-02
event = ["write", "raed"]  #! boosts.week.event

[currencies.gems]
name = 1  #! currencies.gems.name
badges = { nobody = 1, reader = 1 }  #! currencies.gems.badges

[currencies.dust]
name = "Dust"
events = { read = 0 }  #! currencies.dust.events.read

{reader}
hue = 1  #! badges[0].hue
from = "soon"  #! badges[0].from
until = 2026-03-01
requires = ["nobody"]  #! badges[0].requires[0]
criterion = { kind = "count", event = "raed", target = 5 }  #! badges[0].criterion
tiers = [{ id = "more", name = "More", target = "6", points = 1 }]  #! badges[0].tiers[0].target

{writer}
criterion = { kind = "cuont", target = 1 }  #! badges[1].criterion.kind
tiers = [{ id = "more", name = "More", target = 6, points = 1 }]

{early}
requires = ["reader", "reader_more", "writer_more", "noone"]  #! badges[2].requires[3]
criterion = { kind = "points", target = 100 }

{late}
requires = ["after"]  #! badges[3].requires
criterion = { kind = "count", event = "Write", target = 1 }

{after}
requires = ["late"]  #! badges[4].requires
criterion = { kind = "badges", category = "coding", target = 3 }
"""
ID_IN_DOUBT = """\
name = "house"
levels = { kind = "quadratic", step = 10 }
event_types = 5  #! event_types

[boosts.week]
factor = 2
from = 2026-03-02
until = 2026-03-01  #! boosts.week.until
event = "read"

[[badges]]  #! badges[0]
name = "No id"

{late}
requires = ["nobody"]
criterion = { kind = "count", event = "read", target = 1 }
"""
NO_BADGES = """\
name = "house"
levels = { kind = "quadratic", step = 10 }
event_types = { read = { points = 1 } }
badges = 1  #! badges
currencies = { gems = { name = "Gems", badges = { reader = 1 } } }
"""


TEXTS = """name = "Any"
description = "For {target}."
icon = "A"
category = "learning"
rarity = "common"
points = 5"""


def text_of(template: str) -> str:
    """The template with the first lines of its badges."""
    for badge_id in ("reader", "writer", "early", "late", "after"):
        template = template.replace(f"{{{badge_id}}}", f'[[badges]]\nid = "{badge_id}"\n{TEXTS}')
    return template


@pytest.mark.parametrize("template", [SENSE, SHAPE_AND_SENSE, ID_IN_DOUBT, NO_BADGES])
def test_all_mistakes_are_named_at_once(template: str) -> None:
    text = text_of(template)
    expected = [
        (f"house.toml:{number}", line.partition("#! ")[2])
        for number, line in enumerate(text.splitlines(), 1)
        if "#! " in line
    ]
    with pytest.raises(RulebookError) as caught:
        parse_rulebook(text, "house.toml")
    found = [(each.where, each.key) for each in (caught.value, *caught.value.others)]
    assert sorted(set(found)) == sorted(expected)
