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

from platform_assets.connectors.avro_arrow import Series, SeriesEncoder
from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.envelope import event_id
from platform_assets.connectors.event_ids import event_ids
from platform_assets.connectors.mapping import UnmappableError, convert
from platform_assets.connectors.seam.columns import ColumnarMapping, RowMapping, json_rows
from platform_assets.connectors.seam.convert import convert_columns
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
    st.dates().map(lambda day: f"{day}Z"),
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
    ((found, errors),) = convert_columns([(pl.Series("x", values, dtype=pl.String), column)])
    for row, value in enumerate(values):
        assert (found[row], errors.get(row)) == careful(column, value)


@pytest.mark.parametrize("kind", [LogicalType.INTEGER, LogicalType.NUMBER, LogicalType.BOOLEAN])
@given(values=typed)
def test_numbers_are_converted_as_the_careful_way_does(
    kind: LogicalType, values: list[Any]
) -> None:
    column = Column("x", kind, "")
    ((found, errors),) = convert_columns([(pl.Series("x", values), column)])
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


@given(day=st.integers(-(2**31), 2**31 - 1), moment=st.integers(-(2**63), 2**63 - 1))
def test_a_day_that_no_calendar_names_costs_its_own_row(day: int, moment: int) -> None:
    mapping = ColumnarMapping(
        TENDER,
        Encoder(TENDER, 1, "shop"),
        "shop",
        columns={"transaction_id": Rule(column="id"), "currency": Rule(column="day")},
        identity=[Rule(column="id"), Rule(column="day")],
        occurred_at=Rule(column="at"),
        op=Rule(constant="c"),
    )
    days = pa.array([0, day], pa.int32()).cast(pa.date32())
    moments = pa.array([0, moment], pa.int64()).cast(pa.timestamp("us"))
    page = Page(pa.table({"id": [1, 2], "day": days, "at": moments}), None)
    mapped = mapping.map(page)
    assert 0 not in mapped.refused
    assert len(mapped.values) + len(mapped.refused) == 2
    assert [row["id"] for row in json_rows(page)] == [1, 2]


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


@given(
    ids=st.lists(st.tuples(st.text(max_size=9), st.integers(-5, 10**12)), min_size=1, max_size=5)
)
def test_ids_in_bulk_are_those_of_each_event(ids: list[tuple[str, int]]) -> None:
    parts = [
        pl.Series([text for text, _ in ids], dtype=pl.String),
        pl.Series([number for _, number in ids]).cast(pl.String),
    ]
    assert event_ids("shop", parts).to_pylist() == [event_id("shop", *one) for one in ids]


@given(
    found=st.lists(
        st.fixed_dictionaries(
            {
                "id": st.text(max_size=200) | st.none(),
                "at": st.integers(-(2**63), 2**63 - 1) | st.none(),
                "number": st.floats(allow_nan=False) | st.none(),
                "whole": st.integers(-(2**63), 2**63 - 1) | st.none(),
                "flag": st.booleans() | st.none(),
                "op": st.sampled_from("cudr"),
                "after": st.booleans(),
                "before": st.booleans(),
            }
        ),
        min_size=1,
        max_size=5,
    ),
    changes=st.booleans(),
)
def test_columns_are_coded_as_avro_codes_each_record(
    found: list[dict[str, Any]], changes: bool
) -> None:
    """By Arrow and by the library, for rows with every kind of value and without."""
    schema = {column.name: column.type for column in TENDER.payload_columns}
    source = {
        LogicalType.STRING: ("id", pl.String), LogicalType.INTEGER: ("whole", pl.Int64),
        LogicalType.NUMBER: ("number", pl.Float64), LogicalType.BOOLEAN: ("flag", pl.Boolean),
        LogicalType.DATE: ("day", pl.Int64), LogicalType.TIMESTAMP: ("at", pl.Int64),
    }  # fmt: skip
    for row in found:
        row["day"] = row["whole"] % 10_000 if row["whole"] is not None else None

    def series(name: str, kind: Any) -> pl.Series:
        return pl.Series(name, [row[name] for row in found], dtype=kind)

    image = {name: series(*source[kind]) for name, kind in schema.items()}
    made = Series(
        series("id", pl.String), series("op", pl.String), series("at", pl.Int64), 77, image,
        image if changes else None,
        series("after", pl.Boolean) if changes else None,
        series("before", pl.Boolean) if changes else None,
    )  # fmt: skip
    encoder = Encoder(TENDER, 7, "shop")
    expected = []
    for row in found:
        values = {name: row[source[kind][0]] for name, kind in schema.items()}
        expected.append(
            encoder.encode(
                {
                    "event_id": row["id"], "source": "shop", "entity": TENDER.topic.entity,
                    "op": row["op"], "occurred_at": row["at"], "ingested_at": 77,
                    "before": values if changes and row["before"] else None,
                    "after": values if row["after"] or not changes else None,
                }
            )
        )  # fmt: skip
    assert SeriesEncoder(TENDER, 7, "shop").encode(made) == expected
