"""The reader of OData services."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import unquote

from platform_assets.connectors.http import increments
from platform_assets.connectors.http.client import Answer, HttpClient, StatusError
from platform_assets.connectors.http.incremental import Incremental, Place
from platform_assets.connectors.http.increments import Fetched
from platform_assets.connectors.http.rows import records_at
from platform_assets.connectors.kinds.odata.config import ODataConfig, ODataStream
from platform_assets.connectors.kinds.odata.metadata import EntitySet, entity_sets
from platform_assets.connectors.seam.reader import ConnectorError, Context, Cursor, Page, Stream

_EXPIRED = (400, 404, 410)
_DATE = re.compile(r"^/Date\((-?\d+)([+-]\d{1,4})?\)/$")
_PART = re.compile(r"(?:(\w+)=)?('(?:[^']|'')*'|[^,']+)")

_KEYS: dict[tuple[str, str, str], tuple[str, ...]] = {}
"""Source, service and entity set -> its key. Metadata may be megabytes: no read asks again."""

DELTA = "_delta"
"""Column of a stream that is read by delta links: which page of which read a change came with. With
the key it names an event: ``identity: [ID, _delta]``."""
READ_AT = "_read_at"
"""Column of such a stream: when the change was read, UTC; a deletion has no other moment."""


class ODataReader:
    """Reads one service."""

    def __init__(self, config: ODataConfig, context: Context) -> None:
        self._config, self._source, self._streams = config, context.source, context.streams
        self._client = HttpClient(config, context)
        self._sets: dict[str, EntitySet] | None = None

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        return f"{self._config.base_url}: {len(self._known())} entity sets"

    def discover(self) -> list[Stream]:
        """The service's entity sets."""
        return [
            Stream(one.name, one.schema, one.key, one.moments) for one in self._known().values()
        ]

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`."""
        options: ODataStream = self._streams[stream]
        where = f"source {self._source}, stream {stream}"
        grows = None
        if options.cursor:
            grows = Incremental(field=options.cursor, start=options.start)
        yield from increments.read(where, partial(self._fetch, stream), cursor, grows)

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        self._client.close()

    def _fetch(self, stream: str, since: Any, place: Place | None) -> Fetched:
        options: ODataStream = self._streams[stream]
        where = f"source {self._source}, stream {stream}"
        answer = self._asked(options, since, place)
        body = answer.json(where)
        two = self._config.version == "2"
        inner = body.get("d") if two and isinstance(body, Mapping) else body
        path = "results" if two else "value"
        records = records_at(inner, "" if isinstance(inner, list) else path, where)
        names = ("__next", "__delta") if two else ("@odata.nextLink", "@odata.deltaLink")
        following, later = (
            self._client.linked(answer, str(inner[name]))
            if isinstance(inner, Mapping) and inner.get(name)
            else None
            for name in names
        )
        if options.delta and following is None and later is None:
            raise ConnectorError(
                f"{where}: {answer.url}: the last page has no delta link",
                "the service does not track changes of this set: use `cursor`",
            )
        if options.delta:
            records = self._last_states(options, records, where)
        rows, gone = [], []
        # By the page, too: a service may tell an entity again on a later one, in a newer state.
        links = [str(link) for link in (since, place and place["url"]) if link]
        mark = hashlib.sha256("\n".join(links).encode()).hexdigest()[:16] if links else ""
        more = {DELTA: mark, READ_AT: datetime.now(UTC).isoformat()} if options.delta else {}
        for one in records:
            if isinstance(one, Mapping) and _removed(one):
                gone.append({**self._key(options, one, where), **more})
            else:
                rows.append(_row(one, more))
        return Fetched(
            answer.url,
            rows,
            {"url": following} if following else None,
            {"since": later} if later and options.delta else None,
            tuple(gone),
        )

    def _last_states(self, options: ODataStream, records: list[Any], where: str) -> list[Any]:
        """Each entity once, as the page tells it last: its states would have one event id."""
        # A path (`users/delta`) is no set, and has no key that anybody states.
        if len(records) < 2 or "/" in options.entity:
            return records
        names = self._key_of(options.entity)
        last: dict[tuple[str, ...], Any] = {}
        for number, one in enumerate(records):
            key: Mapping[str, Any] = {}
            if isinstance(one, Mapping):
                key = self._key(options, one, where) if _removed(one) else one
            named = bool(names) and all(name in key for name in names)
            place = tuple(str(key[name]) for name in names) if named else ("", str(number), "")
            last.pop(place, None)
            last[place] = one
        return list(last.values())

    def _asked(self, options: ODataStream, since: Any, place: Place | None) -> Answer:
        """The page."""
        if place is not None:
            return self._get(place["url"], options)
        if options.delta and since:
            try:
                return self._get(since, options)
            except StatusError as error:
                if error.status not in _EXPIRED:
                    raise
                # The service forgot it: everything is read again, still marked by the link.
                # Marked as the first read, newer states would have the ids of those from then.
        return self._get(options.entity, options, self._query(options, since))

    def _get(
        self, path: str, options: ODataStream, params: Mapping[str, Any] | None = None
    ) -> Answer:
        version = self._config.version
        prefer = [f"odata.maxpagesize={options.page_rows}"]
        if options.delta:
            prefer.insert(0, "odata.track-changes")
        headers = {"Prefer": ", ".join(prefer), "Accept": "application/json"}
        if version == "4":
            headers |= {"OData-Version": "4.0", "OData-MaxVersion": "4.01"}
        else:
            headers |= {"DataServiceVersion": "2.0", "MaxDataServiceVersion": "2.0"}
        return self._client.ask(
            path, params={**self._config.params, **(params or {})}, headers=headers
        )

    def _query(self, options: ODataStream, since: Any) -> dict[str, str]:
        query = {}
        if self._config.version == "2":
            query["$format"] = "json"
        if options.select:
            query["$select"] = ",".join(options.select)
        if options.expand:
            query["$expand"] = options.expand
        conditions = [f"({options.filter})"] if options.filter else []
        if options.cursor:
            query["$orderby"] = f"{options.cursor} asc"
            if since is not None:
                compare = "ge" if options.overlap_seconds else "gt"
                literal = self._literal(options, since)
                conditions.append(f"{options.cursor} {compare} {literal}")
        if conditions:
            query["$filter"] = " and ".join(conditions)
        return query

    def _literal(self, options: ODataStream, since: Any) -> str:
        """The cursor's value as the type of its property is written."""
        entities = self._set(options.entity)
        kind = entities.properties.get(options.cursor, "")
        if not kind:
            raise ConnectorError(
                f"source {self._source}: {options.entity} has no property {options.cursor!r}",
                f"it has: {', '.join(entities.properties)}",
            )
        if options.cursor in entities.moments:
            moment = datetime.fromisoformat(str(since))
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            moment = moment.astimezone(UTC) - timedelta(seconds=options.overlap_seconds)
            written = moment.isoformat().removesuffix("+00:00")
            if self._config.version == "4":
                return f"{written}Z"
            return (
                f"datetime'{written}'" if kind == "Edm.DateTime" else f"datetimeoffset'{written}Z'"
            )
        if kind == "Edm.String":
            return "'" + str(since).replace("'", "''") + "'"
        if kind == "Edm.Guid" and self._config.version == "2":
            return f"guid'{since}'"
        suffix = {"Edm.Int64": "L", "Edm.Decimal": "M"}.get(kind, "")
        return f"{since}{suffix if self._config.version == '2' else ''}"

    def _key(self, options: ODataStream, one: Mapping[str, Any], where: str) -> dict[str, Any]:
        """The key of a deleted entity: among its fields, or in its address."""
        names = self._key_of(options.entity)
        address = str(one.get("@odata.id") or one.get("@id") or one.get("id") or "")
        # A slash within a key is %2F.
        address = unquote(address.rpartition("/")[2])
        made: dict[str, Any] = {}
        if address.endswith(")"):
            inside = address.partition("(")[2][:-1]
            parts = [(name, _value(text)) for name, text in _PART.findall(inside)]
            made = {
                name or first: value for (name, value), first in zip(parts, names, strict=False)
            }
        elif all(name in one for name in names):
            made = {name: one[name] for name in names}
        elif address and len(names) == 1:
            made = {names[0]: address}  # Dataverse gives the bare key
        if not names or set(made) != set(names):
            raise ConnectorError(
                f"{where}: a deleted record without its key {', '.join(names)}: {dict(one)}"
            )
        return made

    def _key_of(self, entity: str) -> tuple[str, ...]:
        place = (self._source, self._config.base_url, entity)
        if place not in _KEYS:
            _KEYS[place] = self._set(entity).key
        return _KEYS[place]

    def _set(self, entity: str) -> EntitySet:
        known = self._known()
        if entity not in known:
            raise ConnectorError(
                f"source {self._source}: no entity set {entity!r}",
                f"it has: {', '.join(sorted(known)[:30])}",
            )
        return known[entity]

    def _known(self) -> dict[str, EntitySet]:
        if self._sets is None:
            answer = self._client.ask(
                "$metadata", params=self._config.params, headers={"Accept": "application/xml"}
            )
            self._sets = entity_sets(answer.body, f"source {self._source}: {answer.url}")
        return self._sets


def _removed(one: Mapping[str, Any]) -> bool:
    return (
        "@removed" in one
        or "@odata.removed" in one
        or str(one.get("@odata.context", "")).endswith("/$deletedEntity")
        or str(one.get("@context", "")).endswith("/$deletedEntity")
        # SAP's operational data provisioning: a row that says what became of it.
        or one.get("ODQ_CHANGEMODE") == "D"
    )


def _row(one: Any, more: Mapping[str, Any] | None = None) -> Any:
    """A record without what is not data, with further columns; dates of version 2 as ISO."""
    if not isinstance(one, Mapping):
        return one
    row = {
        name: _plain(value)
        for name, value in one.items()
        if "@" not in name and name != "__metadata" and not _deferred(value)
    }
    return {**row, **(more or {})}


def _deferred(value: Any) -> bool:
    return isinstance(value, Mapping) and "__deferred" in value


def _plain(value: Any) -> Any:
    if isinstance(value, str) and (found := _DATE.match(value)):
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(found[1]))
        return moment.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        if isinstance(value.get("results"), list):
            return [_row(one) for one in value["results"]]
        return _row(value)
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _value(text: str) -> Any:
    text = text.strip()
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    return int(text) if re.fullmatch(r"-?\d+", text) else text
