"""Subscriptions of Google Pub/Sub, over its REST interface: acknowledged when in the log."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa

from platform_assets.connectors.http.client import HttpClient
from platform_assets.connectors.kinds.google_pubsub.config import PubsubConfig, PubsubStream
from platform_assets.connectors.messages.decode import decoder
from platform_assets.connectors.messages.live import IDLE_SECONDS
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.messages.rows import page_of, streams_of
from platform_assets.connectors.seam.reader import ConnectorError, Context, Cursor, Page, Stream

_JSON = {"Content-Type": "application/json"}


class PubsubReader:
    """Reads subscriptions of one project."""

    def __init__(self, config: PubsubConfig, context: Context) -> None:
        self._context, self._project = context, config.project
        self._where = f"source {context.source}"
        self._http = HttpClient(config, context)

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        return f"Pub/Sub, project {self._project}: {len(self._names())} subscriptions"

    def discover(self) -> list[Stream]:
        """The subscriptions; their fields are in the messages."""
        return streams_of(self._names(), _OWN)

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`; the subscription keeps its own place."""
        del cursor
        options: PubsubStream = self._context.streams[stream]
        path = f"projects/{self._project}/subscriptions/{options.subscription}"
        decode = decoder(options.format)
        while not self._context.stop.is_set():
            # Without `returnImmediately` an idle request would outlast a stop.
            asked = {"maxMessages": options.page_messages, "returnImmediately": True}
            answer = self._post(f"{path}:pull", asked).json(f"{self._where}, stream {stream}")
            received = answer.get("receivedMessages", [])
            if not received:
                self._context.stop.wait(IDLE_SECONDS)
                continue
            yield page_of(
                [_message(options.subscription, one["message"]) for one in received],
                decode,
                acknowledge=partial(self._acknowledge, path, [one["ackId"] for one in received]),
            )

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        self._http.close()

    def _acknowledge(self, path: str, ids: list[str]) -> None:
        self._post(f"{path}:acknowledge", {"ackIds": ids})

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        text = json.dumps(body).encode()
        return self._http.ask(path, method="POST", body=text, headers=_JSON)

    def _names(self) -> list[str]:
        found: list[str] = []
        params: dict[str, Any] = {}
        while True:
            path = f"projects/{self._project}/subscriptions"
            answer = self._http.ask(path, params=params).json(self._where)
            if not isinstance(answer, dict):
                raise ConnectorError(f"{self._where}: no list of subscriptions")
            found += [one["name"].rpartition("/")[2] for one in answer.get("subscriptions", [])]
            if not answer.get("nextPageToken"):
                return sorted(found)
            params = {"pageToken": answer["nextPageToken"]}


def _message(subscription: str, one: dict[str, Any]) -> Message:
    attributes = one.get("attributes")
    published = one.get("publishTime")
    return Message(
        base64.b64decode(one.get("data", "")),
        one["messageId"],
        f"{subscription}, message {one['messageId']}",
        {
            "_key": one.get("orderingKey"),
            "_at": datetime.fromisoformat(published) if published else None,
            "_headers": json.dumps(attributes) if attributes else None,
        },
    )


_OWN = {
    "_id": pa.string(),
    "_key": pa.string(),
    "_at": pa.timestamp("us", "UTC"),
    "_headers": pa.string(),
}
