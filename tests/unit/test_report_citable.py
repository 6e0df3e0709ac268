"""A report cites only what all of its readers may read."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from platform_assets.core.databases import DatabaseError
from platform_assets.core.settings import Settings
from reports.citable import Citable, document_id, report_of
from reports.definition import Definition, load_definitions
from reports.knowledge.base import KnowledgeBase
from reports.knowledge.model import Block, Vectors
from reports.portal.shelf import Shelf
from reports.portal.users import User
from reports.store import ReportStore
from tests.sample_report import sample_report

BOARD = ("mailto:board@weir.example", "portal:board")


class WordEmbedder:
    """Words hashed into a vector."""

    name = "words"

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = np.full((len(texts), 64), 1e-3, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row[zlib.crc32(word.encode()) % 64] += 1
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows


@pytest.fixture
def store(tmp_path: Path) -> ReportStore:
    return ReportStore(Settings(reports_root=str(tmp_path)))


def defined(name: str, audience: str = "Board", recipients: tuple[str, ...] = BOARD) -> Definition:
    one = load_definitions()["weekly-commerce"]
    return one.model_copy(update={"name": name, "audience": audience, "recipients": recipients})


def past(
    store: ReportStore, name: str, period: str = "2010-W48", audience: str = "Board", held: str = ""
) -> str:
    about = {"name": name, "period": period, "audience": audience, "held": held}
    store.save(sample_report().model_copy(update=about))
    return document_id(name, period)


def may(
    store: ReportStore,
    document: str,
    *others: Definition,
    readers: dict[str, set[str]] | None = None,
    citing: Definition | None = None,
) -> bool:
    citing = citing or defined("weekly")
    given = readers or {}
    known = {one.name: one for one in (citing, *others)}
    citable = Citable(
        citing, "2010-W49", store, lambda: known, lambda name: frozenset(given.get(name, ()))
    )
    return citable(document)


def test_its_own_past_and_documents_may_be_cited(store: ReportStore) -> None:
    assert may(store, past(store, "weekly"))
    assert may(store, "strategy/2011.docx")
    assert report_of("report:weekly:2010-W48") == ("weekly", "2010-W48")
    assert report_of("reports/report:weekly.docx") is None


def test_itself_held_reports_and_missing_ones_may_not(store: ReportStore) -> None:
    assert not may(store, past(store, "weekly", "2010-W49"))
    assert not may(store, past(store, "weekly", "2010-W47", held="late data"))
    assert not may(store, document_id("weekly", "2010-W40"))


def test_another_audience_may_not(store: ReportStore) -> None:
    document = past(store, "plans", audience="Management")
    assert not may(store, document, defined("plans", "Management"))
    # Neither does a new definition make an old text fit for others.
    assert not may(store, document, defined("plans"))
    assert not may(store, past(store, "weekly", "2010-W46", audience="Management"))


def test_every_recipient_must_get_the_other_report(store: ReportStore) -> None:
    document = past(store, "plans")
    assert may(store, document, defined("plans"))
    assert may(store, document, defined("plans", recipients=(*BOARD, "slack:#more")))
    assert not may(store, document, defined("plans", recipients=BOARD[:1]))
    assert not may(store, document), "no definition says whom it reaches"


def test_every_reader_in_the_portal_must_have_the_other_report(store: ReportStore) -> None:
    document, other = past(store, "plans"), defined("plans")
    assert may(store, document, other, readers={"weekly": {"ann"}, "plans": {"ann", "bob"}})
    assert not may(store, document, other, readers={"weekly": {"ann", "bob"}, "plans": {"ann"}})


def test_without_the_portals_answer_no_other_report_is_cited(store: ReportStore) -> None:
    def silent(_name: str) -> frozenset[str]:
        raise DatabaseError("PostgreSQL does not answer")

    citing, other = defined("weekly"), defined("plans")
    known = {"weekly": citing, "plans": other}
    citable = Citable(citing, "2010-W49", store, lambda: known, silent)
    assert not citable(past(store, "plans"))
    assert citable(past(store, "weekly"))


@pytest.mark.parametrize("mode", ["hybrid", "bm25", "dense"])
def test_what_may_not_be_found_takes_no_place(tmp_path: Path, mode: str) -> None:
    settings = Settings(vector_store_url=str(tmp_path / "store"))
    base = KnowledgeBase(settings, "reports", embedder=WordEmbedder())
    for number in range(30):
        base.add(f"report:secret:{number}", "Secret", [Block(f"Returns rose in Germany {number}")])
    base.add("report:open:1", "Open", [Block("Returns in Germany, and much else besides")])
    found = base.search(
        "returns in Germany", 2, mode, only=lambda document: "secret" not in document
    )  # type: ignore[call-overload]
    assert [passage.document for passage in found] == ["report:open:1"]


def test_a_reader_sees_no_passage_of_a_report_that_is_not_theirs(tmp_path: Path) -> None:
    settings = Settings(reports_root=str(tmp_path))
    store = ReportStore(settings)
    passage = sample_report().passages[0]
    cited = {name: past(store, name) for name in ("weekly", "plans")}
    cited["late"] = past(store, "weekly", "2010-W40", held="late data")
    report = sample_report().model_copy(
        update={
            "passages": (
                passage.model_copy(update={"id": "file", "document": "plan.md"}),
                *(
                    passage.model_copy(update={"id": name, "document": document})
                    for name, document in cited.items()
                ),
            )
        }
    )
    shelf = Shelf(settings)
    reader = User("ann", reports=frozenset({"weekly"}))
    assert [one.id for one in shelf.passages(reader, report)] == ["file", "weekly"]
    admin = User("root", admin=True)
    assert len(shelf.passages(admin, report)) == 4
