"""The suite of vector stores over PostgreSQL with pgvector, and what it does when unreachable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from platform_assets.core.settings import Settings
from reports.knowledge.base import KnowledgeBase
from reports.knowledge.stores import postgres
from reports.knowledge.stores.model import ATTEMPTS, StoreUnreachableError, VectorStore, open_store
from tests.ports import free_port_base
from tests.unit.test_knowledge_base import CountingEmbedder
from tests.unit.test_knowledge_stores import StoreBehaviour, towards, two

DATABASE = "knowledge_test"


@pytest.fixture(scope="module")
def pgvector(stack: Settings) -> Iterator[Settings]:
    with psycopg.connect(stack.postgres_dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")
        url = stack.postgres_dsn(DATABASE)
        yield stack.model_copy(update={"vector_store": "pgvector", "vector_store_url": url})
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


class TestPgvector(StoreBehaviour):
    @pytest.fixture
    def store(self, pgvector: Settings) -> VectorStore:
        return open_store(pgvector)

    @pytest.fixture
    def other(self, pgvector: Settings) -> VectorStore:
        return open_store(pgvector)

    def test_a_write_that_fails_leaves_the_table_as_it_was(
        self, store: VectorStore, table: str
    ) -> None:
        store.replace(table, two("a"), towards(0, 90))
        with pytest.raises(psycopg.Error):
            store.replace(table, [*two("a", "file:2"), *two("a", "file:2")], towards(0, 1, 2, 3))
        assert store.documents(table) == {"a": "file:1"}

    def test_a_whole_collection(self, store: VectorStore, tmp_path: Path) -> None:
        (tmp_path / "plan.md").write_text("# Plan\n\nWe open a warehouse in Leipzig.")
        base = KnowledgeBase(Settings(), "board", store=store, embedder=CountingEmbedder())
        assert base.sync(tmp_path).added == 1
        assert base.search("warehouse", 1)[0].heading == "Plan"
        (tmp_path / "plan.md").unlink()
        assert base.sync(tmp_path).removed == 1
        assert base.search("warehouse") == []


def test_a_server_that_is_away_is_tried_again_and_then_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"postgresql://weir@127.0.0.1:{free_port_base()}/none"
    store = open_store(Settings(vector_store="pgvector", vector_store_url=url))
    tries: list[str] = []
    connect = psycopg.connect

    def counted(*args: object, **options: object) -> object:
        tries.append(str(args))
        return connect(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(postgres.psycopg, "connect", counted)
    with pytest.raises(StoreUnreachableError, match="WEIR_VECTOR_STORE_URL"):
        store.documents("table")
    assert len(tries) == ATTEMPTS
