"""What must hold for every history of every user, whatever the order in which it arrives."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from laurels.application.recording.projecting.standings import standings_of
from laurels.domain.folding import fold
from laurels.domain.ledger.entries import Entry, EventRecorded
from laurels.domain.periods import board_name
from laurels.domain.progress import Progress
from laurels.domain.rules.rulebook import Rulebook
from tests.domain.histories import RULEBOOKS, History, for_each_rulebook, record


def apart_from_order(progress: Progress) -> dict[str, Any]:
    """All that is known of a user, but for when badges were earned, which alone may hang on the order."""
    fields = {name: getattr(progress, name) for name in progress.__struct_fields__}
    fields["awards"] = {(award.badge_id, award.points) for award in progress.awards.values()}
    fields["board_days"] = {day: held.events for day, held in progress.board_days.items()}
    fields["board_points"] = sum(held.points for held in progress.board_days.values())
    return fields


class TestAnyOrderOfArrival:
    @for_each_rulebook(examples=100)
    def test_gives_the_same_progress(self, history: History, rulebook: Rulebook) -> None:
        lived, _entries = record(history, rulebook)
        shuffled = random.Random(len(history.events)).sample(history.events, len(history.events))
        for other in (shuffled, history.events[::-1], sorted(history.events, key=lambda one: one.at)):
            again, _entries = record(History(history.zones, other), rulebook)
            assert apart_from_order(again) == apart_from_order(lived)

    @for_each_rulebook(examples=50)
    def test_gives_the_same_boards_of_languages_and_only_those_asked_for(
        self, history: History, rulebook: Rulebook
    ) -> None:
        progress, entries = record(history, rulebook)
        paid: dict[str, int] = {}
        for entry in entries:
            if isinstance(entry.body, EventRecorded):
                language = entry.body.metadata.get("language")
                if language in (rulebook.board_languages or ()):
                    paid[f"all@{language}"] = paid.get(f"all@{language}", 0) + entry.body.outcome.points
        found = standings_of(progress, rulebook) if progress.board_days else {}
        assert {name: line.points for name, line in found.items() if name.startswith("all@")} == paid
        shuffled = random.Random(len(history.events)).sample(history.events, len(history.events))
        again, _entries = record(History(history.zones, shuffled), rulebook)
        others = standings_of(again, rulebook) if again.board_days else {}
        assert {name: line for name, line in found.items() if "@" in name} == {
            name: line for name, line in others.items() if "@" in name
        }


class TestTheLedger:
    @for_each_rulebook(examples=50)
    def test_folds_to_exactly_the_progress_that_was_lived(self, history: History, rulebook: Rulebook) -> None:
        lived, entries = record(history, rulebook)
        folded = Progress(user_id="ada", version=rulebook.measures_version)
        for entry in entries:
            stored = msgspec.json.decode(msgspec.json.encode(entry), type=Entry)
            assert stored == entry
            fold(folded, stored, rulebook)
        assert folded == lived
        assert list(folded.awards) == list(lived.awards)

    @for_each_rulebook(examples=50)
    def test_progress_survives_json_and_goes_on_from_there(self, history: History, rulebook: Rulebook) -> None:
        middle = len(history.events) // 2
        lived, entries = record(History(history.zones, history.events[:middle]), rulebook)
        restored = msgspec.json.decode(msgspec.json.encode(lived), type=Progress)
        assert restored == lived
        _whole, entries = record(history, rulebook)
        for entry in entries[len(history.zones) + middle :]:
            fold(lived, entry, rulebook)
            fold(restored, entry, rulebook)
        assert restored == lived == _whole

    @for_each_rulebook(examples=40)
    def test_each_outcome_says_where_the_user_then_stood(self, history: History, rulebook: Rulebook) -> None:
        _progress, entries = record(history, rulebook)
        total, level = 0, 1
        held: list[str] = []
        for entry in entries:
            if isinstance(entry.body, EventRecorded):
                outcome = entry.body.outcome
                total += outcome.points + sum(award.points for award in outcome.awards)
                held += [award.badge_id for award in outcome.awards]
                assert outcome.total_points == total
                assert outcome.level == rulebook.levels.level_at(total)
                assert outcome.leveled_up == (outcome.level > level)
                assert all(award.earned_at == entry.body.at for award in outcome.awards)
                level = outcome.level
        assert len(held) == len(set(held))


class TestVersions:
    def test_which_languages_have_boards_decides_how_entries_are_folded_and_no_outcome(self) -> None:
        before = RULEBOOKS["coding"]
        versions = {before.measures_version}
        for languages in (True, ["py"], ["py", "js"]):
            boards = msgspec.structs.replace(before.data.boards, languages=languages)
            after = Rulebook(msgspec.structs.replace(before.data, boards=boards))
            assert after.fingerprint == before.fingerprint
            versions.add(after.measures_version)
        assert len(versions) == 4

    def test_no_two_boards_share_a_name(self) -> None:
        names = ["py", "p@y", "p.y", "p%2Ey", "$py", "c++", "c  "]
        assert len({board_name(period, name) for period in ("all", "2026-11") for name in [None, *names]}) == 16
        assert board_name("2026-11", "node.js") == "2026-11@node%2Ejs"

    def test_what_a_badge_counts_as_decides_outcomes_and_how_entries_are_folded(self) -> None:
        before = RULEBOOKS["small"]
        for change in ({"category": "milestone"}, {"rarity": "epic"}):
            first = msgspec.structs.replace(before.badges[0], **change)
            after = Rulebook(msgspec.structs.replace(before.data, badges=[first, *before.badges[1:]]))
            assert after.fingerprint != before.fingerprint
            assert after.measures_version != before.measures_version

    def test_words_and_pictures_decide_nothing(self) -> None:
        before = RULEBOOKS["small"]
        first = msgspec.structs.replace(before.badges[0], name="Other", description="Other.", icon="O")
        after = Rulebook(msgspec.structs.replace(before.data, badges=[first, *before.badges[1:]]))
        assert (after.fingerprint, after.measures_version) == (before.fingerprint, before.measures_version)
