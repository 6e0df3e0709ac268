"""The wire format: every row of every contract survives encoding, one way and the other."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.connectors.avro_codec import FRAME, Columns, Encoder
from platform_assets.connectors.envelope import kafka_key
from platform_assets.connectors.simulate.weave import keys
from platform_assets.contracts.avro import fingerprint, value_schema
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract, LogicalType

LONGS = st.integers(-(2**63), 2**63 - 1)
MICROS = st.integers(-(10**15), 4 * 10**15)
VALUES: dict[LogicalType, st.SearchStrategy[Any]] = {
    LogicalType.STRING: st.text(),
    LogicalType.INTEGER: LONGS,
    LogicalType.NUMBER: st.floats(allow_nan=False),
    LogicalType.BOOLEAN: st.booleans(),
    LogicalType.DATE: st.integers(-10_000, 30_000),
    LogicalType.TIMESTAMP: MICROS,
}
CONTRACTS = list(load_contracts().values())


@st.composite
def rows(draw: st.DrawFn, contract: Contract) -> list[dict[str, Any]]:
    image = st.fixed_dictionaries(
        {column.name: st.none() | VALUES[column.type] for column in contract.payload_columns}
    )
    row = st.fixed_dictionaries(
        {
            "event_id": st.none() | st.text(),
            "source": st.just("simulator"),
            "entity": st.just(contract.topic.entity),
            "op": st.sampled_from("cudr"),
            "occurred_at": st.none() | MICROS,
            "ingested_at": MICROS,
            "before": st.none() | image,
            "after": st.none() | image,
        }
    )
    return draw(st.lists(row, min_size=1, max_size=6))


def columnar(contract: Contract, envelopes: list[dict[str, Any]]) -> Columns:
    names = [column.name for column in contract.payload_columns]

    def image(which: str) -> dict[str, list[Any]]:
        return {name: [(e[which] or {}).get(name) for e in envelopes] for name in names}

    return Columns(
        event_ids=[e["event_id"] for e in envelopes],
        ops=[e["op"] for e in envelopes],
        occurred_at=[e["occurred_at"] for e in envelopes],
        ingested_at=[e["ingested_at"] for e in envelopes],
        after=image("after"),
        before=image("before"),
        has_after=[e["after"] is not None for e in envelopes],
        has_before=[e["before"] is not None for e in envelopes],
    )


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: str(c.topic))
@settings(max_examples=30)
@given(data=st.data())
def test_rows_survive_and_both_encoders_agree(contract: Contract, data: st.DataObject) -> None:
    envelopes = data.draw(rows(contract))
    encoder = Encoder(contract, 42, "simulator")
    columns = columnar(contract, envelopes)
    values = encoder.encode_columns(columns)
    assert values == [encoder.encode(envelope) for envelope in envelopes]
    assert keys(contract, columns) == [kafka_key(contract, envelope) for envelope in envelopes]
    schema = fastavro.parse_schema(_plain(value_schema(contract)))
    for envelope, value in zip(envelopes, values, strict=True):
        assert FRAME.unpack(value[:5]) == (0, 42)
        assert fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None) == envelope


def _plain(schema: Any) -> Any:
    """The schema without logical types, so that numbers come back as they went in."""
    if isinstance(schema, dict):
        return {key: _plain(value) for key, value in schema.items() if key != "logicalType"}
    return [_plain(item) for item in schema] if isinstance(schema, list) else schema


def test_every_payload_field_may_be_null_and_is_so_by_default() -> None:
    for contract in CONTRACTS:
        fields = {field["name"]: field for field in value_schema(contract)["fields"]}
        for name in ("before", "after"):
            for field in fields[name]["type"][1]["fields"]:
                assert field["type"][0] == "null"
                assert field["default"] is None


def test_schema_reads_in_bulk() -> None:
    polars = pytest.importorskip("polars")
    buffer = io.BytesIO()
    fastavro.writer(buffer, fastavro.parse_schema(value_schema(CONTRACTS[0])), [])
    buffer.seek(0)
    assert "after" in polars.read_avro(buffer).columns


def test_fingerprint_follows_the_schema() -> None:
    assert len({fingerprint(contract) for contract in CONTRACTS}) == len(CONTRACTS)
    assert fingerprint(CONTRACTS[0]) == fingerprint(CONTRACTS[0])
