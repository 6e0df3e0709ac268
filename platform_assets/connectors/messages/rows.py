"""Messages to a page: a column a field, of the type that its values have."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from platform_assets.connectors.messages.decode import Decode, PayloadError
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.seam.reader import Cursor, Page, Refused, Stream


def page_of(
    messages: Iterable[Message],
    decode: Decode | None,
    *,
    cursor: Cursor | None = None,
    acknowledge: Callable[[], None] | None = None,
    lag: float | None = None,
) -> Page:
    """A page: fields of the payloads, then ``_id`` and the messages' own fields.

    A payload's field that has the name of one of the message's is ``body`` with that name:
    ``body_id``. A payload that cannot be read is refused.

    Args:
        messages: in order.
        decode: of payloads that are bytes; None where none is.
        cursor: of the page.
        acknowledge: of the page.
        lag: of the page.
    """
    rows: list[dict[str, Any]] = []
    places: list[str] = []
    refused: list[Refused] = []
    for one in messages:
        try:
            body = one.body
            if isinstance(body, bytes):
                body = decode(body) if decode is not None else {"value": body}
        except PayloadError as error:
            raw = one.body if isinstance(one.body, bytes) else b""
            refused.append(Refused(one.place, raw, str(error)))
            continue
        own = {"_id": one.id, **one.fields}
        rows.append({**{f"body{n}" if n in own else n: v for n, v in body.items()}, **own})
        places.append(one.place)
    return Page(
        table_of(rows),
        cursor,
        places=tuple(places),
        refused=tuple(refused),
        acknowledge=acknowledge,
        lag=lag,
    )


def streams_of(
    names: Iterable[str], own: Mapping[str, pa.DataType], cursor_fields: tuple[str, ...] = ()
) -> list[Stream]:
    """Streams of messages: what ``discover`` finds where the fields are in the messages alone.

    Args:
        names: of the streams.
        own: the columns that every message has, ``_id`` among them, which names it.
        cursor_fields: of them all.
    """
    schema = pa.schema(list(own.items()))
    return [Stream(name, schema, ("_id",), cursor_fields) for name in names]


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of any shape as columns, in the order in which fields first come.

    A field that a row lacks is null. Values that share no type are text, as JSON has them.
    """
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


def _column(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    # Arrow would make 1 of True, and a number of a decimal.
    if len(kinds) <= 1 or kinds == {int, float}:
        try:
            made = pa.array(values)
        except (pa.ArrowException, OverflowError, ValueError, TypeError):
            pass
        else:
            # Polars has no struct without a field.
            if not _is_hollow(made.type):
                return made
    return pa.array([None if one is None else as_text(one) for one in values], pa.string())


def _is_hollow(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.num_fields == 0 or any(_is_hollow(field.type) for field in kind)
    return pa.types.is_list(kind) and _is_hollow(kind.value_type)


def as_text(value: Any) -> str:
    """A value as text: itself, or as JSON has it; bytes that are no UTF-8 in base 64."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (bool, int, float, dict, list, tuple)):
        return json.dumps(value, default=as_text, ensure_ascii=False)
    return str(value)
