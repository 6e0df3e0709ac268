"""Events of the Pub/Sub API as rows: Avro, and which fields a change says it changed."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import fastavro
import pyarrow as pa

from platform_assets.connectors.messages.decode import PayloadError

HEADER: Final = "ChangeEventHeader"
_BITMAPS: Final = ("changedFields", "nulledFields", "diffFields")
_ARROW: Final[Mapping[str, pa.DataType]] = {
    "boolean": pa.bool_(),
    "int": pa.int64(),
    "long": pa.int64(),
    "float": pa.float64(),
    "double": pa.float64(),
}


class EventSchema:
    """A schema of events.

    Args:
        text: Avro in JSON, as ``GetSchema`` gives it.
    """

    def __init__(self, text: str) -> None:
        self._read = json.loads(text)
        self._parsed = fastavro.parse_schema(self._read)

    @property
    def arrow(self) -> pa.Schema:
        """Of rows; nested fields as text, as they may be anything."""
        return pa.schema(
            [
                (one["name"], _ARROW.get(str(_kind(one["type"])), pa.string()))
                for one in self._read["fields"]
            ]
        )

    def decode(self, payload: bytes) -> dict[str, Any]:
        """The fields of an event; the bitmaps of a change as names of fields.

        Raises:
            PayloadError: it is not of this schema.
        """
        try:
            row = fastavro.schemaless_reader(io.BytesIO(payload), self._parsed, None)
        except Exception as error:  # noqa: BLE001 - whatever the bytes provoke
            raise PayloadError(f"not of its schema: {error}") from None
        if not isinstance(row, dict):
            raise PayloadError("expected a record")
        if isinstance(header := row.get(HEADER), dict):
            for name in _BITMAPS:
                if name in header:
                    header[name] = list(self.named(header[name] or ()))
        return row

    def named(self, bitmaps: Sequence[str]) -> Iterator[str]:
        """The fields that bitmaps name: ``0x0A`` in the event, ``4-0x03`` within its fifth field.

        Raises:
            PayloadError: one names a field that the schema lacks.
        """
        for one in bitmaps:
            parent, _, bits = one.rpartition("-")
            fields, prefix = self._read["fields"], ""
            try:
                if parent:
                    outer = fields[int(parent)]
                    fields, prefix = _kind(outer["type"])["fields"], f"{outer['name']}."
                number = int(bits, 16)
                places = [n for n in range(number.bit_length()) if number >> n & 1]
                yield from [f"{prefix}{fields[n]['name']}" for n in places]
            except (ValueError, IndexError, TypeError, KeyError):
                raise PayloadError(f"{one!r} names a field that the schema lacks") from None


def _kind(declared: Any) -> Any:
    """What a field holds beside null; of several kinds the last, which is the record."""
    if isinstance(declared, list):
        held = [one for one in declared if one != "null"]
        return _kind(held[-1]) if held else "null"
    if isinstance(declared, dict) and declared.get("type") not in ("record", "array", "enum"):
        return _kind(declared["type"])
    return declared
