"""A cache forgets what was used longest ago, and only as much as its bound asks for."""

from __future__ import annotations

from laurels.application.lru_cache import LruCache


def test_what_was_used_longest_ago_goes_first() -> None:
    cache: LruCache[int] = LruCache(2)
    cache.keep("ada", 1)
    cache.keep("bob", 2)
    assert cache.get("ada") == 1
    cache.keep("eve", 3)
    assert cache.get("bob") is None
    assert list(cache.values()) == [1, 3]


def test_sizes_are_counted_as_they_were_when_kept() -> None:
    cache: LruCache[list[int]] = LruCache(5, len)
    grown = [1, 2]
    cache.keep("ada", grown)
    grown += [3, 4, 5, 6]
    cache.keep("bob", [1, 2, 3])
    assert len(cache) == 2
    cache.discard("ada")
    cache.keep("eve", [1, 2])
    assert len(cache) == 2


def test_a_value_kept_again_replaces_the_one_before() -> None:
    cache: LruCache[str] = LruCache(4, len)
    cache.keep("ada", "abc")
    cache.keep("ada", "abcd")
    assert list(cache.values()) == ["abcd"]
    cache.keep("bob", "a")
    assert list(cache.values()) == ["a"]


def test_what_is_larger_than_the_bound_is_not_kept() -> None:
    cache: LruCache[str] = LruCache(3, len)
    cache.keep("ada", "abcd")
    assert len(cache) == 0
    cache.clear()
    cache.keep("bob", "abc")
    assert cache.get("bob") == "abc"
