"""Records of the log to bronze rows; the same code on every engine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from platform_assets.connectors import calendar
from platform_assets.connectors.avro_arrow import Series
from platform_assets.contracts.model import Contract, LogicalType
from platform_assets.engines import avro, layout
from platform_assets.engines.fit import POLARS, explain, fit
from platform_assets.engines.registry import Lookup

FRAME_BYTES = 5
"""Magic byte 0 and a four-byte schema id."""

_ENVELOPE = {
    "event_id": LogicalType.STRING,
    "source": LogicalType.STRING,
    "entity": LogicalType.STRING,
    "op": LogicalType.STRING,
    "occurred_at": LogicalType.TIMESTAMP,
    "ingested_at": LogicalType.TIMESTAMP,
}
_NEEDED = {"op", "after"}
_ROW = "_row"


def polars_schema(schema: Any) -> dict[str, pl.DataType]:
    """Arrow columns as Polars columns."""
    return dict(pl.Schema(pl.DataFrame(schema.empty_table()).schema))


def decode(contract: Contract, raw: pl.DataFrame, lookup: Lookup) -> pl.DataFrame:
    """Turn raw records with their ``_micro_batch`` into bronze rows, in the order given.

    Nothing is dropped: a record that cannot be decoded keeps its bytes and gets a
    ``decode_error``; a value that does not fit its column becomes null and is named in
    ``type_errors``. Columns that the writer lacks are null, columns that the contract lacks
    stay in the bytes alone.

    Raises:
        RegistryUnavailableError: the registry gave no answer (no record is to blame).
    """
    schema = polars_schema(layout.bronze_schema(contract))
    marks = raw.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias(_ROW),
        pl.col("kafka_value").bin.size().fill_null(0).alias("size"),
        pl.col("kafka_value").bin.slice(0, 1).alias("magic"),
        pl.col("kafka_value")
        .bin.slice(1, 4)
        .bin.reinterpret(dtype=pl.Int32, endianness="big")
        .alias("schema_id"),
    )
    framed = (pl.col("magic") == b"\x00") & (pl.col("size") >= FRAME_BYTES)
    unframed = marks.filter(~framed.fill_null(value=False)).select(
        _ROW,
        pl.when(pl.col("size") == 0)
        .then(pl.lit("empty value"))
        .otherwise(pl.lit("not in the registry's framing (magic byte 0, four-byte schema id)"))
        .alias("decode_error"),
    )
    parts = [unframed] if len(unframed) else []
    good = marks.filter(framed)
    for schema_id in good["schema_id"].unique().sort().to_list():
        rows = good.filter(pl.col("schema_id") == schema_id)[_ROW]
        values = raw["kafka_value"]
        values = values if len(rows) == len(values) else values.gather(rows)
        parts += _group(contract, schema_id, rows, values, lookup)
    wanted = {
        name: dtype
        for name, dtype in schema.items()
        if name not in raw.columns and name not in {"_micro_batch", "ingest_date"}
    }
    columns: dict[str, Any] = {_ROW: pl.UInt32(), **wanted}
    if parts:
        decoded = pl.concat([_complete(part, columns) for part in parts])
        if len(parts) > 1:
            decoded = decoded.sort(_ROW)
    else:
        decoded = pl.DataFrame(schema=columns)
    return (
        raw.with_columns(pl.col("kafka_timestamp").dt.date().alias("ingest_date"))
        .hstack(decoded.drop(_ROW).get_columns())
        .select(list(schema))
        .cast(schema)  # type: ignore[arg-type]
    )


def decoded(contract: Contract, raw: pl.DataFrame, rows: Series, known: Known) -> pl.DataFrame:
    """The bronze rows of records whose columns are known from before they were encoded.

    Equal to :func:`decode` of the same records, without the work; a property test holds that.

    Args:
        contract: of the topic.
        raw: the records, without ``_micro_batch``.
        rows: what they were encoded from; every row carries its image, none that before it.
        known: what is the same in all of them.

    Returns:
        Bronze rows whose ``_micro_batch`` is 0.
    """
    schema = polars_schema(layout.bronze_schema(contract))
    count = len(raw)
    envelope = {
        "event_id": rows.event_ids,
        "source": pl.repeat(known.source, count, eager=True, dtype=pl.String),
        "entity": pl.repeat(known.entity, count, eager=True, dtype=pl.String),
        "op": rows.ops,
        "occurred_at": rows.occurred_at.cast(pl.Int64).cast(_MOMENT),
        "ingested_at": pl.repeat(rows.ingested_at, count, eager=True, dtype=pl.Int64).cast(_MOMENT),
    }
    payload = {
        column.name: _as_read(rows.after[column.name], column.type)
        for column in contract.payload_columns
    }
    return (
        raw.with_columns(
            pl.col("kafka_timestamp").dt.date().alias("ingest_date"),
            pl.lit(0, dtype=pl.Int64).alias("_micro_batch"),
            pl.lit(known.schema_id, dtype=pl.Int32).alias("schema_id"),
            pl.lit(None, dtype=pl.String).alias("decode_error"),
        )
        .hstack(_typed(contract, count, envelope, payload, None).get_columns())
        .select(list(schema))
        .cast(schema)  # type: ignore[arg-type]
    )


@dataclass(frozen=True)
class Known:
    """What all records of a page have in common."""

    source: str
    entity: str
    schema_id: int


_MOMENT = pl.Datetime("us", "UTC")
"""As Polars reads Avro's timestamps."""


