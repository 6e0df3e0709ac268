"""Payloads to the fields of a row; what cannot be read says why."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import fastavro

from platform_assets.connectors.avro_codec import FRAME

Decode = Callable[[bytes], Mapping[str, Any]]
"""A payload's fields.

Raises:
    PayloadError: it cannot be read.
"""


class PayloadError(ValueError):
    """A payload cannot be read; the message becomes a dead letter."""


def decoder(form: str) -> Decode:
    """The decoder of ``json`` or ``text``."""
    return {"json": json_object, "text": text}[form]


def json_object(body: bytes) -> Mapping[str, Any]:
    """The fields of a JSON object; whole numbers of any size are kept."""
    try:
        read = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"not JSON: {error}") from None
    if not isinstance(read, dict):
        raise PayloadError(f"expected a JSON object, got {type(read).__name__}")
    return read


def text(body: bytes) -> Mapping[str, Any]:
    """UTF-8 text as column ``value``."""
    try:
        return {"value": body.decode()}
    except UnicodeDecodeError as error:
        raise PayloadError(f"not UTF-8: {error}") from None


class FramedAvro:
    """Avro in the frame of a schema registry.

    Args:
        schema: a schema's text by its id; None where there is none. Its own errors pass.
    """

    def __init__(self, schema: Callable[[int], str | None]) -> None:
        self._schema = schema
        self._known: dict[int, Any] = {}

    def __call__(self, body: bytes) -> Mapping[str, Any]:
        """See :data:`Decode`."""
        if len(body) < FRAME.size or body[0] != 0:
            raise PayloadError("not framed Avro: expected byte 0 and the id of a schema")
        _, schema_id = FRAME.unpack_from(body)
        if schema_id not in self._known:
            found = self._schema(schema_id)
            if found is None:
                raise PayloadError(f"the registry has no Avro schema {schema_id}")
            self._known[schema_id] = fastavro.parse_schema(json.loads(found))
        schema = self._known[schema_id]
        try:
            read = fastavro.schemaless_reader(io.BytesIO(body[FRAME.size :]), schema, None)
        except Exception as error:  # noqa: BLE001 - whatever the bytes provoke
            raise PayloadError(f"not of schema {schema_id}: {error}") from None
        return read if isinstance(read, dict) else {"value": read}


def _no_number(name: str) -> NoReturn:
    raise PayloadError(f"{name} is no number of JSON")
