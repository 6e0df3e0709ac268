"""Documents of Elasticsearch and OpenSearch, in the order of a field that grows.

Pages go on behind the last (cursor, key), as ``search_after`` has it. A document that becomes
visible late, with a moment before the cursor, is found by ``overlap_seconds``: each read begins
that much earlier, and the repeats have the same ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from platform_assets.connectors.http.client import HttpClient, HttpConfig
from platform_assets.connectors.kinds.search.config import SearchStream
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.messages.rows import page_of
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    Cursor,
    Page,
    Stream,
)

_ARROW = {
    "long": pa.int64(),
    "integer": pa.int64(),
    "short": pa.int64(),
    "double": pa.float64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
}


class SearchReader:
    """Reads indices of one cluster."""

    def __init__(self, config: HttpConfig, context: Context) -> None:
        self._context = context
        self._where = f"source {context.source}"
        self._http = HttpClient(config, context)

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        told = self._http.ask("/").json(self._where)
        version = told.get("version", {}) if isinstance(told, dict) else {}
        name = version.get("distribution", "elasticsearch")
        return f"{self._http.base}: {name} {version.get('number', '?')}"

    def discover(self) -> list[Stream]:
        """The indices that are not hidden, with their fields."""
        found = self._http.ask("_mapping").json(self._where)
        streams = []
        for name, told in sorted(found.items()):
            if name.startswith("."):
                continue
            fields = told.get("mappings", {}).get("properties", {})
            schema = [pa.field(field, _ARROW.get(one.get("type"), pa.string()))
                      for field, one in fields.items()]  # fmt: skip
            schema.append(pa.field("_id", pa.string()))
            grows = tuple(field for field, one in fields.items() if one.get("type") == "date")
            streams.append(Stream(name, pa.schema(schema), ("_id",), grows))
        return streams

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`."""
        options: SearchStream = self._context.streams[stream]
        where = f"{self._where}, stream {stream}"
        after = list(cursor["after"]) if cursor else None
        if after and options.overlap_seconds and isinstance(after[0], (int, float)):
            # A date sorts as milliseconds; the smallest key is before all others.
            after = [after[0] - int(options.overlap_seconds * 1000), after[1] if
                     isinstance(after[1], (int, float)) else ""]  # fmt: skip
        while True:
            asked: dict[str, Any] = {
                "size": options.page_messages,
                "sort": [{options.cursor: "asc"}, {options.key: "asc"}],
                "track_total_hits": False,
            }
            if after is not None:
                asked["search_after"] = after
            answer = self._http.ask(
                f"{options.index}/_search",
                method="POST",
                body=json.dumps(asked).encode(),
                headers={"Content-Type": "application/json"},
            ).json(where)
            hits = _hits(answer, where)
            if not hits:
                return
            after = hits[-1]["sort"]
            yield page_of([_message(one) for one in hits], None, cursor={"after": after})
            if len(hits) < options.page_messages:
                return

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        self._http.close()


def _hits(answer: Any, where: str) -> list[dict[str, Any]]:
    try:
        if answer["timed_out"] or answer["_shards"]["failed"]:
            raise ConnectorError(
                f"{where}: {answer['_shards']['failed']} shards failed, or time ran out: the "
                "answer is not whole",
                "see the cluster's health",
            )
        hits: list[dict[str, Any]] = answer["hits"]["hits"]
    except (KeyError, TypeError) as error:
        raise ConnectorError(f"{where}: no answer of a search: {error} is missing") from None
    for one in hits:
        if None in one["sort"]:
            raise ConnectorError(
                f"{where}: document {one['_id']} has no cursor or no key",
                "leave such documents out by an alias with a filter",
            )
    return hits


def _message(one: dict[str, Any]) -> Message:
    name = f"{one['_index']}/{one['_id']}"
    return Message(one["_source"], one["_id"], name, {"_index": one["_index"]})
