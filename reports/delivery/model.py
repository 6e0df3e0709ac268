"""A delivery on record: its key, its states, its row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """What became of a delivery."""

    PENDING = "pending"
    """Begun; a crash leaves it so, and it may or may not have gone out."""
    SENT = "sent"
    FAILED = "failed"
    """The last attempt failed; another follows."""
    DEAD = "dead"
    """Given up: refused, or every attempt failed."""
    HELD = "held"
    """The report may not be delivered."""


class Key(NamedTuple):
    """What a delivery is of and for: once, whatever runs."""

    report: str
    period: str
    recipient: str

    @property
    def retry_command(self) -> str:
        """What a person types to have it sent after it was given up."""
        return (
            f"weir deliveries retry --report {self.report} --period {self.period} "
            f"--recipient '{self.recipient}'"
        )


@dataclass(frozen=True)
class Delivery:
    """A row of the log.

    Attributes:
        key: report, period and recipient.
        state: what became of it.
        attempts: attempts of the current sending, the running one included.
        sendings: 1, and one more each time that sending again was asked for.
        last_error: of the last attempt; after a success, what is missing from it.
        document_digest: SHA-256 of the document of the last attempt.
        message_id: as the other side knows it.
        created_at: when it was first asked for.
        updated_at: of the last change.
        sent_at: when the other side took it, the last time.
        alerted_at: when an alert about its present state went out.
    """

    key: Key
    state: State
    attempts: int
    sendings: int
    last_error: str
    document_digest: str
    message_id: str
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None
    alerted_at: datetime | None
