"""Why a topic is halted, over which records, and whether a person may let it continue all the same.

An acceptance is a copy of the halt that the person saw: it lets those records through for that
reason, once, and nothing that comes later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from platform_assets.engines.base import MicroBatch, OffsetRange


class Reason(StrEnum):
    """What kind of halt it is; ``ROWS`` and ``GAP`` can be accepted."""

    ROWS = "rows"
    GAP = "gap"
    REFUSED = "refused"
    RECORDS = "records"
    OTHER = "other"


ACCEPTABLE = {
    Reason.ROWS: "publishes micro-batch {batch} ({offsets}) although its rows were refused",
    Reason.GAP: "continues after {offsets}, which are lost",
}
"""What accepting a halt does."""

REMEDY = {
    Reason.ROWS: "the same micro-batch {batch} is checked again and halts again unless its "
    "contract is fixed; --accept publishes it as it is",
    Reason.GAP: "the log is looked at again and halts again unless the records are back; "
    "--accept continues without them",
    Reason.REFUSED: "topic and schema are registered again, and the topic halts again if they "
    "are still refused",
    Reason.RECORDS: "the records are looked for again, and the topic halts again unless bronze "
    "or the log holds all of them",
    Reason.OTHER: "the same records are tried again, and the topic halts again if the cause is "
    "still there",
}
"""What resuming a halted topic does."""


@dataclass(frozen=True)
class Halt:
    """One halt.

    Attributes:
        reason: its kind.
        batch: the micro-batch that was held; 0 where none was.
        ranges: the micro-batch's offsets, or of a gap those that are lost.
    """

    reason: Reason
    batch: int = 0
    ranges: tuple[OffsetRange, ...] = ()

    @classmethod
    def parse(cls, stored: dict[str, Any] | None) -> Halt | None:
        """From what :meth:`stored` gave."""
        if stored is None:
            return None
        ranges = tuple(OffsetRange(*item) for item in stored["ranges"])
        return cls(Reason(stored["reason"]), stored["batch"], ranges)

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        ranges = [[item.partition, item.start, item.end] for item in self.ranges]
        return {"reason": self.reason.value, "batch": self.batch, "ranges": ranges}

    def covers(self, batch: MicroBatch) -> bool:
        """Whether accepting it lets this micro-batch through: the same id, the same records."""
        same = sorted(self.ranges) == sorted(batch.ranges)
        return self.reason is Reason.ROWS and self.batch == batch.id and same

    def accepting(self) -> str:
        """What accepting it does, in words; empty where it cannot be accepted."""
        return self._said(ACCEPTABLE.get(self.reason, ""))

    def resuming(self) -> str:
        """What resuming without accepting does, in words."""
        return self._said(REMEDY[self.reason])

    def _said(self, text: str) -> str:
        return text.format(batch=self.batch, offsets=spoken(self.ranges))


def spoken(ranges: Iterable[OffsetRange]) -> str:
    """Offsets in words, e.g. ``partition 0: offsets 5 to 9``."""
    return ", ".join(
        f"bulk file {-item.partition}: records {item.start} to {item.end - 1}"
        if item.is_file
        else f"partition {item.partition}: offsets {item.start} to {item.end - 1}"
        for item in sorted(ranges)
    )
