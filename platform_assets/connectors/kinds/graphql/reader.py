"""GraphQL APIs: a query whose variables are the page and what is new, answered in connections."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from platform_assets.connectors.http import increments
from platform_assets.connectors.http.client import HttpClient, HttpConfig
from platform_assets.connectors.http.incremental import Place
from platform_assets.connectors.http.increments import Fetched
from platform_assets.connectors.http.paths import at
from platform_assets.connectors.http.rows import records_at
from platform_assets.connectors.kinds.graphql.config import GraphqlStream
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    Cursor,
    Page,
    SourceAwayError,
    SourceRefusedError,
    Stream,
)

_BUSY = ("THROTTLED", "RATE_LIMITED", "RATELIMITED", "TOO_MANY_REQUESTS")
_REFUSED = ("UNAUTHENTICATED", "FORBIDDEN", "ACCESS_DENIED", "UNAUTHORIZED")


class GraphqlReader:
    """Reads one API."""

    def __init__(self, config: HttpConfig, context: Context) -> None:
        self._source, self._streams = context.source, context.streams
        self._client = HttpClient(config, context)

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        url, body = self._ask("check", "{ __typename }", {})
        return f"{url} answers as {at(body, 'data.__typename')}"

    def discover(self) -> list[Stream]:
        """The streams of its ``defs.yaml``, with the fields of their first pages."""
        return [
            increments.described(name, self._fetch, options.incremental)
            for name, options in self._streams.items()
        ]

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`."""
        where = f"source {self._source}, stream {stream}"
        options: GraphqlStream = self._streams[stream]
        yield from increments.read(where, partial(self._fetch, stream), cursor, options.incremental)

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        self._client.close()

    def _fetch(self, stream: str, since: Any, place: Place | None) -> Fetched:
        options: GraphqlStream = self._streams[stream]
        variables = {**options.variables, options.size_variable: options.size}
        if place is not None:
            variables[options.after] = place["after"]
        variables |= increments.parameter(options.incremental, since)
        where = f"source {self._source}, stream {stream}"
        url, body = self._ask(stream, options.query, variables)
        records = records_at(body, options.records, f"{where}: {url}")
        following = None
        if options.info:
            info = at(body, options.info)
            if not isinstance(info, Mapping) or "hasNextPage" not in info:
                raise ConnectorError(
                    f"{where}: {url}: no hasNextPage at {options.info!r}",
                    "ask for `pageInfo { hasNextPage endCursor }`, or set `page_info`",
                )
            if info["hasNextPage"]:
                following = {"after": info.get("endCursor")}
        return Fetched(url, records, following)

    def _ask(self, stream: str, query: str, variables: Mapping[str, Any]) -> tuple[str, Any]:
        content = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        where = f"source {self._source}, stream {stream}"
        answer = self._client.ask("", method="POST", body=content, headers=headers)
        body = answer.json(where)
        errors = body.get("errors") if isinstance(body, Mapping) else None
        if errors:
            # With errors, what is there of the data is not all of it.
            raise _explained(f"{where}: {answer.url}", errors)
        return answer.url, body


def _explained(where: str, errors: Any) -> ConnectorError:
    found = [one for one in errors if isinstance(one, Mapping)] if isinstance(errors, list) else []
    codes = {str(at(one, "extensions.code") or one.get("type") or "").upper() for one in found}
    said = "; ".join(str(one.get("message")) for one in found[:3]) or "errors without a message"
    if codes & set(_BUSY):
        return SourceAwayError(f"{where}: {said}", "it is tried again at the next read")
    if codes & set(_REFUSED):
        return SourceRefusedError(f"{where}: {said}", "check the credentials and their rights")
    return ConnectorError(f"{where}: {said}", "see `query`")