def _as_read(values: pl.Series, logical: LogicalType) -> pl.Series:
    """A column of a mapping as it would be read from Avro."""
    if logical is LogicalType.DATE:
        return values.cast(pl.Int64).cast(pl.Int32).cast(pl.Date)
    if logical is LogicalType.TIMESTAMP:
        return values.cast(pl.Int64).cast(_MOMENT)
    return values.cast(POLARS[logical])


def _complete(part: pl.DataFrame, columns: dict[str, Any]) -> pl.DataFrame:
    return part.select(
        pl.col(name) if name in part.columns else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in columns.items()
    )


def _group(
    contract: Contract, schema_id: int, rows: pl.Series, values: pl.Series, lookup: Lookup
) -> list[pl.DataFrame]:
    """Decode the records of one writer schema: at most a frame of rows and one of errors."""
    writer = lookup(schema_id) if schema_id > 0 else None
    if writer is None:
        return [_failed(rows, schema_id, f"schema id {schema_id} is not in the registry")]
    fields = writer.schema.get("fields", []) if isinstance(writer.schema, dict) else []
    if missing := _NEEDED - {field["name"] for field in fields}:
        names = ", ".join(sorted(missing))
        return [
            _failed(rows, schema_id, f"schema {schema_id} is not an envelope: it lacks {names}")
        ]
    bodies = values.bin.slice(FRAME_BYTES)
    if not writer.bulk:
        return _one_by_one(contract, writer, rows, bodies)
    bad = avro.damaged(writer, avro.Bodies.of(bodies))
    fine = ~bad
    frame, kept = avro.decode_bulk(writer, bodies if not bad.any() else bodies.filter(fine))
    fine[np.nonzero(fine)[0]] = kept.to_numpy()
    parts = []
    if fine.any():
        part = _fit(contract, frame)
        parts.append(
            part.with_columns(
                rows.filter(pl.Series(fine)).alias(_ROW) if not fine.all() else rows.alias(_ROW),
                pl.lit(schema_id, dtype=pl.Int32).alias("schema_id"),
            )
        )
    if not fine.all():
        lost = np.nonzero(~fine)[0].tolist()
        causes = [_cause(writer, bodies[index]) for index in lost]
        parts.append(_failed(rows.gather(lost), schema_id, causes))
    return parts


def _cause(writer: avro.WriterSchema, body: bytes) -> str:
    try:
        avro.decode_one(writer, body)
    except ValueError as error:
        return str(error)
    return f"does not fit schema {writer.id}: a byte is not a valid boolean, branch or length"


def _failed(rows: pl.Series, schema_id: int, cause: str | list[str]) -> pl.DataFrame:
    causes = [cause] * len(rows) if isinstance(cause, str) else cause
    return pl.DataFrame(
        {_ROW: rows, "decode_error": causes},
        schema={_ROW: pl.UInt32, "decode_error": pl.String},
    ).with_columns(pl.lit(schema_id, dtype=pl.Int32).alias("schema_id"))


