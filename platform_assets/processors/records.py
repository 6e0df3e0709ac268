"""Records of the log as rows that pass their contract: decoded and judged as the lake does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from platform_assets.connectors.produce import DEAD_LETTER_BYTES, LONGEST_REASON, Record
from platform_assets.contracts.model import Contract
from platform_assets.engines import layout
from platform_assets.engines.decode import decode, polars_schema
from platform_assets.engines.local.compiled import Compiled
from platform_assets.engines.registry import Lookup
from platform_assets.transform import rows as transform

LETTER_HEADERS = (
    "reason", "processor", "source_topic", "source_partition", "source_offset", "source_bytes",
)  # fmt: skip
"""Of a processor's dead letters, in this order."""


class Taken(Protocol):
    """A record of the log: a Kafka client's message, or what an engine gives instead."""

    def topic(self) -> str | None:
        """Its topic."""
        ...

    def partition(self) -> int | None:
        """Its partition."""
        ...

    def offset(self) -> int | None:
        """Its offset."""
        ...

    def timestamp(self) -> tuple[int, int]:
        """Kind and milliseconds."""
        ...

    def key(self) -> bytes | None:
        """Its key."""
        ...

    def value(self) -> bytes | None:
        """Its value."""
        ...


@dataclass(frozen=True)
class Judged:
    """Records of one topic.

    Attributes:
        rows: those that pass: the contract's columns and ``kafka_partition``, ``kafka_offset``,
            ``kafka_timestamp``.
        unreadable: (place among the records, reason) of those that cannot be decoded.
        rejected: how many break a rule; the lake has them in quarantine.
    """

    rows: pl.DataFrame
    unreadable: list[tuple[int, str]]
    rejected: int


class Judge:
    """Decodes and judges records of one topic; for one thread.

    Args:
        contract: of the topic.
        lookup: of writer schemas.
    """

    def __init__(self, contract: Contract, lookup: Lookup) -> None:
        self._contract, self._lookup = contract, lookup
        self._schema = polars_schema(layout.RAW)
        self._judge = Compiled(lambda frame: transform.judge(contract, frame))

    def __call__(self, messages: Sequence[Taken]) -> Judged:
        """Judge records, in order.

        Raises:
            RegistryUnavailableError: the registry gave no answer; no record is to blame.
        """
        times = pl.Series([message.timestamp()[1] for message in messages], dtype=pl.Int64)
        raw = pl.DataFrame(
            {
                "kafka_partition": [message.partition() for message in messages],
                "kafka_offset": [message.offset() for message in messages],
                "kafka_timestamp": (times * 1000).cast(pl.Datetime("us", "UTC")),
                "kafka_key": [message.key() for message in messages],
                "kafka_headers": [None] * len(messages),
                "kafka_value": [message.value() for message in messages],
            },
            schema=self._schema,
        ).with_columns(pl.lit(0, dtype=pl.Int64).alias("_micro_batch"))
        judged = self._judge(decode(self._contract, raw, self._lookup))
        failed = judged.with_row_index("place").filter(pl.col("decode_error").is_not_null())
        decoded = judged.filter(pl.col("decode_error").is_null())
        rows = decoded.filter(pl.col(transform.RULE).is_null())
        unreadable = list(zip(failed["place"], failed["decode_error"], strict=True))
        return Judged(rows, unreadable, len(decoded) - len(rows))


def dead_letter(topic: str, processor: str, message: Taken, reason: str) -> Record:
    """A record that cannot be processed, for a dead-letter topic; the same has the same key.

    Args:
        topic: the dead-letter topic.
        processor: who could not.
        message: the record.
        reason: why.
    """
    value = message.value() or b""
    place = f"{message.topic()}/{message.partition()}-{message.offset()}"
    texts = (
        f"processor {processor}, {place}: {reason}"[:LONGEST_REASON], processor,
        str(message.topic()), str(message.partition()), str(message.offset()), str(len(value)),
    )  # fmt: skip
    return Record(
        topic,
        place.encode(),
        bytes(value)[:DEAD_LETTER_BYTES],
        tuple((name, text.encode()) for name, text in zip(LETTER_HEADERS, texts, strict=True)),
    )
