"""JSON objects as a page's rows: each top-level field a column, nested values as JSON text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import orjson
import pyarrow as pa

WIDEST = 1000
"""Top-level fields of an object, and columns of a page of them, at most."""
T = TypeVar("T")
_INT64 = 2**63
_EXACT = 2**53


def document_table(
    documents: Sequence[Mapping[str, Any]], own: Mapping[str, pa.Array | Sequence[Any]]
) -> pa.Table:
    """Objects as rows.

    A column whose values are all whole numbers, numbers, booleans or text has that type; another
    is text: text as it is, everything else as JSON. So ``path`` rules reach into nested values.

    Args:
        documents: of one page, together with at most :data:`WIDEST` different fields.
        own: the reader's own columns, as long as ``documents``; a field of the same name is left
            out.
    """
    fields = dict.fromkeys(name for one in documents for name in one)
    columns: dict[str, Any] = {
        name: values if isinstance(values, pa.Array) else pa.array(values)
        for name, values in own.items()
    }
    for name in fields:
        if name not in own:
            columns[name] = _column([one.get(name) for one in documents])
    return pa.table(columns)


def narrow(items: Iterable[T], fields: Callable[[T], Iterable[str]]) -> Iterator[list[T]]:
    """Parts of bounded width, in order: where each item has fields of its own they would add up.

    Args:
        items: what rows are made of, each with at most :data:`WIDEST` fields; taken as they are
            needed.
        fields: of an item.
    """
    part: list[T] = []
    known: set[str] = set()
    for one in items:
        new = [name for name in fields(one) if name not in known]
        if new:
            known.update(new)
            if part and len(known) > WIDEST:
                yield part
                part, known = [], set(fields(one))
        part.append(one)
    if part:
        yield part


def _column(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int} and all(v is None or -_INT64 <= v < _INT64 for v in values):
        return pa.array(values, pa.int64())
    # A whole number that a float cannot hold stays text.
    held = all(not isinstance(v, int) or abs(v) < _EXACT for v in values)
    if held and kinds and kinds <= {int, float}:
        return pa.array(values, pa.float64())
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value, default=str).decode()
