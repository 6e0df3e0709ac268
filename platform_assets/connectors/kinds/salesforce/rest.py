"""Records by the REST API: a query, its pages, and on from the largest moment seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from platform_assets.connectors.http import increments
from platform_assets.connectors.http.incremental import Incremental, Place
from platform_assets.connectors.http.increments import Fetched
from platform_assets.connectors.http.rows import records_at
from platform_assets.connectors.kinds.salesforce.config import RestStream
from platform_assets.connectors.kinds.salesforce.login import Org, SalesforceConfig
from platform_assets.connectors.kinds.salesforce.objects import (
    Recent,
    columns_of,
    found_streams,
    parted,
    plain,
    query,
)
from platform_assets.connectors.seam.reader import ConnectorError, Context, Cursor, Page, Stream

_LONGEST = 12_000
"""Characters of a query: the address that carries it may have 16,384."""


class SalesforceReader:
    """Reads objects of one org."""

    def __init__(self, config: SalesforceConfig, context: Context) -> None:
        self._org, self._context = Org(config, context), context
        self._objects = config.objects
        self._fields: dict[str, tuple[str, ...]] = {}

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        return told(self._org)

    def discover(self) -> list[Stream]:
        """The streams' objects, and the usual ones."""
        return found_streams(self._org, self._context.streams, self._objects)

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`."""
        options: RestStream = self._context.streams[stream]
        where = f"source {self._context.source}, stream {stream}"
        state = dict(cursor or {})
        recent = Recent(options, state.pop("seen", {}))
        grows = Incremental(field=options.cursor) if options.cursor else None
        fetch = partial(self._fetch, stream, recent)
        for page in increments.read(where, fetch, state, grows):
            place = dict(page.cursor or {})
            ended = "place" not in place
            highest = place.get("since" if ended else "highest")
            if seen := recent.kept(highest, ended=ended):
                place["seen"] = seen
            yield replace(page, cursor=place)

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        self._org.close()

    def _fetch(self, stream: str, recent: Recent, since: Any, place: Place | None) -> Fetched:
        options: RestStream = self._context.streams[stream]
        where = f"source {self._context.source}, stream {stream}"
        path = "queryAll" if options.deleted else "query"
        asked = {"Sforce-Query-Options": f"batchSize={options.page_rows}"}
        if place is not None:
            answer = self._org.ask(place["url"], headers=asked)
        else:
            soql = query(options, self._columns(stream), since, ordered=True)
            if len(soql) > _LONGEST:
                raise ConnectorError(
                    f"{where}: a query of {len(soql):,} characters, as {options.object} has so "
                    "many fields",
                    "name those that you need in `fields`, or use salesforce_bulk",
                )
            answer = self._org.ask(path, params={"q": soql}, headers=asked)
        body = answer.json(where)
        records = [plain(one) for one in records_at(body, "records", where)]
        fresh, gone = parted(recent.new(records), options)
        link = None if body.get("done", True) else body.get("nextRecordsUrl")
        following = {"url": self._org.client.linked(answer, link)} if link else None
        return Fetched(answer.url, fresh, following, gone=tuple(gone))

    def _columns(self, stream: str) -> tuple[str, ...]:
        if stream not in self._fields:
            self._fields[stream] = columns_of(self._org, self._context.streams[stream])
        return self._fields[stream]


def told(org: Org) -> str:
    """What a check says: the org's objects, and what is left of the day's requests."""
    where = f"source {org.context.source}"
    number = len(org.json("sobjects", where)["sobjects"])
    limits = org.json("limits", where).get("DailyApiRequests", {})
    left = f"; {limits['Remaining']:,} of {limits['Max']:,} requests left today" if limits else ""
    return f"{org.config.instance}: {number} objects{left}"
