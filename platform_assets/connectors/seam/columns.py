"""Pages to records: the declared mapping, the contract's types, the envelope, the bytes.

Two mappings with one result: :class:`ColumnarMapping` works on whole columns, :class:`RowMapping`
evaluates JSONata row by row, for shapes that no rule can say. A test holds both equal.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
import pyarrow as pa

from platform_assets.connectors import calendar
from platform_assets.connectors.avro_arrow import Series, SeriesEncoder
from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.envelope import kafka_key, now_micros
from platform_assets.connectors.event_ids import event_ids
from platform_assets.connectors.inbound import protected
from platform_assets.connectors.mapping import EnvelopeMapping, UnmappableError
from platform_assets.connectors.seam.convert import convert_columns, json_value
from platform_assets.connectors.seam.evolution import Evolution, PageChanges
from platform_assets.connectors.seam.reader import Page
from platform_assets.connectors.seam.rules import Rule, compiled
from platform_assets.contracts.model import Column, Contract, LogicalType

_OCCURRED = Column("occurred_at", LogicalType.TIMESTAMP, "")
_OP = Column("op", LogicalType.STRING, "")
_OPS = ("c", "u", "d", "r")


@dataclass(frozen=True)
class Mapped:
    """What became of a page's rows.

    Attributes:
        keys: of each good row, in order; None where a part of its key is missing.
        values: framed, of each good row.
        refused: row of the page -> why it cannot be mapped.
        changes: of columns and types that the stream's policy put up with, in words.
        ids, said: id of each good row, and a digest of its content; empty where nobody asks.
    """

    keys: list[bytes | None]
    values: list[bytes]
    refused: dict[int, str] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    ids: list[str] = field(default_factory=list)
    said: list[bytes] = field(default_factory=list)

    @property
    def records(self) -> list[tuple[bytes | None, bytes]]:
        """Key and value of each good row."""
        return list(zip(self.keys, self.values, strict=True))


@dataclass(frozen=True)
class MappedColumns:
    """The same as :class:`Mapped`, a column each.

    Attributes:
        keys, values: as there.
        rows: number in the page of each good row.
        refused: as there.
        made: what the values were encoded from; None: no row is good.
    """

    keys: pa.Array
    values: pa.Array
    rows: np.ndarray[Any, np.dtype[np.int64]]
    refused: dict[int, str]
    made: Series | None = None


class PageMapping(Protocol):
    """Maps pages of one stream."""

    def map(self, page: Page) -> Mapped:
        """Map a page.

        Raises:
            ConnectorError: the page lacks a column that the mapping names.
        """
        ...


class ColumnarMapping:
    """The rules of a stream, column by column.

    Args:
        contract: of the stream's topic.
        encoder: of its values.
        source: the instance's name.
        columns: contract column -> rule.
        identity: rules whose values name the event at its source.
        occurred_at: rule of the event's time; None: missing.
        op: rule of what happened.
        loose: a column that a page lacks is null.
        digests: say what each row says, so that conflicts are found.
        evolution: what happens to new and missing columns and to values of another type.
    """

    def __init__(
        self,
        contract: Contract,
        encoder: Encoder,
        source: str,
        *,
        columns: dict[str, Rule],
        identity: Sequence[Rule],
        occurred_at: Rule | None,
        op: Rule,
        loose: bool = False,
        digests: bool = False,
        evolution: Evolution | None = None,
    ) -> None:
        self._evolution = evolution or Evolution()
        if self._evolution.missing is not None:
            loose = self._evolution.missing == "evolve"
        rules = (*columns.values(), *identity, op, *((occurred_at,) if occurred_at else ()))
        self._named = {name for rule in rules for name in rule.names()}
        self._digests = digests
        self._contract, self._source = contract, source
        self._series = SeriesEncoder(contract, encoder.schema_id, source)
        self._columns, self._identity, self._loose = columns, tuple(identity), loose
        self._occurred = occurred_at or Rule(constant="")
        self._op = op
        self._always = next((one for one in _OPS if op == Rule(constant=one)), None)

    def map(self, page: Page) -> Mapped:
        """See :class:`PageMapping`."""
        made, refused, changes = self._made(page)
        if made is None:
            return Mapped([], [], refused)
        keys: list[bytes | None] = self._keys(made).to_list()
        mapped = Mapped(keys, self._series.encode(made), refused, changes)
        if self._digests:
            mapped.ids.extend(made.event_ids.to_list())
            mapped.said.extend(digest(said) for said in self._series.said(made))
        return mapped

    def columns(self, page: Page) -> MappedColumns:
        """The same as columns.

        Raises:
            ConnectorError: the page lacks a column that the mapping names.
        """
        made, refused, _ = self._made(page)
        if made is None:
            none = pa.array([], pa.large_binary())
            return MappedColumns(none, none, np.zeros(0, np.int64), refused)
        rows = np.arange(page.rows.num_rows)
        if refused:
            rows = np.delete(rows, list(refused))
        keys = self._keys(made).to_arrow()
        return MappedColumns(keys, self._series.array(made), rows, refused, made)

    def _made(self, page: Page) -> tuple[Series | None, dict[int, str], tuple[str, ...]]:
        """The envelopes of the good rows, why the others are none, and what was put up with."""
        frame = pl.DataFrame(calendar.spelled_rows(page.rows))
        count = len(frame)
        refused: dict[int, str] = {}
        if not count:
            return None, refused, ()
        changes = PageChanges(self._evolution, self._source, page, self._named)
        changes.judge(frame, refused)
        if page.ops:
            ops = pl.Series(page.ops, dtype=pl.String)
        elif self._always is not None:
            ops = pl.Series([self._always]).new_from_index(0, count)
        else:
            (told,) = self._values(frame, [self._op])
            ((ops, errors),) = convert_columns([(told, _OP)])
            _keep_first(refused, errors)
        if not set(ops.unique().to_list()) <= set(_OPS):
            for row, op in enumerate(ops.to_list()):
                if op not in _OPS:
                    refused.setdefault(row, f"op: {op!r} is none of {', '.join(_OPS)}")
        before, known = None, frame
        if page.before is not None:
            earlier = pl.DataFrame(calendar.spelled_rows(page.before))
            before = self._image(earlier, refused, changes)
            known = _merged(frame, earlier, ops == "d")
        moment, *named = self._values(known, [self._occurred, *self._identity])
        identity = [_text(values) for values in named]
        for values in identity:
            if values.null_count():
                for row in values.is_null().arg_true().to_list():
                    refused.setdefault(row, "identity: a part of it is missing")
        ((occurred, errors),) = convert_columns([(moment, _OCCURRED)])
        _keep_first(refused, errors)
        made = Series(
            event_ids=pl.Series(event_ids(self._source, identity)),
            ops=ops,
            occurred_at=occurred,
            ingested_at=now_micros(),
            after=self._image(frame, refused, changes),
            before=before,
            has_after=ops != "d" if before is not None else None,
            has_before=_present(page.before) if page.before is not None else None,
        )
        if refused:
            good = pl.Series([True]).new_from_index(0, count)
            made = made.filter(good.scatter(list(refused), False))
        return made, refused, changes.told

    def _image(
        self, frame: pl.DataFrame, refused: dict[int, str], changes: PageChanges
    ) -> dict[str, pl.Series]:
        nothing = pl.Series([None], dtype=pl.Null).new_from_index(0, len(frame))
        mapped = [one for one in self._contract.payload_columns if one.name in self._columns]
        given = self._values(frame, [self._columns[one.name] for one in mapped])
        converted = convert_columns(list(zip(given, mapped, strict=True)))
        found = dict(zip((one.name for one in mapped), converted, strict=True))
        made: dict[str, pl.Series] = {}
        for column in self._contract.payload_columns:
            if column.name in found:
                values, errors = found[column.name]
                if column.inbound:
                    # A reason quotes the value.
                    errors = dict.fromkeys(errors, f"{column.name}: not a valid {column.type}")
                changes.judge_values(column.name, errors, refused)
            elif changes.takes(column.name):
                values = changes.kept(frame)
            else:
                made[column.name] = nothing
                continue
            made[column.name] = _protected(column, values)
        return made

    def _values(self, frame: pl.DataFrame, rules: Sequence[Rule]) -> list[pl.Series]:
        """What each rule makes of the page, in one query."""
        names = [f"__rule_{place}" for place in range(len(rules))]
        # With the frame's own columns beside it a constant has the frame's height.
        made = frame.with_columns(
            compiled(rule, frame.schema, loose=self._loose).alias(name)
            for rule, name in zip(rules, names, strict=True)
        )
        return [made[name] for name in names]

    def _keys(self, made: Series) -> pl.Series:
        """Of each row, as bytes; null where a part is missing."""
        envelope = {"event_id": made.event_ids, "occurred_at": made.occurred_at}
        parts = []
        for name in self._contract.key:
            source = self._contract.column(name).source
            if source != "payload":
                parts.append(envelope[source])
            elif made.before is None or made.has_after is None:
                parts.append(made.after[name])
            else:
                there = pl.when(made.has_after).then(made.after[name]).otherwise(made.before[name])
                parts.append(pl.select(there.alias(name)).to_series())
        if all(part.dtype in (pl.String, pl.Int64) for part in parts):
            joined = pl.concat_str([part.cast(pl.String) for part in parts], separator="|")
            return pl.select(joined.cast(pl.Binary)).to_series()
        # By Python: a number's text is part of the key.
        texts = [
            None if None in values else "|".join(map(str, values)).encode()
            for values in zip(*(part.to_list() for part in parts), strict=True)
        ]
        return pl.Series(texts, dtype=pl.Binary)


def _keep_first(refused: dict[int, str], errors: Mapping[int, str]) -> None:
    for row, error in errors.items():
        refused.setdefault(row, error)


def _text(values: pl.Series) -> pl.Series:
    if isinstance(values.dtype, pl.Datetime):
        utc = values if values.dtype.time_zone is None else values.dt.convert_time_zone("UTC")
        values = utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    return values.cast(pl.String)


def _protected(column: Column, values: pl.Series) -> pl.Series:
    if not column.inbound:
        return values
    return pl.Series(values.name, protected(column, values.to_list()), dtype=pl.String)


class RowMapping:
    """A JSONata mapping; its input is the row, as JSON has it."""

    def __init__(self, contract: Contract, encoder: Encoder, source: str, path: Path) -> None:
        self._contract, self._encoder = contract, encoder
        self._mapping = EnvelopeMapping(contract, source, path)

    def map(self, page: Page) -> Mapped:
        """See :class:`PageMapping`."""
        mapped = Mapped([], [])
        for number, row in enumerate(json_rows(page)):
            try:
                envelope = self._mapping.envelope(row, now_micros()).as_dict()
            except UnmappableError as error:
                mapped.refused[number] = str(error)
                continue
            value = self._encoder.encode(envelope)
            mapped.keys.append(kafka_key(self._contract, envelope))
            mapped.values.append(value)
        return mapped


def rows_of(page: Page, rows: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """A page's rows, all or some; days and moments that Python lacks as text."""
    table = page.rows if rows is None else page.rows.take(list(rows))
    found: list[dict[str, Any]] = calendar.spelled_rows(table).to_pylist()
    return found


