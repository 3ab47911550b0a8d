"""The pictures: pure functions from values to SVG text, the same for pages, embeds and print.

Each `draw_*` returns a whole SVG document, which may also be part of a page. `PictureOptions` has the common settings:
theme, language, words, a panel behind the picture. Nothing here knows a store, a clock or a request.
"""

from laurels.web.pictures.canvas import PictureOptions
from laurels.web.pictures.card import draw_card
from laurels.web.pictures.chart import draw_points
from laurels.web.pictures.days import Day, activity_by_month, activity_summary, last_year
from laurels.web.pictures.heatmap import draw_heatmap
from laurels.web.pictures.labels import ENGLISH, Labels
from laurels.web.pictures.languages import LanguageCount, draw_languages
from laurels.web.pictures.level import draw_level
from laurels.web.pictures.medal_parts import MedalKind
from laurels.web.pictures.medals import draw_medal, medal_sprite
from laurels.web.pictures.streak import draw_streak
from laurels.web.pictures.svg import Markup

__all__ = [
    "ENGLISH",
    "Day",
    "Labels",
    "LanguageCount",
    "Markup",
    "MedalKind",
    "PictureOptions",
    "activity_by_month",
    "activity_summary",
    "draw_card",
    "draw_heatmap",
    "draw_languages",
    "draw_level",
    "draw_medal",
    "draw_points",
    "draw_streak",
    "last_year",
    "medal_sprite",
]
