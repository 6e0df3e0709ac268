"""Reading in increments: pages one after another, from where the last read ended.

The cursor holds what the next requests need: ``since``, the value that they are asked with;
``highest``, the largest value seen so far; ``place``, the page to go on with. While there are
further pages only the place moves on, so that a source that is not in the order of its cursor loses
nothing; after the last page ``since`` becomes ``highest``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from platform_assets.connectors.http.client import StatusError
from platform_assets.connectors.http.pace import StoppedError
from platform_assets.connectors.http.rows import at, table
from platform_assets.connectors.seam.reader import ConnectorError, Cursor, Page, Stream

Place = Mapping[str, Any]
"""Which page: plain JSON."""

_STALE = (400, 404, 410, 416, 422)
"""Answers to a page that is kept for too long."""


class Incremental(BaseModel):
    """By which field a stream is read in increments.

    Attributes:
        field: of the record; ``a.b`` reaches into objects.
        param: of the request that is given the value; empty: the records are only compared.
        start: the first value; none: the first read has no such parameter.
        format: how the parameter is written: ``as_is``, or a moment as ``iso``, ``epoch`` (seconds)
            or ``epoch_millis``, or a pattern of strftime.
        template: around the value: ``updated_at > '{value}'``.
        overlap_seconds: how much earlier each read begins, where the value is a moment; what comes
            twice has the same id.
    """

    model_config = ConfigDict(extra="forbid")

    field: str
    param: str = ""
    start: str | int | float | None = None
    format: str = "as_is"
    template: str = "{value}"
    overlap_seconds: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _has_value(self) -> Incremental:
        if "{value}" not in self.template:
            raise ValueError("expected `template` to hold {value}")
        if self.format not in ("as_is", "iso", "epoch", "epoch_millis") and "%" not in self.format:
            raise ValueError("expected as_is, iso, epoch, epoch_millis or a pattern of strftime")
        return self

    def asked(self, since: Any) -> Any:
        """The parameter's value; None: it is left out."""
        if since is None:
            return None
        moment = _moment(since)
        if self.overlap_seconds and moment is not None:
            moment -= timedelta(seconds=self.overlap_seconds)
            if self.format == "as_is":
                since = _like(since, moment)
        if self.format != "as_is":
            if moment is None:
                raise ConnectorError(f"{self.field}: {since!r} is no moment")
            since = _written(moment, self.format)
        return since if self.template == "{value}" else self.template.format(value=since)


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
    return _moment(text) or text


def _moment(value: Any) -> datetime | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        seconds = value / 1000 if value >= 1e11 else value
        return datetime.fromtimestamp(seconds, UTC) if 1e8 <= seconds < 1e11 else None
    if isinstance(value, str) and len(value) >= 10:
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            return None
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _like(value: Any, moment: datetime) -> Any:
    """The moment, spelled as the value is."""
    if isinstance(value, (int, float)):
        seconds = moment.timestamp()
        made = seconds * 1000 if value >= 1e11 else seconds
        return type(value)(made)
    text = str(value)
    zone = datetime.fromisoformat(text).tzinfo
    if len(text) == 10:
        return moment.date().isoformat()
    precise: Literal["seconds", "milliseconds", "microseconds"] = "seconds"
    if "." in text:
        precise = "milliseconds" if _fraction(text) <= 3 else "microseconds"
    written = moment.astimezone(zone or UTC).isoformat("T" if "T" in text else " ", precise)
    if zone is None:
        return written.removesuffix("+00:00")
    return written.replace("+00:00", "Z") if text.endswith("Z") else written


def _fraction(text: str) -> int:
    """Digits of the fraction of a second."""
    fraction = text.partition(".")[2]
    return len(fraction) - len(fraction.lstrip("0123456789"))


def _written(moment: datetime, form: str) -> Any:
    moment = moment.astimezone(UTC)
    if form == "iso":
        return moment.isoformat().replace("+00:00", "Z")
    if form == "epoch":
        return int(moment.timestamp())
    if form == "epoch_millis":
        return int(moment.timestamp() * 1000)
    return moment.strftime(form)
