"""Tables of DynamoDB, scanned page by page.

A scan goes on where it stopped, also after a crash. The next one reads the table again, or of it
what has a later value in ``changed``; the repeats have the same ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import Any

import pyarrow as pa

from platform_assets.connectors.kinds.aws.client import (
    RETRY,
    connect,
    judge,
    listed,
    may_pass,
)
from platform_assets.connectors.kinds.aws.config import AwsConfig, DynamoStream
from platform_assets.connectors.messages.asking import asking
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.messages.rows import page_of
from platform_assets.connectors.seam.reader import Context, Cursor, Page, Stream


class DynamoReader:
    """Reads tables of one region."""

    def __init__(self, config: AwsConfig, context: Context) -> None:
        self._context = context
        self._where = f"source {context.source}: DynamoDB in {config.region}"
        self._client = connect("dynamodb", config)

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`."""
        return f"{self._where.partition(': ')[2]}: {len(self._names())} tables"

    def discover(self) -> list[Stream]:
        """The tables, with the attributes of their keys; the others are in the items."""
        found = []
        kinds = {"S": pa.string(), "N": pa.float64(), "B": pa.binary()}
        for name in self._names():
            with asking(self._where, judge):
                table = RETRY.on(may_pass)(self._client.describe_table, TableName=name)["Table"]
            known = {one["AttributeName"]: one["AttributeType"] for one in _list(table)}
            key = tuple(one["AttributeName"] for one in table["KeySchema"])
            schema = pa.schema([(one, kinds[known[one]]) for one in key])
            found.append(Stream(name, schema, key))
        return found

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`.

        The cursor: ``after``, the key that a scan under way has reached; ``known``, the value of
        ``changed`` that the scan before it reached; ``seen``, the greatest so far.
        """
        options: DynamoStream = self._context.streams[stream]
        where = f"{self._where}, table {options.table}"
        with asking(where, judge):
            table = RETRY.on(may_pass)(self._client.describe_table, TableName=options.table)
        key = [one["AttributeName"] for one in table["Table"]["KeySchema"]]
        after, known, seen = (
            (cursor or {}).get("after"),
            (cursor or {}).get("known"),
            (cursor or {}).get("seen"),
        )
        while True:
            with asking(where, judge):
                answer = RETRY.on(may_pass)(self._client.scan, **_question(options, after, known))
            items = [self._plain(one) for one in answer["Items"]]
            seen = _greatest(seen, [one.get(options.changed) for one in items])
            raw = answer.get("LastEvaluatedKey")
            after = json.loads(json.dumps(raw, default=_bytes)) if raw else None
            if after is None:
                known = seen
            place = {"after": after, "known": known, "seen": seen}
            yield page_of([_message(options.table, key, one) for one in items], None, cursor=place)
            if after is None:
                return

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        self._client.close()

    def _plain(self, item: dict[str, Any]) -> dict[str, Any]:
        return {name: _value(self._deserialize(one)) for name, one in item.items()}

    @cached_property
    def _deserialize(self) -> Any:
        from boto3.dynamodb.types import TypeDeserializer

        return TypeDeserializer().deserialize

    def _names(self) -> list[str]:
        return listed(self._client, self._where, "list_tables", "TableNames")


def _list(table: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = table["AttributeDefinitions"]
    return found


def _question(options: DynamoStream, after: Any, known: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "TableName": options.table,
        "Limit": options.page_messages,
        "ConsistentRead": True,
    }
    if after is not None:
        asked["ExclusiveStartKey"] = _from_json(after)
    if options.changed and known is not None:
        kind = "S" if isinstance(known, str) else "N"
        asked["FilterExpression"] = "#changed >= :known"
        asked["ExpressionAttributeNames"] = {"#changed": options.changed}
        asked["ExpressionAttributeValues"] = {":known": {kind: str(known)}}
    return asked


def _greatest(seen: Any, values: list[Any]) -> Any:
    of = [one for one in [seen, *values] if isinstance(one, (int, float, str))]
    kinds = {isinstance(one, str) for one in of}
    return max(of) if len(kinds) == 1 else seen


def _message(table: str, key: list[str], item: dict[str, Any]) -> Message:
    named = json.dumps([item.get(name) for name in key], default=str)
    return Message(item, named, f"{table}, key {named}")


def _value(value: Any) -> Any:
    """An attribute's value as JSON has it; sets in order."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _value(one) for name, one in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(_value(one) for one in value)
    if isinstance(value, list):
        return [_value(one) for one in value]
    return bytes(value) if type(value).__name__ == "Binary" else value


def _bytes(value: Any) -> dict[str, str]:
    return {"hex": bytes(value).hex()}


def _from_json(key: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            kind: bytes.fromhex(one["hex"]) if isinstance(one, dict) else one
            for kind, one in value.items()
        }
        for name, value in key.items()
    }
