"""Of a deleted user a hash stays, by which nobody is found in the lists of other systems."""

from __future__ import annotations

from hashlib import sha256

import pytest

from laurels.domain.tombstones import digest_of


@pytest.mark.parametrize("user_id", ["ada", "", "é", "😀", "\0", "\ud800", "x" * 10_000])
def test_every_id_has_a_hash_of_64_hexadecimal_digits(user_id: str) -> None:
    assert len(digest_of(user_id)) == 64
    assert int(digest_of(user_id), 16)


def test_ids_that_look_alike_have_hashes_of_their_own() -> None:
    ids = ["ada", "Ada", "ada ", "a\0da", "é", "e\u0301", "\ud800", "\ud801", ""]
    assert len({digest_of(each) for each in ids}) == len(ids)


def test_the_hash_is_not_that_which_others_make_of_the_id() -> None:
    assert digest_of("ada") != sha256(b"ada").hexdigest()


def test_the_hash_is_what_databases_hold() -> None:
    # It must never change: deleted users would come back.
    assert digest_of("ada") == sha256(b"laurels deleted user\0ada").hexdigest()
