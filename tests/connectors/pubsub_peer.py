"""Salesforce's event bus over real gRPC: channels that keep events by replay id, for subscribers.

Belongs here: the server that tests of ``salesforce_events`` ask, written from the API's
documentation. Does not belong here: any test.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Self

import fastavro
import grpc

from platform_assets.connectors.kinds.salesforce.protocol import CUSTOM, SERVICE, messages

EVENT: dict[str, Any] = {
    "type": "record", "name": "Order_Paid__e", "fields": [
        {"name": "CreatedDate", "type": "long"}, {"name": "CreatedById", "type": "string"},
        {"name": "Number__c", "type": ["null", "string"]},
        {"name": "City__c", "type": ["null", "string"]},
    ],
}  # fmt: skip
CHANGE: dict[str, Any] = {
    "type": "record", "name": "AccountChangeEvent", "fields": [
        {"name": "ChangeEventHeader", "type": {"type": "record", "name": "ChangeEventHeader",
         "fields": [
             {"name": "entityName", "type": "string"},
             {"name": "recordIds", "type": {"type": "array", "items": "string"}},
             {"name": "changeType", "type": {"type": "enum", "name": "ChangeType",
              "symbols": ["CREATE", "UPDATE", "DELETE", "UNDELETE"]}},
             {"name": "commitTimestamp", "type": "long"},
             {"name": "nulledFields", "type": {"type": "array", "items": "string"}},
             {"name": "diffFields", "type": {"type": "array", "items": "string"}},
             {"name": "changedFields", "type": {"type": "array", "items": "string"}},
         ]}},
        {"name": "Name", "type": ["null", "string", {"type": "record", "name": "PersonName",
         "fields": [{"name": "Salutation", "type": ["null", "string"]},
                    {"name": "FirstName", "type": ["null", "string"]},
                    {"name": "LastName", "type": ["null", "string"]}]}]},
        {"name": "Phone", "type": ["null", "string"]},
        {"name": "AnnualRevenue", "type": ["null", "double"]},
    ],
}  # fmt: skip
LATEST = 0
_EXPIRED = "sfdc.platform.eventbus.grpc.subscription.fetch.replayid.validation.failed"


class Bus:
    """Channels of one org.

    Attributes:
        events: channel -> replay id, schema id and payload of each event, oldest first.
        schemas: schema id -> Avro.
        token: that is good.
        forgotten: replay ids up to here are too old.
        asked: number of events of each request.
        schema_calls: how often a schema was asked for.
        hang_up: ends the calls under way with this status.
    """

    def __init__(self) -> None:
        self.events: dict[str, list[tuple[int, str, bytes]]] = {}
        self.schemas = {"s1": EVENT, "c1": CHANGE}
        self.token, self.forgotten = "t1", 0
        self.asked: list[int] = []
        self.firsts: list[Any] = []
        self.schema_calls = 0
        self.most_open = 0
        self.tenants: set[str] = set()
        self._number = 0
        self._changed = threading.Condition()
        self._calls: set[Any] = set()
        self.port = 0
        self._server: Any = None

    def publish(self, channel: str, schema: str, body: dict[str, Any] | bytes) -> None:
        """Add an event."""
        with self._changed:
            self._number += 1
            payload = body if isinstance(body, bytes) else _avro(self.schemas[schema], body)
            self.events.setdefault(channel, []).append((self._number, schema, payload))
            self._changed.notify_all()

    def hang_up(self, code: Any) -> None:
        """End the calls under way."""
        for one in list(self._calls):
            one.code = code
        with self._changed:
            self._changed.notify_all()

    @contextmanager
    def serving(self) -> Iterator[Self]:
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def start(self) -> None:
        made = messages()
        handlers = {
            "GetTopic": grpc.unary_unary_rpc_method_handler(
                self._topic, made.TopicRequest.FromString, made.TopicInfo.SerializeToString
            ),
            "GetSchema": grpc.unary_unary_rpc_method_handler(
                self._schema, made.SchemaRequest.FromString, made.SchemaInfo.SerializeToString
            ),
            "Subscribe": grpc.stream_stream_rpc_method_handler(
                self._subscribe, made.FetchRequest.FromString, made.FetchResponse.SerializeToString
            ),
        }
        self._server = grpc.server(ThreadPoolExecutor(8))
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, handlers),)
        )
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    def stop(self) -> None:
        self.hang_up(grpc.StatusCode.UNAVAILABLE)
        self._server.stop(0.2).wait(5)

    def _known(self, context: Any) -> None:
        given = dict(context.invocation_metadata())
        self.tenants.add(given.get("tenantid", ""))
        if given.get("accesstoken") != self.token:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the session has ended")

    def _topic(self, request: Any, context: Any) -> Any:
        self._known(context)
        if request.topic_name not in self.events:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no topic {request.topic_name}")
        schema = "c1" if request.topic_name.startswith("/data/") else "s1"
        return messages().TopicInfo(
            topic_name=request.topic_name, can_subscribe="Secret" not in request.topic_name,
            schema_id=schema,
        )  # fmt: skip

    def _schema(self, request: Any, context: Any) -> Any:
        self._known(context)
        self.schema_calls += 1
        text = json.dumps(self.schemas[request.schema_id])
        return messages().SchemaInfo(schema_json=text, schema_id=request.schema_id)

    def _subscribe(self, requests: Any, context: Any) -> Iterator[Any]:
        self._known(context)
        call = _Call()
        self._calls.add(call)
        first = next(requests)
        self.firsts.append(first)
        self._allow(call, first)
        channel = self.events[first.topic_name]
        place = {LATEST: self._number, CUSTOM: int.from_bytes(first.replay_id)}.get(
            first.replay_preset, 0
        )
        if first.replay_preset == CUSTOM and place <= self.forgotten:
            context.set_trailing_metadata((("error-code", _EXPIRED),))
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the replay id is not valid")
        threading.Thread(target=self._listen, args=(call, requests), daemon=True).start()
        with self._changed:
            quiet = not [one for one in channel if one[0] > place]
            latest = max(place, self._number)
        if quiet:
            yield messages().FetchResponse(latest_replay_id=latest.to_bytes(10))
        while context.is_active():
            with self._changed:
                found = [one for one in channel if one[0] > place][: call.allowed]
                if not found and call.code is None:
                    self._changed.wait(0.2)
                    continue
            if call.code is not None:
                context.abort(call.code, "ended by the server")
            call.allowed -= len(found)
            place = found[-1][0]
            yield messages().FetchResponse(
                events=[_event(*one) for one in found], latest_replay_id=place.to_bytes(10),
                pending_num_requested=call.allowed,
            )  # fmt: skip

    def _allow(self, call: _Call, request: Any) -> None:
        self.asked.append(request.num_requested)
        call.allowed += request.num_requested
        self.most_open = max(self.most_open, call.allowed)

    def _listen(self, call: _Call, requests: Any) -> None:
        try:
            for one in requests:
                with self._changed:
                    self._allow(call, one)
                    self._changed.notify_all()
        except Exception:  # noqa: BLE001 - the call has ended
            pass


class _Call:
    """A subscription: events that it may still be sent, and the status to end it with."""

    def __init__(self) -> None:
        self.allowed = 0
        self.code: Any = None


def _event(number: int, schema: str, payload: bytes) -> Any:
    made = messages()
    event = made.ProducerEvent(id=f"event-{number}", schema_id=schema, payload=payload)
    return made.ConsumerEvent(event=event, replay_id=number.to_bytes(10))


def _avro(schema: dict[str, Any], body: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), body)
    return out.getvalue()
