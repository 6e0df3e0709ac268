"""The canonical envelope, as a typed value."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from platform_assets.contracts.model import Contract

Op = Literal["c", "u", "d", "r"]
"""created, updated, deleted, read (a snapshot's row)."""

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://weir.example/events")
"""Of the ids of events."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Envelope:
    """One event.

    Attributes:
        event_id: identity; deterministic where the source allows.
        source: the source instance it came from.
        entity: what it is about.
        op: what happened to the entity.
        occurred_at: event time, microseconds since 1970 UTC; None where the source gave none.
        ingested_at: when Weir took it in, microseconds since 1970 UTC.
        before, after: the entity's payload before and after.
    """

    event_id: str | None
    source: str
    entity: str
    op: Op
    occurred_at: int | None
    ingested_at: int
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The envelope as Avro libraries take it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def event_id(*parts: object) -> str:
    """A deterministic id (UUID 5) over what identifies the event at its source."""
    return str(uuid.uuid5(NAMESPACE, "\x1f".join(str(part) for part in parts)))


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC; exact."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def now_micros() -> int:
    """The wall clock in microseconds since 1970 UTC."""
    return micros(datetime.now(UTC))


def kafka_key(contract: Contract, envelope: Mapping[str, Any]) -> bytes | None:
    """The record's key: the contract's key values joined by ``|``; None where one is missing.

    Records with one key share a partition, so the first in the log is the lowest offset.
    """
    payload = envelope.get("after") or envelope.get("before") or {}
    values = []
    for name in contract.key:
        source = contract.column(name).source
        value = payload.get(name) if source == "payload" else envelope.get(source)
        if value is None:
            return None
        values.append(str(value))
    return "|".join(values).encode()
