"""Which files are done, and where the one under way stands: the cursor of a stream of files.

The cursor goes into every transaction, so it is bounded: of names that only grow it keeps the
latest, and a mark below which all is done; of other names as many as one record may hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from platform_assets.connectors.kinds.files.chunk import Spot
from platform_assets.connectors.seam.reader import ConnectorError, Cursor

_RECENT = 500
_MOST = 5000
_LARGEST = 600_000
"""Characters of all names and tags: a cursor is one record."""
_TAGS = 80


@dataclass(frozen=True)
class Found:
    """A file as its place lists it.

    Attributes:
        name: below the folder.
        path: as the place opens it.
        size: bytes as stored; None: the place does not say.
        modified: seconds since 1970; None: the place does not say.
        version: what else tells two states of it apart (an ETag).

    Where none of the three is known, only the content tells.
    """

    name: str
    path: str
    size: int | None
    modified: float | None
    version: str = ""

    @property
    def told(self) -> bool:
        """Whether its place says anything by which two states can be told apart."""
        return self.size is not None or self.modified is not None or bool(self.version)

    def may_be(self, other: Found) -> bool:
        """Whether the other may be the same state: nothing that both say differs."""
        if None not in (self.size, other.size) and self.size != other.size:
            return False
        if self.version and other.version and self.version != other.version:
            return False
        if self.modified is None or other.modified is None:
            return True
        # A listing may be finer than an answer about one file.
        whole = self.modified.is_integer() or other.modified.is_integer()
        one, two = (int(self.modified), int(other.modified)) if whole else (
            self.modified, other.modified)  # fmt: skip
        return one == two

    @property
    def tag(self) -> str:
        """Of this state of the file."""
        text = f"{self.size}/{self.modified}/{self.version}"
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Now:
    """The file under way.

    Attributes:
        name, tag, digest: of the file.
        member: of a zip, by number.
        spot: where its chunk begins.
        skip: rows of that chunk that are in the log.
    """

    name: str
    tag: str
    digest: str
    member: int = 0
    spot: Spot = field(default_factory=Spot)
    skip: int = 0


class Progress:
    """How far a stream is."""

    def __init__(self, source: str, cursor: Cursor | None, *, append_only: bool) -> None:
        given: dict[str, Any] = dict(cursor or {})
        self._source, self._append_only = source, append_only
        self._done: dict[str, list[str]] = dict(given.get("done", {}))
        self._mark: str = given.get("mark", "")
        self._digests = {one[1] for one in self._done.values() if one[1]}
        now = given.get("now")
        self.now = Now(**{**now, "spot": Spot(*now["spot"])}) if now else None

    def knows(self, one: Found) -> bool:
        """Whether this state of a file is done."""
        if self._append_only and one.name <= self._mark and one.name not in self._done:
            return True
        known = self._done.get(one.name)
        return one.told and known is not None and known[0] == one.tag

    def kept(self, one: Found, digest: str) -> bool:
        """Whether this is done already, with this content and under this name."""
        return bool(digest) and self._done.get(one.name) == [one.tag, digest]

    def has(self, digest: str) -> bool:
        """Whether a file of this content is done, under whatever name."""
        return bool(digest) and digest in self._digests

    def at(self, now: Now) -> Cursor:
        """The cursor in the middle of a file."""
        return {
            "done": self._done,
            "mark": self._mark,
            "now": {**now.__dict__, "spot": now.spot.as_json()},
        }

    def finish(self, one: Found, digest: str, listed: Sequence[Found]) -> Cursor:
        """The cursor after a file.

        Raises:
            ConnectorError: more files are there than a cursor can hold.
        """
        self.now = None
        self._done = {**self._done, one.name: [one.tag, digest]}
        if digest:
            self._digests.add(digest)
        if self._append_only:
            for name in sorted(self._done)[:-_RECENT]:
                self._mark = max(self._mark, name)
                del self._done[name]
        elif self._full():
            there = {found.name for found in listed}
            self._done = {name: tag for name, tag in self._done.items() if name in there}
            if self._full():
                raise ConnectorError(
                    f"source {self._source}: {len(self._done):,} files are done and still there, "
                    "more than a cursor holds",
                    "say `append_only: true` where their names grow, or move old ones away",
                )
        return {"done": self._done, "mark": self._mark}

    def _full(self) -> bool:
        if len(self._done) > _MOST:
            return True
        return sum(len(name) for name in self._done) + _TAGS * len(self._done) > _LARGEST
