"""A key names itself by its prefix, is kept as a hash, and counts until it is revoked or expires."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from laurels.domain.keys import (
    ADMIN,
    EVENTS_WRITE,
    PROGRESS_READ,
    SCOPES,
    allowed_by,
    assemble,
    digest_of,
    fits,
    prefix_of,
)
from laurels.testing.builders import NOON, api_key

PREFIX, SECRET = "abcDEF012345", "s" * 39 + "9"
KEY = assemble(PREFIX, SECRET)


class TestForm:
    def test_a_key_has_its_prefix_and_its_secret(self) -> None:
        assert f"lrl_{PREFIX}_{SECRET}" == KEY
        assert prefix_of(KEY) == PREFIX

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "lrl_",
            KEY[:-1],
            KEY + "x",
            KEY + "\n",
            " " + KEY,
            KEY.upper(),
            KEY.replace("_", "-"),
            KEY.replace("lrl", "xyz"),
            KEY[:-1] + "é",
            # Digits to Unicode, but none of the alphabet.
            KEY[:-1] + "٣",
            KEY[:-1] + "_",
            KEY * 1_000,
        ],
    )
    def test_what_has_another_form_has_no_prefix(self, text: str) -> None:
        assert prefix_of(text) is None


class TestDigest:
    def test_a_key_fits_its_own_digest_alone(self) -> None:
        assert fits(KEY, digest_of(KEY))
        assert not fits(KEY[:-1] + "8", digest_of(KEY))
        assert not fits(KEY, "")
        assert not fits(KEY, digest_of(KEY).upper())

    def test_the_digest_does_not_hold_the_key(self) -> None:
        assert len(digest_of(KEY)) == 64
        assert SECRET not in digest_of(KEY)


class TestValidity:
    def test_a_key_without_an_end_counts_for_ever(self) -> None:
        assert api_key().is_valid(0)
        assert api_key().is_valid(2**62)

    @pytest.mark.parametrize(("now", "is_valid"), [(NOON - 1, True), (NOON, False), (NOON + 1, False)])
    def test_one_that_expires_counts_until_just_before_that(self, now: int, is_valid: bool) -> None:
        assert replace(api_key(), expires_at=NOON).is_valid(now) is is_valid

    def test_one_that_was_revoked_never_counts_again(self) -> None:
        revoked = replace(api_key(), revoked_at=NOON, expires_at=NOON + 10)
        assert not any(revoked.is_valid(now) for now in (0, NOON - 1, NOON, NOON + 1))


class TestScopes:
    def test_a_scope_allows_itself_and_admin_allows_all(self) -> None:
        assert allowed_by(frozenset({EVENTS_WRITE})) == {EVENTS_WRITE}
        assert allowed_by(frozenset({EVENTS_WRITE, PROGRESS_READ})) == {EVENTS_WRITE, PROGRESS_READ}
        assert allowed_by(frozenset({ADMIN})) == set(SCOPES)
        assert allowed_by(frozenset()) == set()
