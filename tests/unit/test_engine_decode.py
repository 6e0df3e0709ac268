"""The decoder: exact on damaged bodies, lossless on foreign types."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from platform_assets.connectors.avro_arrow import Series, SeriesEncoder
from platform_assets.connectors.registry import RegistryAwayError
from platform_assets.contracts.model import Column, LogicalType
from platform_assets.core.settings import Settings
from platform_assets.engines import avro, layout, registry
from platform_assets.engines.decode import Known, decode, decoded
from platform_assets.engines.fit import fit
from platform_assets.engines.registry import RegistryUnavailableError, WriterSchemas
from tests import engine_rows as rows


def _decoded(values: list[bytes | None], lookup: Any = None) -> pl.DataFrame:
    log = rows.cut(rows.CLICKS, {0: values}, [])
    raw = log.raw(log.batches[:1]).with_columns(pl.lit(1, dtype=pl.Int64).alias("_micro_batch"))
    return decode(rows.CLICKS, raw, lookup or rows.schemas(rows.CLICKS))


def _body(number: int, **values: Any) -> bytes:
    return rows.HEADER + rows.encode(rows.CLICKS, rows.click(number, **values))


@given(st.lists(rows.clicks(), min_size=1, max_size=30))
@settings(max_examples=150)
def test_every_record_decodes_as_it_does_alone(values: list[bytes | None]) -> None:
    frame = _decoded(values)
    assert frame["kafka_value"].to_list() == values
    writer = rows.schemas(rows.CLICKS)(1)
    assert writer is not None
    assert writer.bulk
    for value, row in zip(values, frame.iter_rows(named=True), strict=True):
        if row["decode_error"] is not None:
            continue
        assert value is not None
        record = avro.decode_one(writer, value[5:])
        after = record["after"] or {}
        assert row["event_id"] == record["event_id"]
        assert row["occurred_at"] == record["occurred_at"]
        assert row["user_id"] == after.get("user_id")
        assert row["event_type"] == after.get("event_type")


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (None, "empty value"),
        (b"", "empty value"),
        (b"\x00\x00\x00", "framing"),
        (b'{"user_id": 1}', "framing"),
        (b"\x00\x00\x00\x00\x63abc", "schema id 99 is not in the registry"),
        (_body(1) + b"!!", "2 bytes too many"),
        (_body(1)[:-3], "does not fit schema 1"),
    ],
)
def test_a_poison_record_names_its_cause_and_spoils_no_neighbour(
    value: bytes | None, cause: str
) -> None:
    frame = _decoded([_body(1), value, _body(2)])
    assert frame["event_id"].to_list() == ["e1", None, "e2"]
    first, error, last = frame["decode_error"].to_list()
    assert (first, last) == (None, None)
    assert cause in error


def test_a_retyped_added_and_removed_source_column() -> None:
    schema = rows.value_schema(rows.CLICKS)
    for image in schema["fields"][-2:]:
        image["type"][1]["fields"] = [
            {"name": "user_id", "type": ["null", "string"], "default": None},
            {"name": "event_type", "type": ["null", "string"], "default": None},
            {"name": "price", "type": ["null", "long"], "default": None},
            {"name": "device", "type": ["null", "string"], "default": None},
        ]
    lookup = rows.Schemas(json.dumps(rows.value_schema(rows.CLICKS)), json.dumps(schema))

    def body(user: str) -> bytes:
        record = rows.click(1)
        record["after"] = {"user_id": user, "event_type": "view", "price": 3, "device": "phone"}
        return b"\x00\x00\x00\x00\x02" + rows.encode(rows.CLICKS, record, schema)

    frame = _decoded([_body(7), body("12"), body("abc"), _body(8)], lookup)
    assert frame["user_id"].to_list() == [1, 12, None, 1]
    assert frame["product_id"].to_list() == [1, None, None, 1]
    assert frame["price"].to_list() == [0.0, 3.0, 3.0, 0.0]
    assert frame["schema_id"].to_list() == [1, 2, 2, 1]
    assert frame["type_errors"].to_list() == [
        None, None, "user_id: 'abc' is not an integer", None,
    ]  # fmt: skip


def test_unions_enums_and_references_go_record_by_record() -> None:
    schema = rows.value_schema(rows.CLICKS)
    for image in schema["fields"][-2:]:
        image["type"][1]["fields"][0]["type"] = ["null", "long", "string"]
    schema["fields"][-1]["type"] = ["null", schema["fields"][-2]["type"][1]["name"]]
    text = json.dumps(schema)
    writer = avro.WriterSchema.parse(1, text)
    assert not writer.bulk
    numbers, words = rows.click(1), rows.click(2)
    words["after"]["user_id"] = "17"
    frame = _decoded(
        [rows.HEADER + rows.encode(rows.CLICKS, r, schema) for r in (numbers, words)]
        + [rows.HEADER + b"\xff"],
        rows.Schemas(text),
    )
    assert frame["user_id"].to_list() == [1, 17, None]
    assert [error is None for error in frame["decode_error"]] == [True, True, False]


def test_a_schema_that_is_no_envelope_is_a_decode_error() -> None:
    flat = json.dumps({"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]})
    error = _decoded([rows.HEADER + b"\x02"], rows.Schemas(flat))["decode_error"][0]
    assert error == "schema 1 is not an envelope: it lacks after, op"


def test_a_silent_registry_blames_no_record() -> None:
    lookup = WriterSchemas(Settings(registry_url="http://127.0.0.1:9", request_timeout_seconds=0.2))
    with pytest.raises(RegistryUnavailableError, match="weir status"):
        _decoded([_body(1)], lookup)


def test_a_registry_that_is_rebuilt_is_asked_again_and_one_that_is_away_is_not_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: list[str | Exception | None] = []
    now = [1_000.0]

    class Fake:
        def __init__(self, _: Settings) -> None:
            pass

        def schema(self, _: int) -> str | None:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    monkeypatch.setattr(registry, "SchemaRegistry", Fake)
    monkeypatch.setattr(registry.time, "time", lambda: now[0])
    lookup = WriterSchemas(Settings())
    one, two = '{"type": "string"}', '{"type": "long"}'

    def text_after(seconds: float, *told: str | Exception | None) -> str | None:
        now[0] += seconds
        answers[:] = told
        found = lookup(7)
        assert not answers, "asked as often as expected"
        return None if found is None else found.text

    assert text_after(0, None) is None
    assert text_after(1, one) == one
    assert text_after(59) == one
    assert text_after(2, RegistryAwayError("no answer")) == one
    assert text_after(30) == one, "not asked at every record while it is away"
    assert text_after(31, None) == one, "a registry that lost the id"
    assert text_after(61, "no schema") == one
    assert text_after(61, two) == two


@pytest.mark.parametrize(
    ("values", "logical", "cast"),
    [
        (["12", "abc", None, "1.5"], LogicalType.INTEGER, [12, None, None, None]),
        (["1.5", "nan", "x"], LogicalType.NUMBER, [1.5, None, None]),
        ([1.0, 2.5, float("inf")], LogicalType.INTEGER, [1, None, None]),
        ([1, 2**60 + 1], LogicalType.NUMBER, [1.0, None]),
        ([1, 2], LogicalType.STRING, ["1", "2"]),
        (["true", "yes"], LogicalType.BOOLEAN, [True, None]),
        ([0, 1, 2], LogicalType.BOOLEAN, [False, True, None]),
        (["2026-01-02", "2.1.2026"], LogicalType.DATE, [date(2026, 1, 2), None]),
        (
            ["2026-01-02T03:04:05+01:00", "2026-01-02T03:04:05"],
            LogicalType.TIMESTAMP,
            [datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC), None],
        ),
        ([5], LogicalType.TIMESTAMP, [None]),
    ],
)
def test_casts_are_lossless_or_type_errors(
    values: list[Any], logical: LogicalType, cast: list[Any]
) -> None:
    series = pl.Series("v", values, strict=False)
    got, wrong = fit(series, logical)
    assert got.to_list() == cast
    lost = [v is not None and c is None for v, c in zip(values, cast, strict=True)]
    assert (wrong.to_list() if wrong is not None else [False] * len(values)) == lost


def test_moments_outside_the_calendar_are_type_errors() -> None:
    series = pl.Series("t", [2**62, 0]).cast(pl.Datetime("us", "UTC"))
    got, wrong = fit(series, LogicalType.TIMESTAMP)
    assert got.null_count() == 1
    assert wrong is not None


DAYS = {"type": "int", "logicalType": "date"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}


@given(st.data())
@settings(max_examples=60)
def test_no_day_and_no_moment_of_a_writer_stops_the_others(data: st.DataObject) -> None:
    kinds = {
        name: data.draw(st.sampled_from([DAYS, MILLIS, MICROS]), label=name)
        for name in ("user_id", "event_type", "price")
    }
    schema = rows.value_schema(rows.CLICKS)
    for image in schema["fields"][-2:]:
        for field in image["type"][1]["fields"]:
            if field["name"] in kinds:
                field["type"] = ["null", kinds[field["name"]]]
    lookup = rows.Schemas(json.dumps(rows.value_schema(rows.CLICKS)), json.dumps(schema))
    record = rows.click(7)
    images = []
    for _ in range(2):
        numbers = {
            name: data.draw(st.integers(-(2**bits), 2**bits - 1))
            for name, bits in ((name, 31 if kind is DAYS else 63) for name, kind in kinds.items())
        }
        images.append({**record["after"], **numbers})
    record["after"], record["before"] = images
    odd = b"\x00\x00\x00\x00\x02" + rows.encode(rows.CLICKS, record, schema)

    frame = _decoded([_body(1), odd, _body(2)], lookup)
    assert frame["event_id"].to_list() == ["e1", "e7", "e2"]
    assert frame["decode_error"].to_list() == [None, None, None]
    first, told, last = frame["type_errors"].to_list()
    assert (first, last) == (None, None)
    # Neither of them is a number, whatever day it is.
    assert "user_id" in told
    assert "price" in told
    before = json.loads(frame["before"][1])
    assert set(kinds) <= set(before)


@pytest.mark.parametrize(
    ("dtype", "logical"),
    [
        (pl.Date(), LogicalType.DATE),
        (pl.Date(), LogicalType.STRING),
        (pl.Datetime("us"), LogicalType.DATE),
        (pl.Datetime("ms", "UTC"), LogicalType.DATE),
        (pl.Datetime("ms", "UTC"), LogicalType.TIMESTAMP),
        (pl.Datetime("us"), LogicalType.TIMESTAMP),
        (pl.Datetime("ms"), LogicalType.STRING),
    ],
)
def test_what_no_calendar_names_is_no_value_of_any_type(
    dtype: pl.DataType, logical: LogicalType
) -> None:
    most = 2**31 - 1 if dtype == pl.Date else 2**63 - 1
    values = pl.Series("v", [0, most, -most, None], dtype=pl.Int64).cast(
        pl.Int32 if dtype == pl.Date else pl.Int64
    )
    got, wrong = fit(values.cast(dtype), logical)
    assert got.is_null().to_list() == [False, True, True, True]
    assert wrong is not None
    assert wrong.to_list() == [False, True, True, False]


DECIMAL = {"type": "bytes", "logicalType": "decimal"}
FIXED = {"type": "fixed", "name": "money", "size": 8, "logicalType": "decimal"}


def _priced(kind: dict[str, Any], values: list[Decimal | None]) -> pl.DataFrame:
    """Events of a writer whose price is a decimal."""
    schema = rows.value_schema(rows.CLICKS)
    named: Any = kind
    for image in schema["fields"][-2:]:
        for field in image["type"][1]["fields"]:
            if field["name"] == "price":
                field["type"] = ["null", named]
                named = kind.get("name", kind)
    lookup = rows.Schemas(json.dumps(rows.value_schema(rows.CLICKS)), json.dumps(schema))
    bodies: list[bytes | None] = []
    for number, value in enumerate(values):
        record = rows.click(number)
        record["after"]["price"] = value
        bodies.append(b"\x00\x00\x00\x00\x02" + rows.encode(rows.CLICKS, record, schema))
    return _decoded(bodies, lookup)


@pytest.mark.parametrize("kind", [DECIMAL, FIXED], ids=["bytes", "fixed"])
@pytest.mark.parametrize("precision", [10, 18])
def test_a_decimal_price_arrives_as_it_was_written(kind: dict[str, Any], precision: int) -> None:
    texts = ["19.99", "0.07", "-0.01", "99999999.99", "1.10", "0.00"]
    values = [None if text is None else Decimal(text) for text in (*texts, None)]
    frame = _priced({**kind, "precision": precision, "scale": 2}, values)
    assert frame["price"].to_list() == [*(float(text) for text in texts), None]
    assert frame["decode_error"].to_list() == [None] * len(values)
    assert frame["type_errors"].to_list() == [None] * len(values)


@settings(max_examples=30)
@given(st.lists(st.decimals(-(10**13), 10**13, places=2), min_size=1, max_size=8))
def test_a_decimal_of_fifteen_digits_loses_nothing(values: list[Decimal]) -> None:
    frame = _priced({**DECIMAL, "precision": 18, "scale": 2}, list(values))
    assert frame["price"].to_list() == [float(value) for value in values]
    assert frame["type_errors"].null_count() == len(values)


def test_a_decimal_that_no_float_holds_is_a_type_error_and_not_rounded() -> None:
    value = Decimal("1234567890123456.1234567891")
    frame = _priced({**DECIMAL, "precision": 38, "scale": 10}, [value])
    assert frame["price"].to_list() == [None]
    assert "price: '1234567890123456.1234567891' is not a number" in frame["type_errors"][0]


TYPED = replace(
    rows.INVOICES,
    columns=(
        *rows.INVOICES.columns,
        *(Column(kind.value, kind, "") for kind in LogicalType),
    ),
)
_NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.none()
_MOMENTS = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999) | st.none()
"""Microseconds of the years 1 to 9999: a mapping gives no others."""
_VALUES: dict[LogicalType, tuple[Any, Any]] = {
    LogicalType.STRING: (st.text(max_size=40) | st.none(), pl.String),
    LogicalType.INTEGER: (_NUMBERS, pl.Int64),
    LogicalType.NUMBER: (st.floats() | st.none(), pl.Float64),
    LogicalType.BOOLEAN: (st.booleans() | st.none(), pl.Boolean),
    LogicalType.DATE: (st.integers(-719_162, 2_932_896) | st.none(), pl.Int64),
    LogicalType.TIMESTAMP: (_MOMENTS, pl.Int64),
}


@given(data=st.data(), count=st.integers(1, 3), bare=st.booleans())
@settings(max_examples=25, deadline=None)
def test_rows_known_before_they_are_encoded_are_those_that_are_decoded(
    data: st.DataObject, count: int, bare: bool
) -> None:
    """With every kind of value that a mapping gives, and more; ``bare``: all columns null."""

    def series(kind: LogicalType, empty: bool = False) -> pl.Series:
        values, dtype = _VALUES[kind]
        if empty:
            return pl.Series([None] * count, dtype=pl.Null)
        return pl.Series(data.draw(st.lists(values, min_size=count, max_size=count)), dtype=dtype)

    made = Series(
        series(LogicalType.STRING),
        pl.Series(data.draw(st.lists(st.sampled_from("cudr"), min_size=count, max_size=count))),
        series(LogicalType.TIMESTAMP),
        data.draw(st.integers(0, 2**50)),
        {column.name: series(column.type, bare) for column in TYPED.payload_columns},
    )
    raw = pl.DataFrame(
        {
            "kafka_partition": pl.repeat(-1, count, eager=True, dtype=pl.Int32),
            "kafka_offset": range(1, count + 1),
            "kafka_timestamp": pl.repeat(rows.NOON, count, eager=True),
            "kafka_key": pl.repeat(b"k", count, eager=True),
            "kafka_headers": pl.Series([None] * count, dtype=pl.Null),
            "kafka_value": pl.Series(SeriesEncoder(TYPED, 1, "shop").array(made), dtype=pl.Binary),
        },
    ).cast(dict(pl.DataFrame(layout.RAW.empty_table()).schema))  # type: ignore[arg-type]
    known = Known("shop", TYPED.topic.entity, 1)
    numbered = raw.with_columns(pl.lit(0, dtype=pl.Int64).alias("_micro_batch"))
    expected = decode(TYPED, numbered, rows.schemas(TYPED))
    assert expected["decode_error"].null_count() == count
    assert_frame_equal(decoded(TYPED, raw, made, known), expected)
