"""What an org says of its objects, and the queries that read them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from platform_assets.connectors.kinds.salesforce.config import ObjectStream
from platform_assets.connectors.kinds.salesforce.login import Org
from platform_assets.connectors.seam.reader import ConnectorError, Stream

_ARROW: Final[Mapping[str, pa.DataType]] = {
    "boolean": pa.bool_(),
    "int": pa.int64(),
    "long": pa.int64(),
    "double": pa.float64(),
    "currency": pa.float64(),
    "percent": pa.float64(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us", "UTC"),
}
_NO_COLUMNS = ("address", "location", "base64", "complexvalue")
"""Compound fields, whose parts are fields of their own, and files."""

_DESCRIBED: dict[tuple[str, str], tuple[float, Described]] = {}
_DESCRIBED_SECONDS = 900.0


@dataclass(frozen=True)
class Described:
    """An object.

    Attributes:
        name: of the object.
        types: field -> type as Salesforce has it, of those that are columns.
    """

    name: str
    types: Mapping[str, str]

    @property
    def schema(self) -> pa.Schema:
        """Of its rows."""
        return pa.schema([(one, _ARROW.get(kind, pa.string())) for one, kind in self.types.items()])


def described(org: Org, name: str) -> Described:
    """What the org says of an object.

    Raises:
        ConnectorError: there is none, or who asks may not see it.
    """
    where = f"source {org.context.source}, object {name}"
    body = org.json(f"sobjects/{name}/describe", where)
    if not body.get("queryable", True):
        raise ConnectorError(f"{where}: it cannot be queried")
    fields = {one["name"]: one["type"] for one in body["fields"] if one["type"] not in _NO_COLUMNS}
    return Described(name, fields)


def _known(org: Org, name: str) -> Described:
    """The same, as the org said it lately: each read would cost one of the day's requests."""
    key = (org.config.instance, name)
    at, found = _DESCRIBED.get(key, (0.0, None))
    if found is None or time.monotonic() - at > _DESCRIBED_SECONDS:
        found = described(org, name)
        _DESCRIBED[key] = (time.monotonic(), found)
    return found


def found_streams(
    org: Org, streams: Mapping[str, ObjectStream], usual: Sequence[str]
) -> list[Stream]:
    """The streams as they are configured, then objects of the org that are usual."""
    where = f"source {org.context.source}"
    there = {
        one["name"]
        for one in org.json("sobjects", where)["sobjects"]
        if one.get("queryable") and not one.get("deprecatedAndHidden")
    }
    wanted = {name: (one.object, tuple(one.fields)) for name, one in streams.items()}
    wanted |= {name: (name, ()) for name in usual if name in there and name not in wanted}
    found = []
    for stream, (name, fields) in wanted.items():
        types = described(org, name)
        schema = types.schema
        if fields:
            chosen = [schema.field(one) for one in fields if one in types.types]
            schema = pa.schema(chosen)
        grows = tuple(
            one
            for one in ("SystemModstamp", "LastModifiedDate", "CreatedDate")
            if one in schema.names
        )
        found.append(Stream(stream, schema, ("Id",), grows, f"{name} records of Salesforce."))
    return found


def columns_of(org: Org, options: ObjectStream) -> tuple[str, ...]:
    """The fields of a query; what tells records and their states apart is always among them.

    Raises:
        ConnectorError: the object has no such cursor.
    """
    types = _known(org, options.object).types
    own = options.fields or types
    more = ["Id", *([options.cursor] if options.cursor else [])]
    if options.cursor and options.cursor not in types:
        grows = [name for name, kind in types.items() if kind == "datetime"]
        raise ConnectorError(
            f"source {org.context.source}: {options.object} has no field {options.cursor!r}",
            f"of type datetime it has: {', '.join(grows)}",
        )
    # Not every object can be deleted: users cannot.
    if options.deleted and "IsDeleted" in types:
        more.append("IsDeleted")
    known = {one.lower() for one in own}
    return (*own, *(one for one in more if one.lower() not in known))


def query(options: ObjectStream, fields: Sequence[str], since: str | None, *, ordered: bool) -> str:
    """The query (SOQL).

    Args:
        options: of the stream.
        fields: of the rows.
        since: the largest value of the cursor that is known, as Salesforce wrote it.
        ordered: by the cursor; Salesforce reads a large object in parts only without.
    """
    conditions = [f"({options.where})"] if options.where else []
    begin = options.start if since is None else moment_of(since)
    if options.cursor and begin is not None:
        begin = begin if begin.tzinfo else begin.replace(tzinfo=UTC)
        if since is not None:
            begin -= timedelta(seconds=options.overlap_seconds)
        compare = ">=" if options.overlap_seconds or since is None else ">"
        written = begin.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        conditions.append(f"{options.cursor} {compare} {written}")
    text = f"SELECT {','.join(fields)} FROM {options.object}"  # noqa: S608 - SOQL, read only
    if conditions:
        text += f" WHERE {' AND '.join(conditions)}"
    if ordered and options.cursor:
        text += f" ORDER BY {options.cursor}, Id"
    return text


def moment_of(value: Any) -> datetime:
    """A moment as either API writes it.

    Raises:
        ConnectorError: it is none.
    """
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise ConnectorError(
            f"{value!r} is no moment", "`cursor` must be a field of type datetime"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Recent:
    """The records that the next read will see again, as it begins earlier: they are left out.

    Args:
        options: of the stream.
        seen: id -> value of the cursor, as the last read left them.
    """

    most = 2000
    """More of them are not remembered: they come again, under the same ids."""

    def __init__(self, options: ObjectStream, seen: Mapping[str, str]) -> None:
        self._field = options.cursor if options.overlap_seconds else ""
        self._overlap = timedelta(seconds=options.overlap_seconds)
        self._before, self._now = dict(seen), dict[str, str]()

    def new(self, records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Those that were not known in this state when the read began."""
        if not self._field:
            return list(records)
        for one in records:
            if stamp := one.get(self._field):
                self._now[str(one.get("Id"))] = str(stamp)
        return [one for one in records if not self._is_known(one)]

    def kept(self, highest: str | None, *, ended: bool) -> dict[str, str]:
        """What the next read must know.

        Args:
            highest: the largest value of the cursor so far.
            ended: that read is a new one, not the rest of this.
        """
        if not self._field or highest is None:
            return {}
        begin = moment_of(highest) - self._overlap
        known = {**self._before, **self._now} if ended else self._now
        some = sorted((at, name) for name, at in known.items() if moment_of(at) >= begin)
        kept = {name: at for at, name in some[-self.most :]}
        if ended:
            return kept
        self._now = kept
        return {**self._before, **kept}

    def _is_known(self, record: Mapping[str, Any]) -> bool:
        known = self._before.get(str(record.get("Id")))
        return known is not None and known == record.get(self._field)


def parted(
    records: Sequence[Mapping[str, Any]], options: ObjectStream
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Records that are there, and those that were deleted."""
    if not options.deleted:
        return list(records), []
    gone = [one for one in records if _is_deleted(one)]
    return [one for one in records if not _is_deleted(one)], gone


def plain(record: Any) -> Any:
    """A record of the REST API without what is said about it; of related ones, too."""
    if isinstance(record, Mapping):
        return {name: plain(value) for name, value in record.items() if name != "attributes"}
    return record


def _is_deleted(record: Mapping[str, Any]) -> bool:
    return record.get("IsDeleted") in (True, "true")
