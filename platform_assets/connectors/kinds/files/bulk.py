"""A bulk file: what is handed over of it, and a place in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from platform_assets.connectors.kinds.files.chunk import Spot
from platform_assets.connectors.kinds.files.progress import Found, Now
from platform_assets.connectors.seam.reader import BulkFile


def bulk_file(one: Found, digest: str) -> BulkFile:
    """A file as it is handed over."""
    return BulkFile(one.name, one.size, {"file": asdict(one), "digest": digest})


@dataclass(frozen=True)
class At:
    """A place in a bulk file.

    Attributes:
        now: of the member.
        record: the next one of the file, from 1, counted through the members of an archive.
        base: records of the members before.
    """

    now: Now
    record: int = 1
    base: int = 0

    @classmethod
    def of(cls, state: Mapping[str, Any], position: Mapping[str, Any] | None) -> At:
        """A place as :meth:`as_json` gave it; without one, the beginning."""
        if position is None:
            one = Found(**state["file"])
            return cls(Now(one.name, one.tag, state["digest"]))
        now = position["now"]
        where = Now(**{**now, "spot": Spot(*now["spot"])})
        return cls(where, position["record"], position["base"])

    def as_json(self) -> dict[str, Any]:
        """For the table of positions."""
        now = {**self.now.__dict__, "spot": self.now.spot.as_json()}
        return {"now": now, "record": self.record, "base": self.base}

    def behind(self, after: Now, next_row: int) -> At:
        """The place behind rows that follow this one.

        Args:
            after: as the reader gives it.
            next_row: number in its member of the row after them, from 1.
        """
        base = self.base if after.member == self.now.member else self.record - 1
        return At(after, base + next_row, base)

    def bases(self, members: Sequence[int], next_rows: Sequence[int]) -> list[int]:
        """What is added to a row's number in its member, for parts that follow this place."""
        found, at = [], self
        for member, next_row in zip(members, next_rows, strict=True):
            now = Now(self.now.name, self.now.tag, self.now.digest, member)
            at = at.behind(now, next_row)
            found.append(at.base)
        return found
