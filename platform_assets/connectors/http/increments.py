"""Reading in increments: pages one after another, from where the last read ended.

The cursor holds what the next requests need: ``since``, the value that they are asked with;
``highest``, the largest value seen so far; ``place``, the page to go on with. While there are
further pages only the place moves on, so that a source that is not in the order of its cursor loses
nothing; after the last page ``since`` becomes ``highest``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from platform_assets.connectors.http.client import StatusError
from platform_assets.connectors.http.incremental import Incremental, Place, moment_of
from platform_assets.connectors.http.pace import StoppedError
from platform_assets.connectors.http.paths import at
from platform_assets.connectors.http.rows import table
from platform_assets.connectors.seam.reader import ConnectorError, Cursor, Page, Stream

_STALE = (400, 404, 410, 416, 422)
"""Answers to a page that is kept for too long."""


@dataclass(frozen=True)
class Fetched:
    """A page as it came.

    Attributes:
        where: its address, for people.
        records: of JSON.
        following: the next page; None: this is the last one.
        cursor: instead of ``since``, where the source itself says how to go on (a delta link).
        gone: of a source of changes: the keys of deleted records.
    """

    where: str
    records: list[Any]
    following: Place | None
    cursor: Cursor | None = None
    gone: tuple[Mapping[str, Any], ...] = ()


Fetch = Callable[[Any, Place | None], Fetched]
"""Of ``since`` and the place of a page (None: the first) the page."""


def start(incremental: Incremental | None) -> Any:
    """The value that a first read is asked with."""
    return incremental.start if incremental else None


def parameter(incremental: Incremental | None, since: Any) -> dict[str, Any]:
    """The parameter of a request that says since when; empty: it has none."""
    if incremental is None or not incremental.param:
        return {}
    value = incremental.asked(since)
    return {} if value is None else {incremental.param: value}


def described(
    stream: str,
    fetch: Callable[[str, Any, Place | None], Fetched],
    incremental: Incremental | None,
    description: str = "",
) -> Stream:
    """A stream with the fields of its first page.

    Args:
        stream: its name.
        fetch: :data:`Fetch`, given the stream's name first.
        incremental: of the stream.
        description: what it holds.
    """
    got = fetch(stream, start(incremental), None)
    rows, _, _ = table(got.records, got.where)
    key = ("id",) if "id" in rows.schema.names else ()
    grows = (incremental.field,) if incremental else ()
    return Stream(stream, rows.schema, key, grows, description)


def read(
    where: str, fetch: Fetch, cursor: Cursor | None, incremental: Incremental | None
) -> Iterator[Page]:
    """Pages from a cursor on.

    Args:
        where: source and stream, for errors.
        fetch: gets a page.
        cursor: of the last read.
        incremental: None: every read gives everything.

    Raises:
        ConnectorError: as ``fetch`` does; a next page that is the same page.
    """
    state = dict(cursor or {})
    since = state.get("since", start(incremental))
    highest = state.get("highest", since)
    place: Place | None = state.get("place")
    kept = place is not None
    while True:
        try:
            got = fetch(since, place)
        except StoppedError:
            return
        except StatusError as error:
            if not kept or error.status not in _STALE:
                raise
            # The page that was kept is gone: its rows are asked for again, under the same ids.
            place, kept = None, False
            continue
        kept = False
        if got.following is not None and got.following == place:
            raise ConnectorError(
                f"{where}: {got.where}: the next page is this page", "see `pagination`"
            )
        if incremental is not None:
            for record in (*got.records, *got.gone):
                value = at(record, incremental.field) if isinstance(record, Mapping) else None
                highest = _later(highest, value, f"{where}: {incremental.field}")
        place = got.following
        following: dict[str, Any] = {}
        if place is not None:
            following = {"since": since, "highest": highest, "place": dict(place)}
        elif got.cursor is not None:
            following = dict(got.cursor)
        elif highest is not None:
            following = {"since": highest}
        page = _page(got, following)
        # An empty last page after pages of rows still moves the cursor on.
        if page.rows.num_rows or page.refused or following != state:
            yield page
            state = following
        if place is None:
            return


def _page(got: Fetched, following: Cursor) -> Page:
    rows, places, refused = table(got.records, got.where)
    if not got.gone:
        return Page(rows, following, places=places, refused=tuple(refused))
    # Deleted records are rows of nulls now, and their keys before.
    count, gone = rows.num_rows, len(got.gone)
    before, _, _ = table([*({} for _ in range(count)), *got.gone], got.where)
    names = dict.fromkeys([*rows.schema.names, *before.schema.names])
    empty = {name: pa.nulls(gone, _type(rows, before, name)) for name in names}
    now = pa.concat_tables([rows, pa.table(empty)], promote_options="default")
    return Page(
        now,
        following,
        places=(*places, *(f"{got.where}, deleted record {n}" for n in range(1, gone + 1))),
        refused=tuple(refused),
        ops=("u",) * count + ("d",) * gone,
        before=before,
    )


def _type(rows: pa.Table, before: pa.Table, name: str) -> pa.DataType:
    return (rows if name in rows.schema.names else before).schema.field(name).type


def _later(highest: Any, value: Any, what: str) -> Any:
    if value is None or isinstance(value, (dict, list, bool)):
        return highest
    if highest is None:
        return value
    one, other = _order(highest), _order(value)
    numbers = isinstance(one, (int, float)), isinstance(other, (int, float))
    if not all(numbers) and type(one) is not type(other):
        raise ConnectorError(
            f"{what}: {highest!r} and {value!r} cannot be compared",
            "choose a field that holds numbers only, or moments only",
        )
    return value if other > one else highest


def _order(value: Any) -> Any:
    """What a value is compared by: numbers, also in text, then moments, then text."""
    if isinstance(value, (int, float)):
        return value
    text = str(value)
    if text.isascii() and text.isdigit():
        return int(text)
    return moment_of(text) or text
