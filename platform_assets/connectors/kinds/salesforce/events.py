"""Events by the Pub/Sub API over gRPC: on from the replay id, as many at once as asked for."""

from __future__ import annotations

import base64
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from platform_assets.connectors.http.paths import at
from platform_assets.connectors.kinds.salesforce.changes import HEADER, EventSchema
from platform_assets.connectors.kinds.salesforce.config import EventsConfig, EventsStream
from platform_assets.connectors.kinds.salesforce.login import Org
from platform_assets.connectors.kinds.salesforce.protocol import (
    CUSTOM,
    EARLIEST,
    Calls,
    messages,
)
from platform_assets.connectors.messages.decode import PayloadError
from platform_assets.connectors.messages.live import batches
from platform_assets.connectors.messages.model import Message
from platform_assets.connectors.messages.rows import page_of
from platform_assets.connectors.seam.addresses import addresses, networks
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    Cursor,
    Page,
    Refused,
    SourceAwayError,
    SourceRefusedError,
    Stream,
)
from platform_assets.core.retry import Retry

_OPTIONS = (("grpc.max_receive_message_length", 16 * 2**20),)
# No pings: a server answers more than one in five minutes by hanging up.
_SILENT_SECONDS = 330.0
"""Salesforce sends something every 270 seconds; after a longer silence the call is dead."""
_CODE = "error-code"
"""In the trailer of an error: what Salesforce itself calls it."""


@dataclass(frozen=True)
class _Got:
    """An event, or with none: the place up to which there was none."""

    replay: bytes
    event: Any = None


class _Subscription:
    """A call under way: a thread takes what comes; no more events come than were asked for."""

    def __init__(self, calls: Calls, metadata: Any, first: Any) -> None:
        self._asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._come: queue.SimpleQueue[_Got | BaseException] = queue.SimpleQueue()
        self._topic, self._heard = first.topic_name, time.monotonic()
        self._asked.put(first)
        self._call = calls.subscribe(iter(self._asked.get, None), metadata=metadata)
        self._thread = threading.Thread(target=self._listen, name="events", daemon=True)
        self._thread.start()

    def request(self, count: int) -> None:
        """Let so many more come."""
        if count:
            self._asked.put(messages().FetchRequest(topic_name=self._topic, num_requested=count))

    def take(self, count: int, seconds: float) -> Sequence[_Got]:
        """At most so many, after so many seconds at the latest.

        Raises:
            grpc.RpcError: the call has ended; what came before was given.
            TimeoutError: nothing is heard any more.
        """
        got: list[_Got] = []
        try:
            one = self._come.get(timeout=seconds)
            while True:
                if isinstance(one, BaseException):
                    self._come.put(one)
                    if not got:
                        raise one
                    break
                got.append(one)
                if len(got) == count:
                    break
                one = self._come.get_nowait()
        except queue.Empty:
            pass
        if not got and time.monotonic() - self._heard > _SILENT_SECONDS:
            raise TimeoutError(f"nothing is heard for {_SILENT_SECONDS:.0f} s")
        return got

    def close(self) -> None:
        """End the call."""
        self._asked.put(None)
        self._call.cancel()
        self._thread.join(5)

    def _listen(self) -> None:
        try:
            for answer in self._call:
                self._heard = time.monotonic()
                for one in answer.events:
                    self._come.put(_Got(one.replay_id, one.event))
                if not answer.events and answer.latest_replay_id:
                    self._come.put(_Got(answer.latest_replay_id))
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            self._come.put(error)
        else:
            self._come.put(ConnectionError("the server has ended the call"))


