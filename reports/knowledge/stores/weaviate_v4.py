"""Weaviate, by its client of version 4.

Weaviate has no transactions. New passages are written before old ones go, so a reader may for a
moment see both, never none; a writer that dies leaves a document that :meth:`documents` reports
as half written, and the next sync writes it again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import fields
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import weaviate
from weaviate.classes.config import Configure, DataType, Property, Tokenization, VectorDistances
from weaviate.classes.data import DataObject
from weaviate.classes.init import AdditionalConfig, Auth, Timeout
from weaviate.classes.query import Filter, MetadataQuery
from weaviate.exceptions import (
    UnexpectedStatusCodeError,
    WeaviateBaseError,
    WeaviateConnectionError,
    WeaviateGRPCUnavailableError,
    WeaviateQueryError,
    WeaviateStartUpError,
    WeaviateTimeoutError,
)

from platform_assets.core.retry import Retry
from platform_assets.core.settings import Settings
from reports.knowledge.model import Entry, KnowledgeError, Vectors
from reports.knowledge.stores.model import ATTEMPTS, StoreUnreachableError, secret

GRPC_PORT = 50051
INSERT_ROWS = 500
"""Rows of one call: below the server's limit on a message."""
FILTER_DOCUMENTS = 100
"""Documents of one filter."""

_REVISIONS = "WeirKnowledgeRevisions"
# `id` is a name of Weaviate's own.
_PROPERTY = {field.name: field.name for field in fields(Entry)} | {"id": "passage"}
_TRANSIENT = (
    WeaviateConnectionError,
    WeaviateGRPCUnavailableError,
    WeaviateQueryError,
    WeaviateStartUpError,
    WeaviateTimeoutError,
)
_Result = TypeVar("_Result")


