"""The columnar mapping: equal to the careful conversion, and to JSONata where both can say it."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.mapping import UnmappableError, convert
from platform_assets.connectors.seam.columns import ColumnarMapping, RowMapping
from platform_assets.connectors.seam.convert import convert_column
from platform_assets.connectors.seam.reader import ConnectorError, Page
from platform_assets.connectors.seam.rules import Rule
from platform_assets.contracts.avro import value_schema
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Column, LogicalType
from platform_assets.core.naming import TopicName

TENDER = load_contracts()[TopicName("payments", "tender_transactions")]
texts = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"[ +-]?[0-9]{0,20}(\.[0-9]{0,8})?(e[0-9])?", fullmatch=True),
    st.datetimes().map(str),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.dates().map(str),
    st.sampled_from(
        [
            "true",
            "No",
            "1",
            " ",
            "\x1c",
            "2024-02-30",
            "2024-01-01 12:00:60",
            "0000-01-01",
            "2024-01-01T24:00:00",
            "1_000",
            "٤",
            "9007199254740993.0",
            "NaN",
            "1e999",
        ]
    ),
)
typed = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), min_size=1, max_size=4),
    st.lists(st.floats() | st.none(), min_size=1, max_size=4),
    st.lists(st.booleans() | st.none(), min_size=1, max_size=4),
)


def careful(column: Column, value: Any) -> tuple[Any, str | None]:
    try:
        return convert(column, value), None
    except UnmappableError as error:
        return None, str(error)


@pytest.mark.parametrize("kind", list(LogicalType))
@given(values=st.lists(texts | st.none(), min_size=1, max_size=6))
def test_text_is_converted_as_the_careful_way_does(
    kind: LogicalType, values: list[str | None]
) -> None:
    column = Column("x", kind, "")
    found, errors = convert_column(pl.Series("x", values, dtype=pl.String), column)
    for row, value in enumerate(values):
        assert (found[row], errors.get(row)) == careful(column, value)


@pytest.mark.parametrize("kind", [LogicalType.INTEGER, LogicalType.NUMBER, LogicalType.BOOLEAN])
@given(values=typed)
def test_numbers_are_converted_as_the_careful_way_does(
    kind: LogicalType, values: list[Any]
) -> None:
    column = Column("x", kind, "")
    found, errors = convert_column(pl.Series("x", values), column)
    for row, value in enumerate(values):
        assert (found[row], errors.get(row)) == careful(column, value)


rows = st.fixed_dictionaries(
    {
        "id": st.integers(1, 10**9).map(str) | texts,
        "amount": st.decimals(-1000, 1000, places=2).map(str) | texts,
        "currency": st.sampled_from(["EUR", "GBP", ""]),
        "processed_at": st.datetimes().map(str) | texts,
        "test": st.sampled_from(["true", "false", "maybe"]),
    }
)


@given(found=st.lists(rows, min_size=1, max_size=5))
def test_rules_and_jsonata_give_the_same_records(
    found: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "tender.jsonata"
    path.write_text(
        '{"identity": [id], "occurred_at": processed_at, "after": {"transaction_id": id,'
        ' "amount": amount, "currency": currency, "is_test": test}}'
    )
    encoder = Encoder(TENDER, 1, "shop")
    columns = {
        "transaction_id": Rule(column="id"),
        "amount": Rule(column="amount"),
        "currency": Rule(column="currency"),
        "is_test": Rule(column="test"),
    }
    fast = ColumnarMapping(
        TENDER,
        encoder,
        "shop",
        columns=columns,
        identity=[Rule(column="id")],
        occurred_at=Rule(column="processed_at"),
        op=Rule(constant="c"),
    )
    page = Page(pa.Table.from_pylist(found), None)
    one, other = fast.map(page), RowMapping(TENDER, encoder, "shop", path).map(page)
    assert set(one.refused) == set(other.refused)
    assert [told(value) for _, value in one.records] == [told(value) for _, value in other.records]
    assert [key for key, _ in one.records] == [key for key, _ in other.records]


def told(value: bytes) -> dict[str, Any]:
    schema = fastavro.parse_schema(value_schema(TENDER))
    read = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, schema)
    assert isinstance(read, dict)
    return {name: said for name, said in read.items() if name != "ingested_at"}


@pytest.mark.parametrize(
    ("rule", "given_value", "expected"),
    [
        (Rule(column="x", decimal=",", thousands="."), "1.234,50", 1234.5),
        (Rule(column="x", values={"ten": "10"}), "ten", 10.0),
        (Rule(column="x", path="$.a.b"), '{"a": {"b": 7}}', 7.0),
        (Rule(expression="x || '0'"), "12", 120.0),
        (Rule(constant=3), "ignored", 3.0),
        (Rule(column="x", parse="%d.%m.%Y %H:%M", zone="Europe/Berlin"), "01.07.2026 14:30", None),
    ],
)
def test_a_rule_reads_what_it_says(rule: Rule, given_value: str, expected: float | None) -> None:
    columns = {"amount": rule} if expected is not None else {}
    mapping = ColumnarMapping(
        TENDER,
        Encoder(TENDER, 1, "shop"),
        "shop",
        columns=columns,
        identity=[Rule(constant="1")],
        occurred_at=rule if expected is None else None,
        op=Rule(constant="c"),
    )
    ((_, value),) = mapping.map(Page(pa.table({"x": [given_value]}), None)).records
    read = told(value)
    if expected is None:
        assert str(read["occurred_at"]) == "2026-07-01 12:30:00+00:00"
    else:
        assert read["after"]["amount"] == expected


def test_a_column_that_is_not_there_is_named() -> None:
    mapping = ColumnarMapping(
        TENDER,
        Encoder(TENDER, 1, "shop"),
        "shop",
        columns={"amount": Rule(column="sum")},
        identity=[Rule(column="x")],
        occurred_at=None,
        op=Rule(constant="c"),
    )
    with pytest.raises(ConnectorError, match="no column 'sum'"):
        mapping.map(Page(pa.table({"x": ["1"]}), None))