def _one_by_one(
    contract: Contract, writer: avro.WriterSchema, rows: pl.Series, bodies: pl.Series
) -> list[pl.DataFrame]:
    """Decode a schema with unions, enums, references and such, record by record."""
    records: list[dict[str, Any]] = []
    fine: list[int] = []
    lost: list[int] = []
    causes: list[str] = []
    for index, body in enumerate(bodies.to_list()):
        try:
            records.append(avro.decode_one(writer, body))
            fine.append(index)
        except ValueError as error:
            lost.append(index)
            causes.append(str(error))
    parts = []
    if fine:
        part = _fit_records(contract, records)
        parts.append(
            part.with_columns(
                rows.gather(fine).alias(_ROW), pl.lit(writer.id, dtype=pl.Int32).alias("schema_id")
            )
        )
    if lost:
        parts.append(_failed(rows.gather(lost), writer.id, causes))
    return parts


def _fit(contract: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    """Fit decoded envelopes to the bronze columns."""
    after = frame["after"]
    before = frame["before"] if "before" in frame.columns else None
    has_before = before is not None and before.null_count() < len(frame)
    columns: dict[str, pl.Series] = {}
    for column in contract.payload_columns:
        now = _field(after, column.name)
        if has_before and before is not None and after.null_count():
            then = _field(before, column.name)
            if now.dtype != then.dtype:
                now, then = (
                    calendar.spelled(image).cast(pl.String, strict=False) for image in (now, then)
                )
            now = then.zip_with(after.is_null(), now)
        columns[column.name] = now
    envelope = {name: frame[name] for name in _ENVELOPE if name in frame.columns}
    text = None
    if has_before and before is not None:
        told = calendar.spelled(before)
        text = told.struct.json_encode() if told.dtype == pl.Struct else told.cast(pl.String)
        text = text.set(before.is_null(), None)
    return _typed(contract, len(frame), envelope, columns, text)


def _field(struct: pl.Series, name: str) -> pl.Series:
    if isinstance(struct.dtype, pl.Struct) and name in struct.struct.fields:
        return struct.struct.field(name)
    return pl.Series(name, [None] * len(struct), dtype=pl.Null)


def _fit_records(contract: Contract, records: list[dict[str, Any]]) -> pl.DataFrame:
    def payload(record: dict[str, Any]) -> dict[str, Any]:
        chosen = record.get("after") or record.get("before")
        return chosen if isinstance(chosen, dict) else {}

    payloads = [payload(record) for record in records]
    columns = {
        column.name: _series(column.name, [values.get(column.name) for values in payloads])
        for column in contract.payload_columns
    }
    envelope = {name: _series(name, [record.get(name) for record in records]) for name in _ENVELOPE}
    before = [
        None
        if record.get("before") is None
        else json.dumps(record["before"], default=str, separators=(",", ":"))
        for record in records
    ]
    text = pl.Series("before", before, dtype=pl.String)
    return _typed(contract, len(records), envelope, columns, text)


def _series(name: str, values: list[Any]) -> pl.Series:
    """A column of Python values; where their types differ, of their texts."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) <= 1 and not kinds & {dict, list}:
        try:
            return pl.Series(name, values)
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            pass  # fall through to texts: the fit says what does not cast
    texts = [
        json.dumps(value, default=str) if isinstance(value, dict | list) else _text(value)
        for value in values
    ]
    return pl.Series(name, texts, dtype=pl.String)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _typed(
    contract: Contract,
    rows: int,
    envelope: dict[str, pl.Series],
    columns: dict[str, pl.Series],
    before: pl.Series | None,
) -> pl.DataFrame:
    out: dict[str, pl.Series] = {}
    errors: dict[int, list[str]] = {}
    wanted = [(name, logical, envelope.get(name)) for name, logical in _ENVELOPE.items()]
    wanted += [(c.name, c.type, columns.get(c.name)) for c in layout.payload(contract)]
    for name, logical, values in wanted:
        if values is None:
            out[name] = pl.Series(name, [None] * rows, dtype=POLARS[logical])
            continue
        cast, wrong = fit(values, logical)
        out[name] = cast
        if wrong is not None:
            for index in wrong.arg_true().to_list():
                errors.setdefault(index, []).append(
                    explain(name, calendar.value(values, index), logical)
                )
    notes: list[str | None] = [None] * rows if errors else []
    for index, texts in errors.items():
        notes[index] = "; ".join(texts)
    frame = pl.DataFrame({name: series.alias(name) for name, series in out.items()})
    return frame.with_columns(
        pl.Series("type_errors", notes, dtype=pl.String)
        if errors
        else pl.lit(None, dtype=pl.String).alias("type_errors"),
        before.alias("before")
        if before is not None
        else pl.lit(None, dtype=pl.String).alias("before"),
    )
