"""LanceDB, embedded: a folder, no server."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa

from platform_assets.core.settings import Settings
from reports.knowledge.model import Entry, KnowledgeError, Vectors

_COLUMNS = [field.name for field in fields(Entry)]
_NUMBERS = {"page": pa.int32(), "count": pa.int32()}
_TIDY_EVERY = 20
"""Commits between two tidyings: each commit adds a small file."""


class LanceStore:
    """Tables under ``vector_store_url``, or beside the folder of reports."""

    def __init__(self, settings: Settings) -> None:
        """Open or make the folder.

        Raises:
            KnowledgeError: the settings name no folder.
        """
        if not settings.vector_store_url and not settings.reports_root:
            raise KnowledgeError(
                "the vector store has no folder", "set WEIR_VECTOR_STORE_URL or WEIR_REPORTS_ROOT"
            )
        folder = settings.vector_store_url or Path(settings.reports_root).parent / "knowledge"
        Path(folder).mkdir(parents=True, exist_ok=True)
        # Zero: other processes write too, so every read looks for the newest version.
        self._database = lancedb.connect(str(folder), read_consistency_interval=timedelta(0))

    def _open(self, table: str) -> Any | None:
        try:
            return self._database.open_table(table)
        except (FileNotFoundError, ValueError):
            return None

    def documents(self, table: str) -> dict[str, str]:
        """See :class:`.model.VectorStore`."""
        opened = self._open(table)
        if opened is None:
            return {}
        rows = _all(opened, ["document", "fingerprint"])
        return dict(zip(rows["document"].to_pylist(), rows["fingerprint"].to_pylist(), strict=True))

    def revision(self, table: str) -> str:
        """See :class:`.model.VectorStore`."""
        opened = self._open(table)
        return "" if opened is None else str(opened.version)

    def replace(self, table: str, entries: Sequence[Entry], vectors: Vectors) -> None:
        """One commit: a reader sees the old passages or the new."""
        if not entries:
            return
        rows = _rows(entries, vectors)
        opened = self._open(table)
        if opened is None:
            self._database.create_table(table, schema=rows.schema, exist_ok=True)
            opened = self._database.open_table(table)
        (
            opened.merge_insert("id")
            .when_matched_update_all()
            .when_not_matched_insert_all()
            .when_not_matched_by_source_delete(_among({entry.document for entry in entries}))
            .execute(rows)
        )
        if opened.version % _TIDY_EVERY == 0:
            opened.optimize(cleanup_older_than=timedelta(days=1))

    def delete(self, table: str, documents: Collection[str]) -> None:
        """See :class:`.model.VectorStore`."""
        opened = self._open(table)
        if opened is not None and documents:
            opened.delete(_among(documents))

    def entries(self, table: str) -> list[Entry]:
        """See :class:`.model.VectorStore`."""
        opened = self._open(table)
        return (
            [] if opened is None else [Entry(**row) for row in _all(opened, _COLUMNS).to_pylist()]
        )

    def nearest(self, table: str, vector: Vectors, k: int) -> list[tuple[Entry, float]]:
        """See :class:`.model.VectorStore`."""
        opened = self._open(table)
        if opened is None:
            return []
        found = (
            opened.search(vector.reshape(-1))
            .distance_type("cosine")
            .select([*_COLUMNS, "_distance"])
            .limit(k)
            .to_list()
        )
        return [
            (Entry(**{name: row[name] for name in _COLUMNS}), 1 - row["_distance"]) for row in found
        ]

    def drop(self, table: str) -> None:
        """See :class:`.model.VectorStore`."""
        if self._open(table) is not None:
            self._database.drop_table(table)


def _all(opened: Any, columns: list[str]) -> pa.Table:
    return opened.search().select(columns).limit(opened.count_rows() or 1).to_arrow()


def _rows(entries: Sequence[Entry], vectors: Vectors) -> pa.Table:
    columns: dict[str, pa.Array] = {
        name: pa.array([getattr(entry, name) for entry in entries], _NUMBERS.get(name, pa.string()))
        for name in _COLUMNS
    }
    flat = pa.array(vectors.reshape(-1), pa.float32())
    columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.table(columns)


def _among(documents: Collection[str]) -> str:
    """A predicate over document ids; file names may hold quotes."""
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in sorted(documents))
    return f"document IN ({quoted})"