def json_rows(page: Page) -> list[dict[str, Any]]:
    """A page's rows as JSON has them: moments and decimals as text."""
    loaded: list[dict[str, Any]] = json_value(rows_of(page))
    return loaded


def types_text(schema: pa.Schema) -> str:
    """The types of a page that :func:`json_rows` turns into text, as text."""
    lost = [one.remove_metadata() for one in schema if any(is_one(one.type) for is_one in _LOST)]
    return base64.b64encode(pa.schema(lost).serialize().to_pybytes()).decode()


def row_of_json(raw: bytes, types: str) -> pa.Table:
    """A row again, from what :func:`json_rows` and :func:`types_text` made of it.

    Raises:
        ValueError: it is no such row.
    """
    row = json.loads(raw)
    if not isinstance(row, dict):
        raise ValueError("expected a JSON object")  # noqa: TRY004 (a value of the log)
    columns = {name: pa.array([value]) for name, value in row.items()}
    for one in pa.ipc.read_schema(pa.py_buffer(base64.b64decode(types))):
        text = row.get(one.name)
        columns[one.name] = pa.array([None if text is None else _typed(text, one.type)], one.type)
    return pa.table(columns)


_LOST = (pa.types.is_timestamp, pa.types.is_date, pa.types.is_decimal)


def _typed(text: str, kind: pa.DataType) -> Any:
    if pa.types.is_decimal(kind):
        return Decimal(text)
    return (
        datetime.fromisoformat(text)
        if pa.types.is_timestamp(kind)
        else date.fromisoformat(text[:10])
    )


def digest(said: bytes) -> bytes:
    """Of a record's content."""
    return hashlib.blake2b(said, digest_size=16).digest()


def _merged(after: pl.DataFrame, before: pl.DataFrame, gone: pl.Series) -> pl.DataFrame:
    """The rows as last known: deleted ones as they were before."""
    if not gone.any():
        return after
    columns = {
        name: pl.select(
            pl.when(gone).then(before[name] if name in before.columns else None).otherwise(values)
        ).to_series()
        for name, values in zip(after.columns, after.iter_columns(), strict=True)
    }
    return pl.DataFrame(columns)


def _present(rows: Any) -> pl.Series:
    """Which rows hold anything."""
    frame = pl.DataFrame(rows)
    return frame.select(~pl.all_horizontal(pl.all().is_null())).to_series()
