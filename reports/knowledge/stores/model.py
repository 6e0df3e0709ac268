"""What every store can do, and the choice of one by configuration."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib import import_module
from typing import Protocol

from platform_assets.core.errors import WeirError
from platform_assets.core.secrets import find_secret
from platform_assets.core.settings import Settings
from reports.knowledge.model import Entry, KnowledgeError, Vectors

ATTEMPTS = 3
"""Tries of one call to a server."""

_STORES = {
    "lancedb": "lance:LanceStore",
    "pgvector": "postgres:PostgresStore",
    "weaviate": "weaviate_v4:WeaviateStore",
}


class StoreUnreachableError(WeirError):
    """A store's server did not answer, several times."""


class VectorStore(Protocol):
    """Passages with vectors, in tables.

    A table is made by the first passage. Reading one that is not there finds nothing. All
    methods may be called from several threads and processes.
    """

    def documents(self, table: str) -> dict[str, str]:
        """Document id -> fingerprint; only its origin where the document is half written."""

    def revision(self, table: str) -> str:
        """A text that differs after every change of the table, by whichever process."""

    def replace(self, table: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        """Make these the only passages of their documents."""

    def delete(self, table: str, documents: Collection[str]) -> None:
        """Remove documents with all their passages."""

    def entries(self, table: str) -> list[Entry]:
        """All passages."""

    def nearest(self, table: str, vector: Vectors, k: int) -> list[tuple[Entry, float]]:
        """The passages nearest to a vector of length 1 and the cosine, nearest first."""

    def drop(self, table: str) -> None:
        """Remove a table, if it is there."""


def open_store(settings: Settings) -> VectorStore:
    """The store that the settings name.

    Raises:
        KnowledgeError: there is none of that name, or its address is missing.
    """
    target = _STORES.get(settings.vector_store)
    if target is None:
        raise KnowledgeError(
            f"no vector store {settings.vector_store!r}",
            f"set WEIR_VECTOR_STORE to one of {', '.join(_STORES)}",
        )
    module, _, name = target.partition(":")
    # Only the chosen product's library is loaded.
    store: VectorStore = getattr(import_module(f"reports.knowledge.stores.{module}"), name)(
        settings
    )
    return store


def secret(settings: Settings) -> str:
    """The key of the store's server, or nothing where it needs none.

    Raises:
        SecretError: its file cannot be read.
    """
    return find_secret(settings.vector_store_secret_name) or ""
