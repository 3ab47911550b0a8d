"""The rights of a request's sender on the pages."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct


class Viewer(Struct, frozen=True):
    """`is_reader` may see every learner; `is_admin` may also change things. `user_id` is set for an end user with a
    token of the platform. `shown` lists the parts that the operator shows to everybody: `boards`, `badges`,
    `profiles`."""

    is_reader: bool
    is_admin: bool
    user_id: str | None
    shown: Collection[str]

    def sees(self, part: str) -> bool:
        """Whether `boards`, `badges` or `profiles` may be shown to this viewer."""
        return self.is_reader or self.user_id is not None or part in self.shown
