"""Names for people who gave none: never their id, which may be an address."""

from __future__ import annotations

from hashlib import blake2b

UNNAMED = "Learner"
# No characters that look alike: no 0 and O, no 1 and I.
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class PlaceholderNames:
    """Makes names of `unnamed` and four characters; an id always gets the same name.

    They hold twenty bits of a hash: the id cannot be recovered from them.
    """

    def __init__(self, unnamed: str = UNNAMED) -> None:
        self._unnamed = unnamed

    def of(self, user_id: str) -> str:
        """The name of the user with this id."""
        bits = int.from_bytes(blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=4, person=b"name").digest())
        return f"{self._unnamed} {''.join(_LETTERS[bits >> shift & 31] for shift in (0, 5, 10, 15))}"
