"""The knowledge base: a collection of documents, kept in step with a folder, and searched."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Literal

from platform_assets.core.settings import Settings
from reports.document import Passage
from reports.knowledge import chunks, fusion
from reports.knowledge.embed import Embedder, shared_embedder
from reports.knowledge.lexical import WordIndex
from reports.knowledge.model import (
    Block,
    Document,
    Entry,
    KnowledgeError,
    Refusal,
    RefusedError,
    Scored,
    SyncReport,
    Vectors,
)
from reports.knowledge.parsing.choose import parse
from reports.knowledge.stores.model import VectorStore, open_store
from reports.knowledge.text import clean

Mode = Literal["hybrid", "bm25", "dense"]
Fusion = Literal["min_max", "reciprocal_ranks"]
Progress = Callable[[int, int], None]
"""Told (documents done, documents to do)."""

CANDIDATES = 200
"""Passages that each ranker hands to fusion, at least."""
BATCH_PASSAGES = 256
"""Passages written in one go: a sync that is killed loses at most these."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_FUSIONS = {"min_max": fusion.min_max, "reciprocal_ranks": fusion.reciprocal_ranks}
_FILE, _ADDED = "file:", "added:"


Allowed = Callable[[str], bool]


def _all(_document: str) -> bool:
    return True


def _silent(_done: int, _all: int) -> None:
    pass


