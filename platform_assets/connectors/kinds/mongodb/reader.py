"""Collections of MongoDB, and of what speaks its protocol, read in increments.

Pages go on behind the last (cursor, ``_id``) in that order. Documents that are deleted are not
seen: for those, change data capture reads the server's log.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from platform_assets.connectors.kinds.mongodb.config import MongoConfig, MongoStream
from platform_assets.connectors.messages.asking import Verdict, asking
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.messages.rows import page_of
from platform_assets.connectors.seam.reader import ConnectorError, Context, Cursor, Page, Stream
from platform_assets.core.retry import Retry
from platform_assets.core.secrets import read_secret

_RETRY = Retry(attempts=3, seconds=30)
_REFUSED = (13, 18, 8000)
"""Codes: unauthorized, authentication failed, the same of Atlas."""


class MongoReader:
    """Reads collections of one database."""

    def __init__(self, config: MongoConfig, context: Context) -> None:
        import pymongo

        self._context = context
        self._where = f"source {context.source}: MongoDB at {config.url}"
        millis = int(config.timeout_seconds * 1000)
        login: dict[str, Any] = {}
        if config.user:
            login = {"username": config.user, "password": read_secret(config.password)}
        self._client: Any = pymongo.MongoClient(
            config.url,
            tz_aware=True,
            connect=False,
            serverSelectionTimeoutMS=min(millis, 10_000),
            connectTimeoutMS=min(millis, 10_000),
            socketTimeoutMS=millis,
            **login,
        )
        self._database = self._client[config.database]

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        return f"{self._where.partition(': ')[2]}: {len(self._names())} collections"

    def discover(self) -> list[Stream]:
        """The collections, with the fields of a document each."""
        found = []
        for name in self._names():
            with asking(self._where, _judge):
                one = self._database[name].find_one() or {}
            table = page_of([_message(name, one)], None).rows if one else pa.table({})
            found.append(Stream(name, table.schema, ("_id",), ("_id",)))
        return found

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`."""
        options: MongoStream = self._context.streams[stream]
        where = f"{self._where}, collection {options.collection}"
        place = _decoded(cursor["after"]) if cursor else None
        while True:
            with asking(where, _judge):
                found = _RETRY.on(_may_pass)(self._page, options, place)
            if not found:
                return
            last = found[-1]
            if last.get(options.cursor) is None:
                raise ConnectorError(
                    f"{where}: document {last['_id']} has no {options.cursor}",
                    "choose a cursor that every document has",
                )
            place = {"value": last[options.cursor], "id": last["_id"]}
            yield page_of(
                [_message(options.collection, one) for one in found],
                None,
                cursor={"after": _encoded(place)},
            )
            if len(found) < options.page_messages:
                return

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        self._client.close()

    def _page(self, options: MongoStream, place: Any) -> list[dict[str, Any]]:
        field = options.cursor
        wanted: dict[str, Any] = {}
        if place is not None and field == "_id":
            wanted = {"_id": {"$gt": place["id"]}}
        elif place is not None:
            wanted = {
                "$or": [
                    {field: {"$gt": place["value"]}},
                    {field: place["value"], "_id": {"$gt": place["id"]}},
                ]
            }
        order = [(field, 1)] if field == "_id" else [(field, 1), ("_id", 1)]
        query = self._database[options.collection].find(wanted).sort(order)
        return list(query.limit(options.page_messages))

    def _names(self) -> list[str]:
        with asking(self._where, _judge):
            names = _RETRY.on(_may_pass)(self._database.list_collection_names)
        return sorted(name for name in names if not name.startswith("system."))


def _message(collection: str, one: Mapping[str, Any]) -> Message:
    name = str(one["_id"])
    body = {field: _plain(value) for field, value in one.items() if field != "_id"}
    return Message(body, name, f"{collection}, document {name}")


def _plain(value: Any) -> Any:
    """A value of BSON as rows have it."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if value is None or isinstance(value, (bool, float, str, bytes)):
        return value
    return int(value) if isinstance(value, int) else str(value)


def _encoded(place: dict[str, Any]) -> Any:
    from bson import json_util

    return json.loads(json_util.dumps(place))


def _decoded(place: Any) -> Any:
    from bson import json_util

    return json_util.loads(json.dumps(place))


def _may_pass(error: BaseException) -> bool:
    return _judge(error) is Verdict.AWAY


def _judge(error: BaseException) -> Verdict | None:
    from pymongo import errors

    if isinstance(error, (errors.OperationFailure, errors.ConfigurationError)):
        code = getattr(error, "code", None)
        return Verdict.REFUSED if code in _REFUSED else Verdict.WRONG
    if isinstance(error, errors.ConnectionFailure):
        return Verdict.AWAY
    return Verdict.WRONG if isinstance(error, errors.PyMongoError) else None
