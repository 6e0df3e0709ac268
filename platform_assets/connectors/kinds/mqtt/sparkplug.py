"""Sparkplug B: a payload's metrics as rows, their names from the births, gaps in the sequence.

The part of the published schema (Eclipse Tahu, sparkplug_b.proto) that is read is described here:
there is no maintained package of it that goes with protobuf 6.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES: Final = {
    1: "Int8", 2: "Int16", 3: "Int32", 4: "Int64", 5: "UInt8", 6: "UInt16", 7: "UInt32",
    8: "UInt64", 9: "Float", 10: "Double", 11: "Boolean", 12: "String", 13: "DateTime",
    14: "Text", 15: "UUID", 16: "DataSet", 17: "Bytes", 18: "File", 19: "Template",
}  # fmt: skip
_SIGNED: Final = {"Int8": 8, "Int16": 16, "Int32": 32, "Int64": 64}
_FIELDS: Final = {
    "Metric": (
        ("name", 1, "string"), ("alias", 2, "uint64"), ("timestamp", 3, "uint64"),
        ("datatype", 4, "uint32"), ("is_historical", 5, "bool"), ("is_transient", 6, "bool"),
        ("is_null", 7, "bool"), ("int_value", 10, "uint32"), ("long_value", 11, "uint64"),
        ("float_value", 12, "float"), ("double_value", 13, "double"),
        ("boolean_value", 14, "bool"), ("string_value", 15, "string"),
        ("bytes_value", 16, "bytes"), ("dataset_value", 17, "bytes"),
        ("template_value", 18, "bytes"),
    ),
    "Payload": (
        ("timestamp", 1, "uint64"), ("metrics", 2, "Metric"), ("seq", 3, "uint64"),
    ),
}  # fmt: skip


class SparkplugError(ValueError):
    """A message that is none of Sparkplug B; says why."""


class Births:
    """What the births said: the names of aliases, and the last number of each node's sequence.

    Args:
        known: as :meth:`cursor` gave it.
    """

    def __init__(self, known: Mapping[str, Any] | None = None) -> None:
        known = known or {}
        self._names: dict[str, dict[str, list[Any]]] = {
            place: dict(names) for place, names in known.get("names", {}).items()
        }
        # Not of the cursor: it moves with every message. After a restart the session has no gap.
        self._last: dict[str, int] = {}
        self.changed = False

    def cursor(self) -> dict[str, Any]:
        """What the next read needs to go on: JSON."""
        self.changed = False
        return {"names": self._names}

    def rows(self, topic: str, payload: bytes) -> Iterator[dict[str, Any]]:
        """A row for each metric.

        Columns: ``_group``, ``_message`` (NBIRTH, NDATA, ...), ``_node``, ``_device``, ``_seq``,
        ``_gap`` (messages of this node are missing before this one), ``metric`` (its name; None
        for an alias of which no birth was seen), ``alias``, ``datatype``, ``value`` (text, or None
        where it is null), ``at`` (UTC), ``historical``.

        Raises:
            SparkplugError: it is none, or of a type that is not read.
        """
        levels = topic.split("/")
        if len(levels) not in (4, 5) or levels[0] != "spBv1.0":
            raise SparkplugError("expected a topic spBv1.0/group/message/node[/device]")
        _, group, kind, node, *rest = levels
        device = rest[0] if rest else None
        from google.protobuf.message import DecodeError

        try:
            decoded = _payload().FromString(payload)
        except DecodeError as error:
            raise SparkplugError(f"the payload is no Sparkplug B: {error}") from None
        place = "/".join([group, node, *rest])
        if kind in ("NBIRTH", "DBIRTH"):
            self._birth(place, decoded)
        gap = self._gap(f"{group}/{node}", kind, decoded)
        common = {
            "_group": group, "_message": kind, "_node": node, "_device": device,
            "_seq": decoded.seq if decoded.HasField("seq") else None, "_gap": gap,
        }  # fmt: skip
        names = self._names.get(place, {})
        for metric in decoded.metrics:
            alias = metric.alias if metric.HasField("alias") else None
            name, number = names.get(str(alias), [None, 0])
            kind_ = _TYPES.get(metric.datatype or number, str(metric.datatype or number))
            moment = metric.timestamp or decoded.timestamp
            yield {
                **common,
                "metric": metric.name or name,
                "alias": alias,
                "datatype": kind_,
                "value": _value(metric, kind_),
                "at": _moment(moment) if moment else None,
                "historical": metric.is_historical,
            }

    def _birth(self, place: str, decoded: Any) -> None:
        names = {
            str(one.alias): [one.name, one.datatype]
            for one in decoded.metrics
            if one.HasField("alias") and one.name
        }
        if names != self._names.get(place):
            self._names[place], self.changed = names, True

    def _gap(self, node: str, kind: str, decoded: Any) -> bool:
        # A death has no number, or that of the connection.
        if not decoded.HasField("seq") or kind == "NDEATH":
            return False
        last, self._last[node] = self._last.get(node), decoded.seq
        return kind != "NBIRTH" and last is not None and decoded.seq != (last + 1) % 256


def _moment(milliseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise SparkplugError(f"a moment outside the calendar: {milliseconds} ms") from None


def _value(metric: Any, kind: str) -> str | None:
    given = metric.WhichOneof("value")
    if metric.is_null or given is None:
        return None
    if given in ("dataset_value", "template_value"):
        raise SparkplugError(f"metric {metric.name or metric.alias}: a {kind} is not read")
    value = getattr(metric, given)
    if kind in _SIGNED:
        bits = _SIGNED[kind]
        value &= (1 << bits) - 1
        value -= (1 << bits) if value >> (bits - 1) else 0
    if kind == "DateTime":
        return _moment(value).isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, bool):
        return str(value).lower()
    if given == "float_value":
        return f"{value:.9g}"
    return str(value)


@lru_cache(maxsize=1)
def _payload() -> Any:
    """The class of a payload."""
    from google.protobuf import descriptor_pool, message_factory
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

    file = FileDescriptorProto(name="weir/sparkplug_b.proto", package="weir.sparkplug")
    file.syntax = "proto2"
    for message, fields in _FIELDS.items():
        made = file.message_type.add(name=message)
        for name, number, kind in fields:
            field = made.field.add(name=name, number=number)
            field.label = FieldDescriptorProto.LABEL_OPTIONAL
            if kind in _FIELDS:
                field.label = FieldDescriptorProto.LABEL_REPEATED
                field.type = FieldDescriptorProto.TYPE_MESSAGE
                field.type_name = f".weir.sparkplug.{kind}"
                continue
            field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
            if name.endswith("_value"):
                field.oneof_index = 0
        if message == "Metric":
            made.oneof_decl.add(name="value")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("weir.sparkplug.Payload"))
