"""A day's insights in the lake: read from the table of texts, written to that of insights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.load import derived_contract
from platform_assets.core.settings import Settings
from reports.enrichment.enrich import Retrieve, enrich
from reports.enrichment.model import PROMPT, Cost, EnrichmentError, Insight, Source
from reports.enrichment.tables import INSIGHTS, TEXTS
from reports.make import knowledge_folder

if TYPE_CHECKING:
    from pybreaker import CircuitBreaker

    from reports.document import Passage

PASSAGES = 3
"""Of a category."""


def enrich_day(
    settings: Settings, day: date, breaker: CircuitBreaker | None = None
) -> tuple[int, Cost]:
    """Make a day's insights and replace exactly that day's rows; returns how many, and the cost.

    Args:
        settings: lake, endpoint, collection of documents.
        day: UTC date.
        breaker: before the endpoint, kept over several days; None: one of its own.

    Raises:
        EnrichmentError: the table of texts is not there.
        KnowledgeError: the collection's name is malformed.
        StoreUnreachableError: the store of passages does not answer.
    """
    import polars as pl

    from platform_assets.engines import derived

    insights, cost = enrich(settings, read(settings, day), retriever(settings), breaker)
    table = derived_contract(INSIGHTS)
    rows = [_row(day, place, one) for place, one in enumerate(insights)]
    shape = pl.DataFrame(derived.layout(table).schema.empty_table()).drop(derived.DATE)
    derived.replace_day(settings, table, day, pl.DataFrame(rows, schema=shape.schema))
    return len(rows), cost


def read(settings: Settings, day: date) -> list[Source]:
    """A day's texts, first repeats left out, in the order of their events' ids.

    Raises:
        EnrichmentError: the table is not there.
    """
    import polars as pl
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    table = TEXTS.silver
    try:
        delta = DeltaTable(f"{settings.lake_root.rstrip('/')}/{table.path}")
    except TableNotFoundError as error:
        raise EnrichmentError(
            f"{table.sql}: the table does not exist",
            f"materialise {'/'.join(table.asset_key)} for {day}",
        ) from error
    rows = (
        pl.scan_delta(delta)
        .filter(
            (pl.col("event_date") == day)
            & pl.col("category").is_not_null()
            & pl.col("duplicate_of").is_null()
        )
        .select("source_event_id", "category", "language", "summary", "sentiment", "route",
                "key_phrases")
        .sort("source_event_id")
        .collect()
    )  # fmt: skip
    return [
        Source(event, category, language, text or "", feeling or "", route, tuple(json.loads(said)))
        for event, category, language, text, feeling, route, said in rows.iter_rows()
    ]


def retriever(settings: Settings) -> Retrieve | None:
    """Finds passages in the collection of the settings, in step with its folder; None: none is set.

    Raises:
        KnowledgeError: its name is malformed.
        StoreUnreachableError: the store does not answer.
    """
    if not (settings.text_collection and settings.llm_url):
        return None
    from reports.knowledge.base import KnowledgeBase

    base = KnowledgeBase(settings, settings.text_collection)
    folder = knowledge_folder(settings) / settings.text_collection
    if folder.is_dir():
        base.sync(folder)

    def retrieve(query: str) -> Sequence[Passage]:
        return base.search(query, k=PASSAGES)

    return retrieve


def _row(day: date, place: int, one: Insight) -> dict[str, Any]:
    identity = json.dumps([day.isoformat(), place, one.category, one.kind, one.text])
    return {
        "event_id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "category": one.category,
        "kind": one.kind,
        "text": one.text,
        "severity": one.severity or None,
        "texts": json.dumps(one.texts),
        "passages": json.dumps(
            [passage.model_dump(mode="json") for passage in one.passages], ensure_ascii=False
        ),
        "model": one.model or None,
        "prompt": PROMPT,
        "missing": json.dumps(one.missing, ensure_ascii=False),
        "timestamp": datetime.combine(day, time(), UTC),
    }