class SalesforceEventsReader:
    """Reads channels of one org."""

    def __init__(self, config: EventsConfig, context: Context) -> None:
        self._config, self._context = config, context
        self._org = Org(config, context)
        self._where = f"source {context.source}: {config.endpoint.partition('://')[2]}"
        self._channel: Any = None
        self._calls: Calls | None = None
        self._organisation = config.organisation
        self._schemas: dict[str, EventSchema] = {}
        self._subscriptions: list[_Subscription] = []

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`: each channel may be subscribed to."""
        told = [self._topic(one.topic).topic_name for one in self._context.streams.values()]
        return f"{self._config.endpoint}: {', '.join(told) or 'no channel is configured'}"

    def discover(self) -> list[Stream]:
        """The channels that are configured, with the fields of their newest schema."""
        found = []
        for name, options in self._context.streams.items():
            schema = self._schema(self._topic(options.topic).schema_id).arrow
            fields = [*pa.schema(list(_OWN.items())), *schema]
            found.append(Stream(name, pa.schema(fields), ("_id",), description=options.topic))
        return found

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        """See :class:`~..seam.reader.Reader`.

        Columns: the event's fields, ``_id``, ``_at`` (UTC), ``_record`` (of a change: the id of
        the record; an event that names several is as many rows) and ``_schema``.
        """
        import grpc

        options: EventsStream = self._context.streams[stream]
        replay = base64.b64decode(cursor["replay_id"]) if cursor else b""
        fresh = True
        while not self._context.stop.is_set():
            self._topic(options.topic)
            subscription = self._subscribed(options, replay)
            try:
                for got in batches(subscription.take, options, self._context.stop):
                    yield self._page(options, got)
                    replay, fresh = got[-1].replay, True
                    subscription.request(sum(one.event is not None for one in got))
            except grpc.RpcError as error:
                # A session ends after some hours: on with a new one.
                if error.code() is not grpc.StatusCode.UNAUTHENTICATED or not fresh:
                    raise self._failure(options.topic, error) from error
                self._org.client.renew()
                fresh = False
            except (ConnectionError, TimeoutError) as error:
                raise self._away(options.topic, str(error)) from error
            finally:
                subscription.close()
                self._subscriptions.remove(subscription)

    def close(self) -> None:
        """See :class:`~..seam.reader.Reader`."""
        for one in self._subscriptions:
            one.close()
        if self._channel is not None:
            self._channel.close()
        self._org.close()

    def _subscribed(self, options: EventsStream, replay: bytes) -> _Subscription:
        first = messages().FetchRequest(
            topic_name=options.topic, num_requested=options.page_messages
        )
        if replay:
            first.replay_preset, first.replay_id = CUSTOM, replay
        elif options.start == "earliest":
            first.replay_preset = EARLIEST
        made = _Subscription(self._connected(), self._metadata(), first)
        self._subscriptions.append(made)
        return made

    def _page(self, options: EventsStream, got: Sequence[_Got]) -> Page:
        good: list[Message] = []
        refused: list[Refused] = []
        for one in got:
            if one.event is None:
                continue
            try:
                body = self._schema(one.event.schema_id).decode(one.event.payload)
            except PayloadError as error:
                place = f"{options.topic}, event {one.event.id}"
                refused.append(Refused(place, one.event.payload, str(error)))
            else:
                good += _rows(options.topic, one, body)
        cursor = {"replay_id": base64.b64encode(got[-1].replay).decode()}
        return replace(page_of(good, None, cursor=cursor), refused=tuple(refused))

    def _topic(self, name: str) -> Any:
        """What the org says of a channel.

        Raises:
            SourceRefusedError: it may not be subscribed to.
        """
        found = self._asked(name, "topic", messages().TopicRequest(topic_name=name))
        if not found.can_subscribe:
            raise SourceRefusedError(
                f"{self._where}: {name} may not be subscribed to by who asks",
                "give the user the permission to read the event, or the changed object",
            )
        return found

    def _schema(self, name: str) -> EventSchema:
        if name not in self._schemas:
            asked = messages().SchemaRequest(schema_id=name)
            self._schemas[name] = EventSchema(self._asked(name, "schema", asked).schema_json)
        return self._schemas[name]

    def _asked(self, what: str, call: str, request: Any) -> Any:
        """One answer; where it is refused, asked for once more with a new session."""
        pause = self._context.stop.wait
        retry = Retry(attempts=self._config.attempts, seconds=60)
        retrying = retry.on(SourceAwayError).copy(sleep=pause)
        try:
            return retrying(self._once, what, call, request)
        except SourceRefusedError:
            if not self._org.client.renew():
                raise
            return retrying(self._once, what, call, request)

    def _once(self, what: str, call: str, request: Any) -> Any:
        import grpc

        ask, metadata = getattr(self._connected(), call), self._metadata()
        try:
            return ask(request, metadata=metadata, timeout=self._config.timeout_seconds)
        except grpc.RpcError as error:
            raise self._failure(what, error) from error

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        if not self._organisation:
            found = self._org.json(
                "query", self._where, params={"q": "SELECT Id FROM Organization"}
            )
            self._organisation = str(found["records"][0]["Id"])
        token = self._org.client.credential_headers()["Authorization"].removeprefix("Bearer ")
        return (
            ("accesstoken", token),
            ("instanceurl", self._config.instance),
            ("tenantid", self._organisation),
        )

    def _connected(self) -> Calls:
        import grpc

        if self._calls is None:
            parts = urlsplit(self._config.endpoint)
            host, port = parts.hostname or "", parts.port or 443
            # gRPC resolves names itself: it is given an address that may be reached.
            try:
                allowed = networks(self._context.settings.source_networks)
                address = addresses(host, port, allowed)[0]
            except OSError as error:
                raise self._away(host, str(error)) from error
            target = f"ipv6:[{address}]:{port}" if ":" in address else f"ipv4:{address}:{port}"
            if parts.scheme == "http":
                self._channel = grpc.insecure_channel(target, options=_OPTIONS)
            else:
                named = (("grpc.ssl_target_name_override", host), ("grpc.default_authority", host))
                self._channel = grpc.secure_channel(
                    target, grpc.ssl_channel_credentials(), options=(*_OPTIONS, *named)
                )
            self._calls = Calls(self._channel)
        return self._calls

    def _away(self, what: str, told: str) -> SourceAwayError:
        return SourceAwayError(
            f"{self._where} does not answer: {what}: {told}", "it is tried again at the next read"
        )

    def _failure(self, what: str, error: Any) -> ConnectorError:
        """What an error of gRPC means."""
        import grpc

        codes = grpc.StatusCode
        trailing = dict(error.trailing_metadata() or ())
        code = str(trailing.get(_CODE, ""))
        told = f"{what}: {error.code().name}: {(error.details() or code)[:300]}"
        if "replayid" in code:
            return ConnectorError(
                f"{self._where}: {what}: Salesforce has no events after the cursor any more "
                f"({code}): it keeps them for three days",
                f"`weir sources reset {self._context.source} STREAM --yes` begins with the "
                "earliest that it has; read what changed before by salesforce or salesforce_bulk",
            )
        if error.code() in (codes.UNAUTHENTICATED, codes.PERMISSION_DENIED):
            return SourceRefusedError(
                f"{self._where} refuses: {told}", "check the credentials and their rights"
            )
        if error.code() in (codes.NOT_FOUND, codes.INVALID_ARGUMENT, codes.UNIMPLEMENTED):
            return ConnectorError(f"{self._where} says: {told}", "see `topic` and `endpoint`")
        return self._away(what, f"{error.code().name}: {(error.details() or '')[:300]}")


def _rows(topic: str, got: _Got, body: dict[str, Any]) -> Iterator[Message]:
    """A row an event; of a change of several records a row each."""
    event = got.event
    name = event.id or base64.b64encode(got.replay).decode()
    records = at(body, f"{HEADER}.recordIds") or [None]
    for record in records:
        yield Message(
            body,
            f"{name}/{record}" if len(records) > 1 else name,
            f"{topic}, event {name}",
            {"_record": record, "_at": _moment(body), "_schema": event.schema_id},
        )


def _moment(body: dict[str, Any]) -> datetime | None:
    """When it was committed or created, which Salesforce says in milliseconds."""
    found = at(body, f"{HEADER}.commitTimestamp") or body.get("CreatedDate")
    return datetime.fromtimestamp(found / 1000, UTC) if isinstance(found, int) else None


_OWN = {
    "_id": pa.string(),
    "_record": pa.string(),
    "_at": pa.timestamp("us", "UTC"),
    "_schema": pa.string(),
}
