"""JSON records as rows: the record at a path, a column for each field, a type for each column.

A field may hold a number in one record and text in the next. Such a column becomes text, nothing
is lost, and the contract's types judge it value by value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from platform_assets.connectors.http.paths import at
from platform_assets.connectors.seam.reader import ConnectorError, Refused


def records_at(value: Any, path: str, where: str) -> list[Any]:
    """The list of records at a path; one object is a list of one.

    Raises:
        ConnectorError: there is neither.
    """
    found = at(value, path)
    if found is None and isinstance(value, Mapping) and path and _empty(value, path):
        return []
    if isinstance(found, Mapping):
        return [found]
    if not isinstance(found, list):
        known = ", ".join(map(str, list(value)[:10])) if isinstance(value, Mapping) else "no object"
        raise ConnectorError(
            f"{where}: no list of records at {path or 'the top'!r}; the answer has: {known}",
            "set `records` to the path of the list: data.items",
        )
    return [one for one in found if one is not None]


def _empty(value: Mapping[str, Any], path: str) -> bool:
    """Whether the answer says null where the list would be."""
    parent, _, name = path.rpartition(".")
    holder = at(value, parent) if parent else value
    return isinstance(holder, Mapping) and name in holder


def table(records: Iterable[Any], where: str) -> tuple[pa.Table, tuple[str, ...], list[Refused]]:
    """Rows of JSON objects.

    Args:
        records: of one page.
        where: it came from, for people.

    Returns:
        A column for each field in any record (null where one lacks it), the rows' places, and the
        records that are no objects.
    """
    rows: list[Mapping[str, Any]] = []
    places: list[str] = []
    refused: list[Refused] = []
    for number, one in enumerate(records, 1):
        place = f"{where}, record {number}"
        if isinstance(one, Mapping):
            rows.append(one)
            places.append(place)
        else:
            raw = json.dumps(one, default=str).encode()
            refused.append(Refused(place, raw, "expected an object"))
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: column([row.get(name) for row in rows]) for name in names}
    made = pa.table(columns) if columns else pa.table({})
    return made, tuple(places) if columns else (), refused


def column(values: Sequence[Any]) -> pa.Array:
    """Values of one field as an array: of their type where they have one, else as text.

    Objects become structs with all their fields, lists become lists.
    """
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.nulls(len(values), pa.string())
    if all(issubclass(kind, dict) for kind in kinds):
        names = list(dict.fromkeys(name for value in values if value for name in value))
        if names:
            children = [column([(value or {}).get(name) for value in values]) for name in names]
            mask = pa.array([value is None for value in values])
            return pa.StructArray.from_arrays(children, names, mask=mask)
    elif all(issubclass(kind, list) for kind in kinds):
        offsets = [0]
        for value in values:
            offsets.append(offsets[-1] + len(value or ()))
        inner = column([one for value in values for one in value or ()])
        mask = pa.array([value is None for value in values])
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), inner, mask=mask)
    elif len(kinds) == 1 or kinds == {int, float}:
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass  # a number that is too large
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, default=str, ensure_ascii=False)
