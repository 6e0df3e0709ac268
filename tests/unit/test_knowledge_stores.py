"""What every vector store does, and LanceDB doing it.

Belongs here: the suite that the integration tests run over the servers too. Does not belong here:
what one product alone does.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from platform_assets.core.settings import Settings
from reports.knowledge.model import Entry, KnowledgeError, Vectors
from reports.knowledge.stores.lance import LanceStore
from reports.knowledge.stores.model import VectorStore, open_store


def entry(document: str, number: int, fingerprint: str = "file:1", count: int = 2) -> Entry:
    return Entry(
        id=f"{document}-{number}",
        document=document,
        title=f"Title of {document}",
        page=number if number % 2 else None,
        heading="Größe > 'quoted'",
        text=f'Text {number}, with "quotes", a \\ and 東京',
        fingerprint=fingerprint,
        count=count,
    )


def two(document: str, fingerprint: str = "file:1") -> list[Entry]:
    return [entry(document, 1, fingerprint), entry(document, 2, fingerprint)]


def towards(*angles: float) -> Vectors:
    """Vectors of length 1 at these angles, in degrees."""
    radians = np.radians(np.asarray(angles))
    return np.stack([np.cos(radians), np.sin(radians), np.zeros_like(radians)], axis=1).astype(
        np.float32
    )


def ids(found: list[Entry]) -> list[str]:
    return sorted(e.id for e in found)


class StoreBehaviour:
    """The suite; a subclass gives the fixture ``store``."""

    @pytest.fixture
    def table(self, store: VectorStore) -> Iterator[str]:
        name = f"suite_{uuid.uuid4().hex[:8]}"
        yield name
        store.drop(name)

    def test_a_table_that_is_not_there_is_empty(self, store: VectorStore, table: str) -> None:
        assert store.documents(table) == {}
        assert store.entries(table) == []
        assert store.nearest(table, towards(0), 3) == []
        store.delete(table, ["nothing"])
        store.drop(table)
        store.replace(table, [], towards())
        assert store.documents(table) == {}

    def test_entries_come_back_as_they_were(self, store: VectorStore, table: str) -> None:
        kept = two("it's a file.pdf")
        store.replace(table, kept, towards(0, 90))
        assert sorted(store.entries(table), key=lambda e: e.id) == kept
        assert store.documents(table) == {"it's a file.pdf": "file:1"}

    def test_the_nearest_come_first_with_their_cosine(self, store: VectorStore, table: str) -> None:
        store.replace(table, [*two("a"), *two("b")], towards(0, 90, 30, 180))
        found = store.nearest(table, towards(10), 3)
        assert [e.id for e, _ in found] == ["a-1", "b-1", "a-2"]
        expected = np.cos(np.radians([10, 20, 80]))
        assert np.allclose([score for _, score in found], expected, atol=1e-5)
        assert found[0][0] == entry("a", 1)

    def test_more_are_asked_for_than_there_are(self, store: VectorStore, table: str) -> None:
        store.replace(table, two("a"), towards(0, 90))
        assert len(store.nearest(table, towards(0), 100)) == 2

    def test_replacing_touches_only_its_documents(self, store: VectorStore, table: str) -> None:
        store.replace(table, [*two("a"), *two("b")], towards(0, 90, 30, 180))
        new = [dataclasses.replace(entry("a", 3, "file:2"), count=1)]
        store.replace(table, new, towards(45))
        assert ids(store.entries(table)) == ["a-3", "b-1", "b-2"]
        assert store.documents(table) == {"a": "file:2", "b": "file:1"}

    def test_a_passage_that_stays_is_kept_once_with_its_new_vector(
        self, store: VectorStore, table: str
    ) -> None:
        store.replace(table, two("a"), towards(0, 90))
        store.replace(table, two("a", "file:2"), towards(180, 270))
        assert ids(store.entries(table)) == ["a-1", "a-2"]
        best, score = store.nearest(table, towards(180), 1)[0]
        assert (best.id, best.fingerprint) == ("a-1", "file:2")
        assert score == pytest.approx(1, abs=1e-5)

    def test_deleting_deletes_whole_documents(self, store: VectorStore, table: str) -> None:
        store.replace(table, [*two("it's"), *two("b")], towards(0, 90, 30, 180))
        store.delete(table, ["it's", "never there"])
        assert store.documents(table) == {"b": "file:1"}
        assert ids(store.entries(table)) == ["b-1", "b-2"]
        store.delete(table, [])
        assert store.documents(table) == {"b": "file:1"}

    def test_every_change_makes_a_new_revision(self, store: VectorStore, table: str) -> None:
        seen = [store.revision(table)]
        store.replace(table, two("a"), towards(0, 90))
        seen.append(store.revision(table))
        store.replace(table, two("b"), towards(0, 90))
        seen.append(store.revision(table))
        store.delete(table, ["a"])
        seen.append(store.revision(table))
        assert len(set(seen)) == 4
        assert store.revision(table) == seen[-1]

    def test_tables_do_not_meet(self, store: VectorStore, table: str) -> None:
        other = f"{table}_2"
        try:
            store.replace(table, two("a"), towards(0, 90))
            store.replace(other, two("b"), towards(0, 90))
            store.delete(other, ["a"])
            assert store.documents(table) == {"a": "file:1"}
            assert store.documents(other) == {"b": "file:1"}
        finally:
            store.drop(other)

    def test_another_process_sees_what_was_written(
        self, store: VectorStore, other: VectorStore, table: str
    ) -> None:
        store.replace(table, two("a"), towards(0, 90))
        assert other.documents(table) == {"a": "file:1"}
        before = other.revision(table)
        store.delete(table, ["a"])
        assert other.entries(table) == []
        assert other.revision(table) != before

    def test_writers_at_once_lose_nothing(
        self, store: VectorStore, other: VectorStore, table: str
    ) -> None:
        names = [f"d{number}" for number in range(8)]

        def write(at: int) -> None:
            writer = store if at % 2 else other
            writer.replace(table, two(names[at]), towards(at, 90 + at))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(len(names))))
        assert store.documents(table) == dict.fromkeys(names, "file:1")
        assert len(store.entries(table)) == 2 * len(names)


class TestLance(StoreBehaviour):
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(vector_store_url=str(tmp_path / "store"))

    @pytest.fixture
    def store(self, settings: Settings) -> VectorStore:
        return open_store(settings)

    @pytest.fixture
    def other(self, settings: Settings) -> VectorStore:
        return open_store(settings)

    def test_it_lies_beside_the_reports_by_default(self, tmp_path: Path) -> None:
        store = open_store(Settings(reports_root=str(tmp_path / "reports")))
        assert isinstance(store, LanceStore)
        store.replace("here", two("a"), towards(0, 90))
        assert any((tmp_path / "knowledge").iterdir())

    def test_many_small_writes_are_tidied(self, store: VectorStore, table: str) -> None:
        for number in range(45):
            store.replace(table, two(f"d{number:02}"), towards(number, 90 + number))
        assert len(store.documents(table)) == 45
        assert len(store.entries(table)) == 90


def test_an_unknown_store_is_refused_with_the_known_names() -> None:
    with pytest.raises(KnowledgeError, match="pgvector"):
        open_store(Settings(vector_store="paper"))


def test_no_folder_is_an_error_that_names_the_variable() -> None:
    settings = Settings().model_copy(update={"reports_root": ""})
    with pytest.raises(KnowledgeError, match="WEIR_REPORTS_ROOT"):
        open_store(settings)


def test_weaviate_without_an_address_is_an_error_that_names_the_variable() -> None:
    with pytest.raises(KnowledgeError, match="WEIR_VECTOR_STORE_URL"):
        open_store(Settings(vector_store="weaviate"))
