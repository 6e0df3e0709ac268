"""The suite of vector stores over Weaviate, where there is one, and what it does when unreachable.

``WEIR_WEAVIATE_URL`` names a server for tests, as ``http://127.0.0.1:8080?grpc=127.0.0.1:50051``;
collections of the suite are removed again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import weaviate

from platform_assets.core.settings import Settings
from reports.knowledge.stores import weaviate_v4
from reports.knowledge.stores.model import ATTEMPTS, StoreUnreachableError, VectorStore
from reports.knowledge.stores.weaviate_v4 import WeaviateStore
from tests.ports import free_port_base
from tests.unit.test_knowledge_stores import StoreBehaviour, entry, ids, towards, two

URL = os.environ.get("WEIR_WEAVIATE_URL", "")


@pytest.mark.skipif(not URL, reason="needs a Weaviate server: set WEIR_WEAVIATE_URL")
class TestWeaviate(StoreBehaviour):
    @pytest.fixture
    def store(self) -> Iterator[VectorStore]:
        opened = WeaviateStore(Settings(vector_store="weaviate", vector_store_url=URL))
        yield opened
        opened.close()

    @pytest.fixture
    def other(self) -> Iterator[VectorStore]:
        opened = WeaviateStore(Settings(vector_store="weaviate", vector_store_url=URL))
        yield opened
        opened.close()

    def test_a_half_written_document_is_said_to_be_one(
        self, store: VectorStore, table: str
    ) -> None:
        store.replace(table, [entry("a", 1)], towards(0))
        assert store.documents(table) == {"a": "file:"}
        store.replace(table, two("a", "file:2"), towards(0, 90))
        assert store.documents(table) == {"a": "file:2"}
        assert ids(store.entries(table)) == ["a-1", "a-2"]


def test_a_server_that_is_away_is_tried_again_and_then_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port_base()
    url = f"http://127.0.0.1:{port}?grpc=127.0.0.1:{port + 1}"
    store = WeaviateStore(Settings(vector_store="weaviate", vector_store_url=url))
    tries: list[object] = []
    connect = weaviate.connect_to_custom

    def counted(**options: object) -> object:
        tries.append(options["http_port"])
        return connect(**options)  # type: ignore[arg-type]

    monkeypatch.setattr(weaviate_v4.weaviate, "connect_to_custom", counted)
    with pytest.raises(StoreUnreachableError, match=f"127.0.0.1:{port}.*WEIR_VECTOR_STORE_URL"):
        store.documents("table")
    assert tries == [port] * ATTEMPTS
