"""The badges of a rulebook's entries: one for each, and one more for each higher tier.

All code that decides about badges or shows them uses these; only the comparison of files uses the entries themselves.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from laurels.domain.rules.badges.criteria import AllOf, AnyOf, Count, Distinct, Sum
from laurels.domain.rules.rulebook_data import Badge, RulebookData, Tier

TARGET = "{target}"
"""In the texts of a badge with tiers it is replaced by the target of each."""


class Placed(Struct, frozen=True):
    """A badge, without tiers, with its own key and its criterion's key in the file.

    `family` are the ids of all tiers of its rule, the lowest first; empty if there is only one.
    """

    key: str
    criterion_key: str
    badge: Badge
    family: tuple[str, ...] = ()

    @property
    def entry_key(self) -> str:
        """The key of the file's entry, which is shared by all tiers."""
        return self.key.partition(".")[0]

    @property
    def is_higher_tier(self) -> bool:
        """Whether it is made from a tier of an entry, not from the entry itself."""
        return self.key != self.entry_key


def expand(data: RulebookData) -> list[Placed]:
    """Every badge of a rulebook, in its order, each tier after the one below it."""
    return [placed for position, badge in enumerate(data.badges) for placed in _expand(f"badges[{position}]", badge)]


def _expand(key: str, badge: Badge) -> list[Placed]:
    if badge.repeat is not None and isinstance(badge.criterion, Count | Distinct | Sum):
        badge = replace(badge, criterion=replace(badge.criterion, per=badge.repeat))
    if not badge.tiers or isinstance(badge.criterion, AllOf | AnyOf):
        return [Placed(key, f"{key}.criterion", replace(badge, tiers=[]))]
    family = (badge.id, *(f"{badge.id}_{tier.id}" for tier in badge.tiers))
    lowest = _with_target(replace(badge, tiers=[]), badge.criterion.target)
    return [
        Placed(key, f"{key}.criterion", lowest, family),
        *(
            Placed(f"{key}.tiers[{number}]", f"{key}.tiers[{number}].target", _tier(badge, tier), family)
            for number, tier in enumerate(badge.tiers)
        ),
    ]


def _tier(badge: Badge, tier: Tier) -> Badge:
    assert not isinstance(badge.criterion, AllOf | AnyOf)  # noqa: S101  `_expand` has asked
    made = replace(
        badge,
        id=f"{badge.id}_{tier.id}",
        name=tier.name,
        description=tier.description or badge.description,
        icon=tier.icon or badge.icon,
        rarity=tier.rarity or badge.rarity,
        points=tier.points,
        criterion=replace(badge.criterion, target=tier.target),
        tiers=[],
        names=tier.names,
        # In a language without texts of the tier's own, the badge's texts are used, unless the tier has a description
        # that they would contradict.
        descriptions=tier.descriptions if tier.description else badge.descriptions | tier.descriptions,
    )
    return _with_target(made, tier.target)


def _with_target(badge: Badge, target: int) -> Badge:
    def filled(text: str) -> str:
        return text.replace(TARGET, str(target))

    return replace(
        badge,
        name=filled(badge.name),
        description=filled(badge.description),
        names={language: filled(text) for language, text in badge.names.items()},
        descriptions={language: filled(text) for language, text in badge.descriptions.items()},
    )
