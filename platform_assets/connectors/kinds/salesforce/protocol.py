"""The Pub/Sub API's messages and calls, as its ``pubsub_api.proto`` (version 1) numbers them.

Only what a subscriber needs. They are built when they are first used: no generated code, no
compiler, and no clash with a package that has the same messages.
"""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final

_PACKAGE: Final = "eventbus.v1"
SERVICE: Final = f"{_PACKAGE}.PubSub"
EARLIEST, CUSTOM = 1, 2
"""Of ``ReplayPreset``; an enumeration is a number on the wire. 0 is the newest."""

_MESSAGES: Final[dict[str, tuple[tuple[str, int, str], ...]]] = {
    "TopicRequest": (("topic_name", 1, "string"),),
    "TopicInfo": (
        ("topic_name", 1, "string"),
        ("tenant_guid", 2, "string"),
        ("can_publish", 3, "bool"),
        ("can_subscribe", 4, "bool"),
        ("schema_id", 5, "string"),
        ("rpc_id", 6, "string"),
    ),
    "SchemaRequest": (("schema_id", 1, "string"),),
    "SchemaInfo": (
        ("schema_json", 1, "string"),
        ("schema_id", 2, "string"),
        ("rpc_id", 3, "string"),
    ),
    "ProducerEvent": (("id", 1, "string"), ("schema_id", 2, "string"), ("payload", 3, "bytes")),
    "ConsumerEvent": (("event", 1, "ProducerEvent"), ("replay_id", 2, "bytes")),
    "FetchRequest": (
        ("topic_name", 1, "string"),
        ("replay_preset", 2, "int32"),
        ("replay_id", 3, "bytes"),
        ("num_requested", 4, "int32"),
    ),
    "FetchResponse": (
        ("events", 1, "ConsumerEvent*"),
        ("latest_replay_id", 2, "bytes"),
        ("rpc_id", 3, "string"),
        ("pending_num_requested", 4, "int32"),
    ),
}


@lru_cache(maxsize=1)
def messages() -> Any:
    """The message classes, by name."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="pubsub_api.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            one = message.field.add(name=field, number=number, label=kinds.LABEL_OPTIONAL)
            if kind.endswith("*"):
                one.label = kinds.LABEL_REPEATED
            if (inner := kind.rstrip("*")) in _MESSAGES:
                one.type, one.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{inner}"
            else:
                one.type = kinds.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return SimpleNamespace(
        **{
            name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
            for name in _MESSAGES
        }
    )


class Calls:
    """The calls of a channel.

    Attributes:
        topic, schema, subscribe: as gRPC has them; they take ``metadata`` and ``timeout``.
    """

    def __init__(self, channel: Any) -> None:
        made = messages()
        self.topic = _unary(channel, "GetTopic", made.TopicRequest, made.TopicInfo)
        self.schema = _unary(channel, "GetSchema", made.SchemaRequest, made.SchemaInfo)
        self.subscribe = channel.stream_stream(
            f"/{SERVICE}/Subscribe",
            request_serializer=made.FetchRequest.SerializeToString,
            response_deserializer=made.FetchResponse.FromString,
        )


def _unary(channel: Any, name: str, asked: Any, answered: Any) -> Any:
    return channel.unary_unary(
        f"/{SERVICE}/{name}",
        request_serializer=asked.SerializeToString,
        response_deserializer=answered.FromString,
    )
