"""What a progress says of its user that no rule decides."""

from __future__ import annotations

from laurels.domain.engine import advance
from laurels.domain.events import LearningEvent
from laurels.domain.folding import MOST_BOARD_LANGUAGES, MOST_LANGUAGES
from laurels.domain.ledger.entries import EventRecorded
from laurels.domain.progress import Progress
from laurels.testing.builders import small_rulebook

DAY = 86_400_000


def test_a_user_exists_since_what_their_first_entry_tells_of_and_no_late_event_moves_that() -> None:
    rulebook = small_rulebook()
    progress = Progress(user_id="ada", version=rulebook.measures_version)
    for seq, at in enumerate((20 * DAY, 10 * DAY, 30 * DAY), 1):
        outcome = advance(progress, LearningEvent(user_id="ada", event_type="run"), at, rulebook)
        progress.stamp(seq, 40 * DAY, EventRecorded("run", at, outcome))
    assert progress.created_at == 20 * DAY


def test_of_more_languages_than_anybody_learns_the_same_are_counted_whatever_the_order_of_events() -> None:
    rulebook = small_rulebook()
    names = [f"language {number:04}" for number in range(MOST_LANGUAGES + 200)]
    languages: list[dict[str, int]] = []
    for order in (names * 2, names[::-1] * 2):
        progress = Progress(user_id="ada", version=rulebook.measures_version)
        for name in order:
            advance(
                progress, LearningEvent(user_id="ada", event_type="run", metadata={"language": name}), DAY, rulebook
            )
        languages.append(progress.languages)
    assert languages == [dict.fromkeys(names[:MOST_LANGUAGES], 2)] * 2


def test_where_all_languages_have_boards_a_user_stands_on_those_of_the_first_hundred() -> None:
    names = [f"language {number:04}" for number in range(MOST_BOARD_LANGUAGES + 50)]
    for kept, count in ((True, MOST_BOARD_LANGUAGES), (names, len(names))):
        rulebook = small_rulebook(boards={"languages": kept})
        progress = Progress(user_id="ada", version=rulebook.measures_version)
        for name in names[::-1] * 2:
            advance(
                progress, LearningEvent(user_id="ada", event_type="run", metadata={"language": name}), DAY, rulebook
            )
        assert list(progress.language_days) == names[::-1][:count]
        assert {each.events for days in progress.language_days.values() for each in days.values()} == {2}
