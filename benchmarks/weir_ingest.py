"""Weir's side of the ingest benches: the real stream loop over one topic.

Belongs here: running the loop in this process until the topic is drained. Does not belong
here: the bare loops (:mod:`.bare_local`, :mod:`.bare_spark`).
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks import events
from benchmarks.process import cpu_seconds
from platform_assets.core.settings import EngineName, Settings, get_settings
from platform_assets.engines import open_engine
from platform_assets.engines.base import Engine
from platform_assets.streaming.locks import Lease
from platform_assets.streaming.loop import StreamLoop


def ingest(engine: str, entity: str, warm_entity: str, root: str) -> dict[str, Any]:
    """Land and publish a whole topic, after a small one has warmed the process.

    Args:
        engine: local or spark.
        entity: the topic.
        warm_entity: a small topic; not measured.
        root: a fresh lake.

    Returns:
        Seconds from the start of the loop to the last publication, and counts.
    """
    settings = get_settings().model_copy(update={"engine": EngineName(engine)})
    session = _session(settings)
    _drain(settings, session, warm_entity, f"{root}/warm")
    return _drain(settings, session, entity, root)


def _session(settings: Settings) -> Any:
    if settings.engine is EngineName.LOCAL:
        return None
    from platform_assets.engines.spark.session import open_session

    return open_session(settings)[0]


def _engine(settings: Settings, session: Any) -> Engine:
    if session is None:
        return open_engine(settings)
    from platform_assets.engines.spark.engine import SparkEngine

    return SparkEngine(settings, session=session)


def _drain(settings: Settings, session: Any, entity: str, root: str) -> dict[str, Any]:
    settings = settings.model_copy(update={"lake_root": root})
    contract = events.contract_for(entity)
    events.forget(settings, entity)
    wanted = sum(events.ends(settings, entity).values())
    with Lease(settings, f"bench-{entity}", "bench", "1") as lease:
        loop = StreamLoop(
            settings,
            [contract],
            open_engine=lambda chosen: _engine(chosen, session),
            fingerprints=lambda item: item.fingerprint,
            lease=lease,
            run_id="bench",
        )
        totals = dict.fromkeys(("records", "published", "quarantined", "duplicates"), 0)
        batches, seconds, spent = 0, 0.0, 0.0
        started, cpu = time.perf_counter(), cpu_seconds()
        for step in loop.steps(0.5):
            if step is None:
                continue
            seconds, spent = time.perf_counter() - started, cpu_seconds() - cpu
            batches += 1
            for counts in step.published.counts.values():
                for name in totals:
                    totals[name] += getattr(counts, name)
            if totals["records"] >= wanted:
                loop.stop()
    return {"seconds": seconds, "cpu_seconds": spent, "batches": batches, **totals}
