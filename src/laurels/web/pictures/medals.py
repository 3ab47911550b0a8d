"""The medal of a badge: one drawing for pages, embeds and print, from category, rarity and state.

The category determines form, colour and sign; the rarity determines the rim: bare bronze, silver with beads, gold with
rays, and the laurel wreath under a star. The number of studs at the foot is the rank of the rarity. So neither depends
on colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from laurels.web.pictures.canvas import DEFAULTS, Canvas, PictureOptions
from laurels.web.pictures.medal_parts import (
    RARITIES,
    SIZE,
    MedalKind,
    drawing,
    gradients_of,
    known_category,
    ornament_of,
    progress_line,
)
from laurels.web.pictures.svg import Markup, element


def draw_medal(
    kind: MedalKind,
    *,
    name: str | None = None,
    fraction: float | None = None,
    size: float = SIZE,
    sprite: bool = False,
    options: PictureOptions = DEFAULTS,
) -> Markup:
    """A medal, `size` CSS pixels wide and high.

    `name` is the badge's, for a screen reader; None says category and rarity. `fraction`, from 0 to 1, is the progress
    of an unearned badge: it is drawn along the outline. With `sprite` it uses the drawing of `medal_sprite` in the same
    document. A hidden medal says neither name nor category.
    """
    canvas = Canvas(SIZE, SIZE, options)
    body = (
        [element("use", href=f"#{_symbol_id(kind, options)}")]
        if sprite
        else [medal_gradients([kind], options), drawing(kind, options)]
    )
    progress = progress_line(kind, fraction, options) if kind.state == "open" and fraction else Markup()
    return canvas.picture(*body, progress, title=title_of(kind, name, fraction, options), width=size, panel=False)


def medal_sprite(kinds: Iterable[MedalKind], *, options: PictureOptions = DEFAULTS) -> Markup:
    """The drawings of `kinds`, once each, for all `draw_medal(..., sprite=True)` of a document; it shows nothing.

    Rays and wreaths are the longest paths of a medal and the same in every category: they are included once.
    """
    unique = list({_symbol_id(kind, options): kind for kind in sorted(set(kinds), key=_order)}.values())
    shared: dict[str, Markup] = {}
    symbols: list[Markup] = []
    for kind in unique:
        ornament = None
        if kind.rarity in ("epic", "legendary"):
            name = options.id(f"medal-{kind.rarity}-{kind.state}")
            shared[name] = element("g", ornament_of(kind, options), id=name)
            ornament = element("use", href=f"#{name}")
        content = drawing(kind, options, ornament=ornament)
        symbols.append(element("symbol", content, id=_symbol_id(kind, options), viewBox=f"0 0 {SIZE} {SIZE}"))
    gradients = dict.fromkeys(gradient for kind in unique for gradient in gradients_of(kind, options))
    return element(
        "svg",
        element("defs", *gradients, *shared.values()),
        *symbols,
        xmlns="http://www.w3.org/2000/svg",
        width=0,
        height=0,
        aria_hidden="true",
    )


def medal_gradients(kinds: Iterable[MedalKind], options: PictureOptions) -> Markup:
    """The additional elements that a picture with `drawing` of these kinds must contain."""
    gradients = dict.fromkeys(gradient for kind in kinds for gradient in gradients_of(kind, options))
    return element("defs", *gradients) if gradients else Markup()


def title_of(kind: MedalKind, name: str | None, fraction: float | None, options: PictureOptions) -> str:
    """The medal in words."""
    labels = options.labels
    if kind.state == "hidden":
        return labels.hidden
    if name is not None:
        spoken = options.isolate(name)
    else:
        category = labels.categories.get(kind.category or "", kind.category or "")
        spoken = labels.medal.format(category=options.isolate(category), rarity=labels.rarities[kind.rarity]).strip()
    if kind.state == "earned":
        return spoken
    if fraction:
        return labels.medal_progress.format(name=spoken, share=labels.percent(min(max(fraction, 0.0), 1.0)))
    return labels.not_earned.format(name=spoken)


def _order(kind: MedalKind) -> tuple[str, int, str]:
    return (kind.category or "", RARITIES.index(kind.rarity), kind.state)


def _symbol_id(kind: MedalKind, options: PictureOptions) -> str:
    return options.id(f"medal-{known_category(kind.category) or 'round'}-{kind.rarity}-{kind.state}")