class KnowledgeBase:
    """One collection.

    Its table is named after the collection, the embedding model and the rules of cutting, so
    vectors of two models never meet; with another model the next sync indexes afresh.
    """

    def __init__(
        self,
        settings: Settings,
        collection: str,
        store: VectorStore | None = None,
        embedder: Embedder | None = None,
        language: str = "en",
    ) -> None:
        """Open a collection; one that is not there yet is empty.

        Args:
            settings: name the store and the model.
            collection: its name.
            store: instead of the settings'.
            embedder: instead of this process's one of the settings' model.
            language: of its documents, BCP 47: stemming and stop words.

        Raises:
            KnowledgeError: the name is malformed, or no such store exists.
        """
        if not _NAME.fullmatch(collection):
            raise KnowledgeError(
                f"{collection!r} is not a valid collection name",
                "use up to 40 of a-z, 0-9, - and _, a letter first",
            )
        self._embedder = embedder or shared_embedder(settings.embedding_model, settings.cache)
        self._store = store or open_store(settings)
        self._language = language
        key = _hash(f"{collection}\0{self._embedder.name}\0{chunks.RULES}".encode())[:8]
        self._table = f"{collection.replace('-', '_')}_{key}"
        self._lock = Lock()
        self._words: tuple[str, WordIndex] | None = None

    def sync(self, folder: Path, progress: Progress = _silent) -> SyncReport:
        """Make the collection hold what a folder holds, subfolders included.

        Only documents with new content are parsed, cut and embedded. A file that can no longer
        be read keeps the passages of its last readable content. Documents that were added
        (:meth:`add`) stay. Hidden files and Office's lock files (``~$``) are passed over.

        Args:
            folder: of the collection.
            progress: told how far it is.

        Raises:
            KnowledgeError: the folder is not there (so an unmounted disk removes nothing).
            StoreUnreachableError: the store does not answer.
        """
        if not folder.is_dir():
            raise KnowledgeError(f"no folder {folder}", "create it, or fix the path")
        report = SyncReport()
        known = self._store.documents(self._table)
        files = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
        gone = [
            name for name, mark in known.items() if mark.startswith(_FILE) and name not in files
        ]
        self._store.delete(self._table, gone)
        report.removed = len(gone)
        waiting: list[Entry] = []
        for done, (name, path) in enumerate(files.items(), start=1):
            waiting += self._take(name, path, folder, known.get(name), report)
            if len(waiting) >= BATCH_PASSAGES:
                self._keep(waiting, report)
                waiting = []
            progress(done, len(files))
        self._keep(waiting, report)
        return report

    def _take(
        self, name: str, path: Path, folder: Path, known: str | None, report: SyncReport
    ) -> list[Entry]:
        """The passages of one file if it is new or changed."""
        try:
            _check_place(name, path, folder, known)
            mark = _FILE + _hash(path.read_bytes())
            if mark == known:
                report.unchanged += 1
                return []
            document = parse(path)
        except RefusedError as refused:
            report.refused.append(Refusal(name, refused.rule, refused.message))
            return []
        except OSError as error:
            said = error.strerror or str(error)
            report.refused.append(Refusal(name, "damaged", f"{name}: cannot be opened: {said}"))
            return []
        found = chunks.entries(name, document, mark)
        report.refused += [Refusal(name, "part", f"{name}: {flaw}") for flaw in document.flaws]
        if known is None:
            report.added += 1
        else:
            report.changed += 1
        return found

    def add(self, document_id: str, title: str, blocks: Iterable[Block]) -> int:
        """Take in a document that is no file: an earlier report.

        One that was added under this id is replaced; the same content again costs nothing.

        Args:
            document_id: its id in citations.
            title: its title in citations.
            blocks: its text.

        Returns:
            Passages embedded.

        Raises:
            KnowledgeError: it has no text, or a file of the collection has that name.
            StoreUnreachableError: the store does not answer.
        """
        document = Document(title, list(blocks))
        mark = _ADDED + _hash(repr((title, document.blocks)).encode("utf-8", "replace"))
        known = self._store.documents(self._table).get(document_id)
        if known == mark:
            return 0
        if known is not None and known.startswith(_FILE):
            raise KnowledgeError(f"{document_id} is a file of the collection", "use another id")
        found = chunks.entries(document_id, document, mark)
        if not found:
            raise KnowledgeError(f"document {document_id} has no text", "add one that has")
        report = SyncReport()
        self._keep(found, report)
        return report.embedded

    def remove(self, document_id: str) -> None:
        """Remove a document; one that is not there is no error."""
        self._store.delete(self._table, [document_id])

    def _keep(self, found: list[Entry], report: SyncReport) -> None:
        if found:
            vectors = self._embedder.embed([entry.indexed for entry in found])
            self._store.replace(self._table, found, vectors)
            report.embedded += len(found)

    def search(
        self,
        query: str,
        k: int = 5,
        mode: Mode = "hybrid",
        vector: Vectors | None = None,
        only: Callable[[str], bool] | None = None,
    ) -> list[Passage]:
        """The best passages for a query, best first.

        Args:
            query: words or a question.
            k: how many, at most.
            mode: ``bm25`` (by words), ``dense`` (by meaning) or both.
            vector: the query as this collection's model embeds it, one row; None embeds it. Who
                asks several collections the same embeds it once.
            only: says of a document's id whether it may be found; None: all may. What may not
                takes no place from what may.

        Raises:
            StoreUnreachableError: the store does not answer.
        """
        return [found.passage for found in self.scored(query, k, mode, vector=vector, only=only)]

    def scored(
        self,
        query: str,
        k: int = 5,
        mode: Mode = "hybrid",
        fuse: Fusion = "min_max",
        vector: Vectors | None = None,
        only: Callable[[str], bool] | None = None,
    ) -> list[Scored]:
        """As :meth:`search`, with scores: BM25's, cosine similarity, or the fused one.

        Args:
            query: words or a question.
            k: how many, at most.
            mode: see :meth:`search`.
            fuse: how both rankings become one (ADR 0402).
            vector: see :meth:`search`.
            only: see :meth:`search`.
        """
        query = clean(query)
        allowed = cache(only) if only else _all
        if k < 1 or not query.strip():
            return []
        if mode == "bm25":
            ranked = self._by_words(query, k, allowed)
        elif mode == "dense":
            ranked = self._by_meaning(query, k, vector, allowed)
        else:
            depth = max(CANDIDATES, k)
            both = [
                self._by_words(query, depth, allowed),
                self._by_meaning(query, depth, vector, allowed),
            ]
            entries = {entry.id: entry for ranking in both for entry, _ in ranking}
            fused = _FUSIONS[fuse]([{e.id: score for e, score in ranking} for ranking in both])
            best = sorted(fused, key=lambda name: (-fused[name], name))[:k]
            ranked = [(entries[name], fused[name]) for name in best]
        return [Scored(entry.passage(), score) for entry, score in ranked]

    def _by_words(self, query: str, k: int, allowed: Allowed) -> list[tuple[Entry, float]]:
        with self._lock:
            revision = self._store.revision(self._table)
            if self._words is None or self._words[0] != revision:
                index = WordIndex(self._store.entries(self._table), self._language)
                self._words = (revision, index)
            index = self._words[1]
        return index.search(query, k, lambda entry: allowed(entry.document))

    def _by_meaning(
        self, query: str, k: int, vector: Vectors | None, allowed: Allowed
    ) -> list[tuple[Entry, float]]:
        if vector is None:
            vector = self._embedder.embed([query])
        depth = k
        while True:
            found = self._store.nearest(self._table, vector, depth)
            kept = [(entry, score) for entry, score in found if allowed(entry.document)]
            # Stores know no rights: ask for more until enough of it may be found.
            if len(kept) >= k or len(found) < depth:
                return kept[:k]
            depth *= 4


def _check_place(name: str, path: Path, folder: Path, known: str | None) -> None:
    if known is not None and known.startswith(_ADDED):
        raise RefusedError("taken", f"{name}: a document was added under this name")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise RefusedError("outside", f"{name}: links to a file outside the folder")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith((".", "~$")) for part in parts):
            yield path
