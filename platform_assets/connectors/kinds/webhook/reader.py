"""Deliveries as rows: what waits at an address becomes a page, and is answered after its commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa

from platform_assets.connectors.kinds.webhook.bodies import json_object
from platform_assets.connectors.kinds.webhook.config import MIB, WebhookConfig, WebhookStream
from platform_assets.connectors.kinds.webhook.endpoint import Delivery, Endpoint, Limits, Reads
from platform_assets.connectors.kinds.webhook.receiver import receiver_of
from platform_assets.connectors.kinds.webhook.signatures import SCHEMES
from platform_assets.connectors.seam.documents import document_table, narrow
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    Cursor,
    Page,
    Refused,
    Stream,
)
from platform_assets.core.errors import WeirError
from platform_assets.core.secrets import read_secret

_PATIENCE_SECONDS = 0.2
_SECRETS_EVERY_SECONDS = 30.0


class WebhookReader:
    """The deliveries to one source.

    Args:
        config: who sends, and what is taken.
        context: of the reader.
        reads: what a body is, by the options of its stream.

    Columns: ``_delivery_id`` (text: names the event), ``_event_type`` (text), ``_received_at``
    (UTC), ``_headers`` (the fields of the stream's option), ``_body`` (JSON text), and the body's
    own top-level fields (see :func:`~..seam.documents.document_table`).
    """

    def __init__(
        self,
        config: WebhookConfig,
        context: Context,
        reads: Callable[[Any], Reads] = lambda _: json_object,
    ) -> None:
        self._config, self._context = config, context
        self._scheme = config.custom or SCHEMES[config.scheme]
        self._reads = reads
        self._keys = self._read_keys()
        self._endpoints: list[Endpoint] = []

    def check(self) -> str:
        """See :class:`~..seam.reader.Reader`: the secrets are there, and where to send."""
        self._keys = self._read_keys()
        settings, source = self._context.settings, self._context.source
        receiver_of(settings)
        base = settings.webhook_url or f"http://{settings.webhook_host}:{settings.webhook_port}"
        places = [f"{base.rstrip('/')}/hooks/{source}/{stream}" for stream in self._context.streams]
        return f"{len(self._keys)} secrets; deliveries are taken at {', '.join(places)}"

    def discover(self) -> list[Stream]:
        """The columns that every delivery has; the body's fields are its sender's."""
        schema = pa.schema(
            [
                ("_delivery_id", pa.string()),
                ("_event_type", pa.string()),
                ("_received_at", pa.timestamp("us", "UTC")),
                ("_body", pa.string()),
            ]
        )
        return [Stream(one, schema, ("_delivery_id",)) for one in self._context.streams]

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:  # noqa: ARG002
        """See :class:`~..seam.reader.Reader`; live."""
        context, config = self._context, self._config
        options: WebhookStream = context.streams[stream]
        endpoint = Endpoint(
            context.source,
            stream,
            scheme=self._scheme,
            keys=self._keys,
            limits=Limits(
                body_bytes=config.body_bytes,
                waiting=config.waiting,
                waiting_bytes=max(64 * MIB, config.body_bytes),
                answer_seconds=config.answer_seconds,
                tolerance_seconds=config.tolerance_seconds,
            ),
            headers=options.headers,
            reads=self._reads(options),
        )
        self._endpoints.append(endpoint)
        receiver_of(context.settings).serve(context.source, stream, endpoint)
        read_at = time.monotonic()
        while not context.stop.is_set():
            taken = endpoint.take(options.page_rows, options.linger_seconds, _PATIENCE_SECONDS)
            for part in narrow(taken, _fields):
                yield _page(part, endpoint)
            if time.monotonic() - read_at > _SECRETS_EVERY_SECONDS:
                endpoint.keys, read_at = self._renewed(), time.monotonic()

    def close(self) -> None:
        """Turn away who waits."""
        for endpoint in self._endpoints:
            endpoint.close()

    def _read_keys(self) -> tuple[bytes, ...]:
        keys = []
        for name in self._config.secrets:
            try:
                keys.append(self._scheme.key(read_secret(name)))
            except ValueError as error:
                raise ConnectorError(
                    f"source {self._context.source}: the secret in {name}: {error}",
                    "copy it from the sender once more",
                ) from None
        return tuple(keys)

    def _renewed(self) -> tuple[bytes, ...]:
        """The keys as they are now; those of before where one cannot be read."""
        try:
            self._keys = self._read_keys()
        except WeirError:
            return self._keys
        return self._keys


def _fields(delivery: Delivery) -> Iterable[str]:
    # A packet's rows have the same fields.
    return delivery.documents[0] if delivery.documents else ()


def _page(deliveries: list[Delivery], endpoint: Endpoint) -> Page:
    rows = [(one, document) for one in deliveries for document in one.documents]
    good = [one for one, _ in rows]
    headers = [{n.replace("-", "_"): v for n, v in one.headers.items()} for one in good]
    own = {
        "_delivery_id": pa.array([one.id for one in good], pa.string()),
        "_event_type": pa.array([one.type for one in good], pa.string()),
        "_received_at": pa.array([one.received for one in good], pa.timestamp("us", "UTC")),
        "_body": pa.array(
            [one.body.decode() if one.body and len(one.documents) == 1 else None for one in good],
            pa.string(),
        ),
    }
    if endpoint.headers:
        fields = [(name.replace("-", "_"), pa.string()) for name in endpoint.headers]
        own["_headers"] = pa.array(headers, pa.struct(fields))
    return Page(
        document_table([document for _, document in rows], own),
        None,
        places=tuple(f"delivery {one.id}" for one in good),
        refused=tuple(
            Refused(f"delivery {one.id}", one.body, one.reason) for one in deliveries if one.reason
        ),
        acknowledge=partial(endpoint.settle, deliveries),
    )