class WeaviateStore:
    """Collections ``WeirKnowledge_<table>`` of the server at ``vector_store_url``.

    The address is that of HTTP, ``http://host:8080``; ``?grpc=host:port`` says where gRPC
    listens if not on port 50051 of the same host.
    """

    def __init__(self, settings: Settings) -> None:
        """Remember the address; nothing is opened.

        Raises:
            KnowledgeError: the address is missing or malformed.
        """
        self._url = urlsplit(settings.vector_store_url)
        if self._url.scheme not in {"http", "https"} or not self._url.hostname:
            raise KnowledgeError(
                f"no address of Weaviate: {settings.vector_store_url!r}",
                "set WEIR_VECTOR_STORE_URL, as http://host:8080?grpc=host:50051",
            )
        self._timeout = settings.request_timeout_seconds
        self._secret = secret(settings)
        self._client: weaviate.WeaviateClient | None = None
        self._lock = Lock()

    def documents(self, table: str) -> dict[str, str]:
        """See :class:`.model.VectorStore`."""

        def read(client: weaviate.WeaviateClient) -> dict[str, str]:
            marks: dict[str, set[str]] = {}
            missing: dict[str, int] = {}
            for row in _rows(client, table, ["document", "fingerprint", "count"]):
                name = row["document"]
                marks.setdefault(name, set()).add(row["fingerprint"])
                missing[name] = missing.get(name, row["count"]) - 1
            whole = {name for name in marks if len(marks[name]) == 1 and missing[name] == 0}
            return {
                name: mark if name in whole else f"{mark.partition(':')[0]}:"
                for name, found in marks.items()
                for mark in found
            }

        return self._call(read)

    def revision(self, table: str) -> str:
        """See :class:`.model.VectorStore`."""

        def read(client: weaviate.WeaviateClient) -> str:
            if not client.collections.exists(_REVISIONS):
                return ""
            found = client.collections.use(_REVISIONS).query.fetch_object_by_id(_uuid(table))
            return str(found.properties["revision"]) if found else ""

        return self._call(read)

    def replace(self, table: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        """See :class:`.model.VectorStore`."""
        if not entries:
            return
        marks = {entry.document: entry.fingerprint for entry in entries}
        objects = [
            DataObject(
                properties={
                    _PROPERTY[field.name]: value
                    for field in fields(entry)
                    if (value := getattr(entry, field.name)) is not None
                },
                uuid=_uuid(entry.id),
                vector=vector.tolist(),
            )
            for entry, vector in zip(entries, vectors, strict=True)
        ]

        def write(client: weaviate.WeaviateClient) -> None:
            self._create(client, table)
            rows = client.collections.use(_name(table))
            for start in range(0, len(objects), INSERT_ROWS):
                done = rows.data.insert_many(objects[start : start + INSERT_ROWS])
                # The client reports rows that the server refused only here.
                if done.has_errors:
                    first = next(iter(done.errors.values())).message
                    raise WeaviateQueryError(f"{len(done.errors)} rows refused: {first}", "insert")
            for some in _slices(sorted(marks)):
                stale = [
                    Filter.by_property("document").equal(name)
                    & Filter.by_property("fingerprint").not_equal(marks[name])
                    for name in some
                ]
                _delete(rows, Filter.any_of(stale))
            _mark(client, table)

        self._call(write)

    def delete(self, table: str, documents: Collection[str]) -> None:
        """See :class:`.model.VectorStore`."""

        def write(client: weaviate.WeaviateClient) -> None:
            if not documents or not client.collections.exists(_name(table)):
                return
            rows = client.collections.use(_name(table))
            for some in _slices(sorted(documents)):
                _delete(rows, Filter.by_property("document").contains_any(some))
            _mark(client, table)

        self._call(write)

    def entries(self, table: str) -> list[Entry]:
        """See :class:`.model.VectorStore`."""
        names = list(_PROPERTY.values())
        return self._call(lambda client: [_entry(row) for row in _rows(client, table, names)])

    def nearest(self, table: str, vector: Vectors, k: int) -> list[tuple[Entry, float]]:
        """See :class:`.model.VectorStore`; approximate beyond some ten thousand passages."""

        def read(client: weaviate.WeaviateClient) -> list[tuple[Entry, float]]:
            if not client.collections.exists(_name(table)):
                return []
            found = client.collections.use(_name(table)).query.near_vector(
                near_vector=vector.reshape(-1).tolist(),
                limit=k,
                return_metadata=MetadataQuery(distance=True),
            )
            return [
                (_entry(dict(item.properties)), 1 - (item.metadata.distance or 0.0))
                for item in found.objects
            ]

        return self._call(read)

    def drop(self, table: str) -> None:
        """See :class:`.model.VectorStore`."""
        self._call(lambda client: client.collections.delete(_name(table)))

    def close(self) -> None:
        """End the connections; the next call opens them again."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _create(self, client: weaviate.WeaviateClient, table: str) -> None:
        whole = Tokenization.FIELD
        texts = {
            field.name: field.name in {"id", "document", "fingerprint"} for field in fields(Entry)
        }
        numbers = {"page", "count"}
        properties = [
            Property(name=_PROPERTY[name], data_type=DataType.INT)
            if name in numbers
            else Property(
                name=_PROPERTY[name],
                data_type=DataType.TEXT,
                tokenization=whole,
                index_filterable=filtered,
                index_searchable=False,
            )
            for name, filtered in texts.items()
        ]
        index = Configure.VectorIndex.hnsw(distance_metric=VectorDistances.COSINE)
        _ensure(
            client,
            _name(table),
            properties,
            Configure.Vectors.self_provided(vector_index_config=index),
        )
        revision = Property(
            name="revision", data_type=DataType.TEXT, tokenization=whole, index_searchable=False
        )
        _ensure(client, _REVISIONS, [revision], Configure.Vectors.self_provided())

    def _call(self, work: Callable[[weaviate.WeaviateClient], _Result]) -> _Result:
        """Run work, again where the server failed: every write may be repeated."""
        try:
            for attempt in Retry(ATTEMPTS, longest=2).on(_TRANSIENT):
                with attempt:
                    return work(self._connect())
        except WeaviateBaseError as error:
            said = " ".join(str(error).split())[:300]
            raise StoreUnreachableError(
                f"vector store weaviate at {self._url.netloc}: {said}",
                "start the server, or fix WEIR_VECTOR_STORE_URL",
            ) from error
        raise AssertionError("a retry ends with a result or an error")

    def _connect(self) -> weaviate.WeaviateClient:
        with self._lock:
            if self._client is None:
                secure = self._url.scheme == "https"
                host = self._url.hostname or ""
                grpc = parse_qs(self._url.query).get("grpc", [f"{host}:{GRPC_PORT}"])[0]
                grpc_host, _, grpc_port = grpc.rpartition(":")
                key = self._secret
                self._client = weaviate.connect_to_custom(
                    http_host=host,
                    http_port=self._url.port or (443 if secure else 80),
                    http_secure=secure,
                    grpc_host=grpc_host,
                    grpc_port=int(grpc_port),
                    grpc_secure=secure,
                    auth_credentials=Auth.api_key(key) if key else None,
                    additional_config=AdditionalConfig(
                        timeout=Timeout(
                            init=self._timeout, query=self._timeout, insert=self._timeout
                        )
                    ),
                    # They would ask a package registry whether the client is the newest.
                    skip_init_checks=True,
                )
            return self._client


def _ensure(
    client: weaviate.WeaviateClient, name: str, properties: list[Property], vectors: Any
) -> None:
    if client.collections.exists(name):
        return
    try:
        client.collections.create(name, properties=properties, vector_config=vectors)
    except UnexpectedStatusCodeError:
        # Another process was first; anything else is an error.
        if not client.collections.exists(name):
            raise


def _mark(client: weaviate.WeaviateClient, table: str) -> None:
    row = DataObject(properties={"revision": str(uuid.uuid4())}, uuid=_uuid(table))
    done = client.collections.use(_REVISIONS).data.insert_many([row])
    if done.has_errors:
        raise WeaviateQueryError(next(iter(done.errors.values())).message, "insert")


def _rows(
    client: weaviate.WeaviateClient, table: str, properties: list[str]
) -> Iterator[dict[str, Any]]:
    if client.collections.exists(_name(table)):
        found = client.collections.use(_name(table)).iterator(return_properties=properties)
        yield from (dict(item.properties) for item in found)


def _delete(rows: Any, where: Any) -> None:
    """The server deletes a bounded number at a time."""
    while (done := rows.data.delete_many(where=where)).matches > 0:
        if done.failed:
            raise WeaviateQueryError(f"{done.failed} rows were not deleted", "delete")


def _entry(row: dict[str, Any]) -> Entry:
    values: dict[str, Any] = {name: row.get(key) for name, key in _PROPERTY.items()}
    for name in ("heading", "title"):
        values[name] = values[name] or ""
    return Entry(**values)


def _slices(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), FILTER_DOCUMENTS):
        yield names[start : start + FILTER_DOCUMENTS]


def _name(table: str) -> str:
    return f"WeirKnowledge_{table}"


def _uuid(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, text))
