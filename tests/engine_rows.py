"""Raw records for engine tests, and the model that says what must become of them.

Belongs here: making records of any kind and reading tables back for comparison. Does not
belong here: tests.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import fastavro
import polars as pl
from hypothesis import strategies as st

from platform_assets.contracts.avro import value_schema
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract, TopicKind
from platform_assets.core.naming import TableName, TopicName
from platform_assets.engines import layout
from platform_assets.engines.avro import WriterSchema
from platform_assets.engines.base import MicroBatch, OffsetRange, Published, Taken

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLICKS = load_contracts()[TopicName("commerce", "clickstream")]
CUSTOMERS = load_contracts()[TopicName("commerce", "customers")]
INVOICES = load_contracts()[TopicName("retail", "invoice_lines")]
HEADER = b"\x00\x00\x00\x00\x01"


class Schemas:
    """A registry in memory; can be pickled."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def __call__(self, schema_id: int) -> WriterSchema | None:
        if not 1 <= schema_id <= len(self.texts):
            return None
        return WriterSchema.parse(schema_id, self.texts[schema_id - 1])


def schemas(contract: Contract) -> Schemas:
    return Schemas(json.dumps(value_schema(contract)))


def encode(contract: Contract, record: dict[str, Any], schema: Any = None) -> bytes:
    stream = io.BytesIO()
    parsed = fastavro.parse_schema(json.loads(json.dumps(schema or value_schema(contract))))
    fastavro.schemaless_writer(stream, parsed, record)
    return stream.getvalue()


def click(
    number: int, minutes: int = 0, event_type: str = "view", price: float = 0.0, user: int = 1
) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "source": "test",
        "entity": "clickstream",
        "op": "c",
        "occurred_at": NOON + timedelta(minutes=minutes),
        "ingested_at": NOON,
        "before": None,
        "after": {"user_id": user, "product_id": 1, "event_type": event_type, "price": price},
    }


def change(number: int, user: int, minutes: int, op: str = "u", name: str = "A") -> dict[str, Any]:
    image = {
        "user_id": user, "name": name, "email": f"u{user}@example.org", "country": "DE",
        "segment": "consumer",
    }  # fmt: skip
    return {
        "event_id": f"c{number}",
        "source": "test",
        "entity": "customers",
        "op": op,
        "occurred_at": NOON + timedelta(minutes=minutes),
        "ingested_at": NOON,
        "before": image if op == "d" else None,
        "after": None if op == "d" else image,
    }


@dataclass
class Log:
    """A topic's log in memory, cut into micro-batches."""

    contract: Contract
    values: dict[int, list[bytes | None]]
    batches: list[MicroBatch]

    def raw(self, batches: Sequence[MicroBatch]) -> pl.DataFrame:
        rows = [
            {
                "kafka_partition": item.partition,
                "kafka_offset": offset,
                "kafka_timestamp": NOON + timedelta(seconds=offset),
                "kafka_key": b"k",
                "kafka_headers": None,
                "kafka_value": self.values[item.partition][offset],
            }
            for batch in batches
            for item in batch.ranges
            for offset in range(item.start, item.end)
        ]
        schema = pl.DataFrame(layout.RAW.empty_table()).schema
        return pl.DataFrame(rows, schema=schema).sort("kafka_partition", "kafka_offset")


def cut(contract: Contract, values: dict[int, list[bytes | None]], sizes: Sequence[int]) -> Log:
    """Cut a log into micro-batches of these sizes per partition; the last takes the rest."""
    at = dict.fromkeys(values, 0)
    batches = []
    for number, size in enumerate([*sizes, 10**9], start=1):
        ranges = []
        for partition, log in values.items():
            end = min(at[partition] + size, len(log))
            if end > at[partition]:
                ranges.append(OffsetRange(partition, at[partition], end))
            at[partition] = end
        batches.append(MicroBatch(number, tuple(ranges)))
    return Log(contract, values, batches)


