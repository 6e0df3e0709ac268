"""The reader of REST APIs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from platform_assets.connectors.http import increments
from platform_assets.connectors.http.ahead import Ahead
from platform_assets.connectors.http.client import Answer, HttpClient
from platform_assets.connectors.http.incremental import Place
from platform_assets.connectors.http.increments import Fetched
from platform_assets.connectors.http.rows import records_at
from platform_assets.connectors.kinds.rest.options import RestConfig, RestStream
from platform_assets.connectors.kinds.rest.pagination import Got
from platform_assets.connectors.seam.reader import Context, Cursor, Page, Stream


class RestReader:
    """Reads one API."""

    def __init__(self, config: RestConfig, context: Context) -> None:
        self._config, self._source, self._streams = config, context.source, context.streams
        self._client = HttpClient(config, context)

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        if self._config.check or not self._streams:
            answer = self._client.ask(self._config.check, params=self._config.params)
            return f"{answer.url} answers"
        name = next(iter(self._streams))
        got = self._fetch(name, increments.start(self._streams[name].incremental), None)
        return f"{got.where} answers; the first page of {name} has {len(got.records)} records"

    def discover(self) -> list[Stream]:
        """The streams of its ``defs.yaml``, with the fields of their first pages."""
        return [
            increments.described(
                name, self._fetch, options.incremental, f"{options.method} {options.path}"
            )
            for name, options in self._streams.items()
        ]

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`."""
        where = f"source {self._source}, stream {stream}"
        options: RestStream = self._streams[stream]
        fetch = partial(self._fetch, stream)
        if options.parallel == 1:
            yield from increments.read(where, fetch, cursor, options.incremental)
            return
        with Ahead(fetch, options.pagination.guess, options.parallel) as ahead:
            yield from increments.read(where, ahead, cursor, options.incremental)

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        self._client.close()

    def _fetch(self, stream: str, since: Any, place: Place | None) -> Fetched:
        options: RestStream = self._streams[stream]
        answer = self._ask(options, since, place)
        where = f"source {self._source}, stream {stream}"
        body = answer.json(where)
        records = records_at(body, options.records, f"{where}: {answer.url}")
        following = options.pagination.following(Got(body, answer.headers, records), place)
        if following and "url" in following:
            following = {"url": self._client.linked(answer, following["url"])}
        return Fetched(answer.url, records, following)

    def _ask(self, options: RestStream, since: Any, place: Place | None) -> Answer:
        asked = options.pagination.asked(place)
        if asked.url:
            return self._client.ask(asked.url, method=options.method, **_posted(options, {}))
        params = {**increments.parameter(options.incremental, since), **asked.params}
        fixed = {**self._config.params, **options.params}
        if options.method == "POST":
            return self._client.ask(
                options.path, method="POST", params=fixed, **_posted(options, params)
            )
        return self._client.ask(options.path, params={**fixed, **params})


def _posted(options: RestStream, params: dict[str, Any]) -> dict[str, Any]:
    if options.method != "POST":
        return {}
    body = json.dumps({**(options.body or {}), **params}).encode()
    return {"body": body, "headers": {"Content-Type": "application/json"}}