def publish(engine: Any, log: Log, batches: Sequence[MicroBatch]) -> Published:
    """Take a span through every step, as the stream does."""
    raw = log.raw(batches)
    frame = raw
    if engine.name == "spark":
        frame = engine.frame(raw.to_arrow().cast(layout.RAW))
    taken = Taken(frame, tuple(r for b in batches for r in b.ranges), len(raw), 0)
    bronze = engine.decode(log.contract, batches, taken)
    engine.write_bronze(log.contract, batches, bronze)
    return replay(engine, log, batches)


def replay(engine: Any, log: Log, batches: Sequence[MicroBatch]) -> Published:
    """Publish from bronze."""
    checked = engine.check(log.contract, engine.read_bronze(log.contract, batches))
    published: Published = engine.publish(log.contract, batches, checked)
    return published


def tables(root: str, contract: Contract) -> dict[str, list[dict[str, Any]]]:
    """Every table of a topic, its rows in a fixed order."""
    return {name.sql: rows(root, name) for name in contract.tables}


def rows(root: str, name: TableName) -> list[dict[str, Any]]:
    frame = pl.read_delta(f"{root}/{name.path}")
    return sorted(frame.to_dicts(), key=lambda row: json.dumps(row, default=str, sort_keys=True))


def same(got: dict[str, list[dict[str, Any]]], expected: dict[str, list[dict[str, Any]]]) -> None:
    """Compare tables row by row, naming the first difference."""
    assert got.keys() == expected.keys()
    for table, content in expected.items():
        assert len(got[table]) == len(content), f"{table}: {len(got[table])} != {len(content)}"
        for left, right in zip(got[table], content, strict=True):
            differing = {
                name: (left[name], right[name]) for name in left if left[name] != right[name]
            }
            assert not differing, f"{table}: {differing}"


def silver_of(contract: Contract) -> TableName:
    changing = contract.kind is TopicKind.CHANGE
    return contract.topic.history if changing else contract.topic.silver


@st.composite
def clicks(draw: st.DrawFn) -> bytes | None:
    """A record of a click: good, broken in a known way, damaged, or nothing at all."""
    record = click(
        draw(st.integers(0, 12)),
        draw(st.sampled_from([0, 1, 30, -90, -1500, 90])),
        draw(st.sampled_from(["view", "cart", "purchase", "jump"])),
        draw(st.sampled_from([0.0, 2.5, -1.0, float("nan")])),
    )
    if draw(st.integers(0, 9)) == 0:
        record["event_id"] = None
    if draw(st.integers(0, 9)) == 0:
        record["occurred_at"] = None
    if draw(st.integers(0, 9)) == 0:
        record["after"]["user_id"] = draw(st.sampled_from([None, 0, 10_001, 2**62]))
    body = HEADER + encode(CLICKS, record)
    damage = draw(st.integers(0, 19))
    if damage == 0:
        return None
    if damage == 1:
        return b""
    if damage == 2:
        return body[: draw(st.integers(1, len(body) - 1))]
    if damage == 3:
        return body + draw(st.binary(min_size=1, max_size=4))
    if damage == 4:
        at = draw(st.integers(0, len(body) - 1))
        return body[:at] + draw(st.binary(min_size=1, max_size=1)) + body[at + 1 :]
    return body


@st.composite
def logs(draw: st.DrawFn) -> Log:
    values = {partition: draw(st.lists(clicks(), min_size=1, max_size=14)) for partition in (0, 1)}
    sizes = draw(st.lists(st.integers(1, 6), max_size=3))
    return cut(CLICKS, values, sizes)


@st.composite
def change_logs(draw: st.DrawFn) -> Log:
    def one() -> bytes:
        return HEADER + encode(
            CUSTOMERS,
            change(
                draw(st.integers(0, 10)),
                draw(st.integers(1, 3)),
                draw(st.integers(-3, 3)),
                draw(st.sampled_from("ccuud")),
                draw(st.sampled_from("AB")),
            ),
        )

    values = {partition: [one() for _ in range(draw(st.integers(1, 10)))] for partition in (0, 1)}
    return cut(CUSTOMERS, values, draw(st.lists(st.integers(1, 4), max_size=3)))
