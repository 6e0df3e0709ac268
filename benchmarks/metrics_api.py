"""The metrics API at 500 requests a second, while the hot path takes in rows.

PostgreSQL, Valkey and the portal run. A year of hours lies in the hot path, and five transactions
a second bring rows, each of which makes another version of every answer. A client in a process of
its own asks four questions in turn over eight connections: each request has a moment at which it
is due, and its latency counts from there, so waiting for the one before counts too. Every other
request sends the ETag that it knows. ``metrics_api`` is over all of them, those that the cache did
not have included; ``metrics_cache`` is the time that the portal waited for Valkey's answer where
Valkey had it, as ``Server-Timing`` says.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from benchmarks.figures import Figure, Options
from benchmarks.process import in_fresh_process
from benchmarks.stack import private_stack
from platform_assets.core.settings import Settings, get_settings
from platform_assets.local import portal, postgres, valkey
from platform_assets.processors.hot.store import HotStore
from reports.portal.database import portal_database
from reports.portal.sessions import Sessions
from reports.portal.users import User, Users

GOAL, CACHE_GOAL = 0.005, 0.001
RATE, SECONDS = 500.0, 60.0
WRITES = 5.0
_CONNECTIONS = 8
_WARM_SECONDS = 3.0
_QUESTIONS = ("sentiment", "topic?by=hour", "language?by=day", "throughput")
_TIMING = re.compile(rb"desc=(\w+);dur=([0-9.]+)")


def run(options: Options) -> list[Figure]:
    """The figures ``metrics_api`` and ``metrics_cache``."""
    seconds = max(10.0, SECONDS * options.scale)
    with private_stack((postgres.NAME, valkey.NAME, portal.NAME)) as settings:
        store = HotStore(settings)
        _year(store)
        token = _sign_in(settings)
        stop = threading.Event()
        writer = threading.Thread(target=_write, args=(store, stop))
        writer.start()
        try:
            found = in_fresh_process(
                "benchmarks.metrics_api:ask",
                settings.home / "runs" / "ask.log",
                token=token,
                seconds=seconds,
            ).result
        finally:
            stop.set()
            writer.join()
        store.close()
    every, of_hits = np.array(found["seconds"]), np.array(found["hit_seconds"])
    hits = np.array(found["cache_seconds"])
    p50, p95, p99 = np.percentile(every, (50, 95, 99))
    shown = options.scale >= 1
    common = {"requests_per_second": RATE, "seconds": seconds, "runs": 1}
    cache50, cache95, cache99 = np.percentile(hits, (50, 95, 99))
    return [
        Figure(
            "metrics_api",
            float(p99),
            "s",
            goal=f"p99 under {GOAL * 1000:g} ms",
            met=bool(p99 < GOAL) if shown else None,
            extra={
                **_rounded(p50=p50, p95=p95, p99=p99, max=every.max()),
                **_rounded(hit_p50=np.median(of_hits), hit_p99=np.percentile(of_hits, 99)),
                "requests": len(every),
                "hits": len(hits),
                "not_modified": found["not_modified"],
                "transactions_per_second": WRITES,
                **common,
            },
        ),
        Figure(
            "metrics_cache",
            float(cache95),
            "s",
            goal=f"p95 under {CACHE_GOAL * 1000:g} ms",
            met=bool(cache95 < CACHE_GOAL) if shown else None,
            extra={**_rounded(p50=cache50, p95=cache95, p99=cache99), **common},
        ),
    ]


def _rounded(**values: float) -> dict[str, float]:
    return {name: round(float(value), 5) for name, value in values.items()}


def _year(store: HotStore) -> None:
    """A year of sums by hour and day."""
    now = datetime.now(UTC)
    store.database.prepare()
    store.ensure_months(now.date() - timedelta(days=30 * month) for month in range(14))
    with store.database.borrow() as connection:
        for grain, steps in (("hour", 24 * 365), ("day", 365)):
            connection.execute(
                f"""INSERT INTO understood_{grain}
                    SELECT date_trunc('{grain}', now(), 'UTC') - n * interval '1 {grain}', topic,
                      language, sentiment, 60, 30
                    FROM generate_series(1, {steps}) AS n,
                      unnest(ARRAY['reviews', 'tickets']) AS topic,
                      unnest(ARRAY['en', 'de', 'fr', 'es']) AS language,
                      unnest(ARRAY['positive', 'neutral', 'negative']) AS sentiment
                    ON CONFLICT DO NOTHING""".encode()
            )
        connection.execute("ANALYZE")


def _sign_in(settings: Settings) -> str:
    database = portal_database(settings)
    user = User("program", reports=frozenset({"live"}))
    Users(database).add(user)
    token = Sessions(database).start(user)
    database.close()
    return token


def _write(store: HotStore, stop: threading.Event) -> None:
    topic, done = "bench", 0
    while not stop.wait(1 / WRITES):
        now = datetime.now(UTC)
        row: dict[str, Any] = {
            "day": now.date(), "event_id": uuid.uuid4().hex, "occurred_at": now,
            "source_topic": topic, "source_event_id": "e", "source_partition": 0,
            "source_offset": done, "arrived_at": now, "characters": 4, "language": "en",
            "language_confidence": 1.0, "sentiment": "neutral", "intensity": 0.5,
            "route": "quick", "entities": "[]", "functions": "bench",
            "log_partition": 0, "log_offset": done,
        }  # fmt: skip
        before = {0: done} if done else {}
        store.add(topic, before, {0: done + 1}, pl.DataFrame([row]))
        done += 1


def ask(token: str, seconds: float) -> dict[str, Any]:
    """Ask at the rate; called in a process of its own.

    Returns:
        ``seconds`` of each request, ``hit_seconds`` and ``cache_seconds`` of each that the cache
        had, ``not_modified``: how many were told 304.
    """
    return asyncio.run(_ask(get_settings().portal_port, token, seconds))


async def _ask(port: int, token: str, seconds: float) -> dict[str, Any]:
    began = time.perf_counter() + 0.2
    found: list[list[tuple[float, bytes, float, int]]] = await asyncio.gather(
        *(_connection(port, token, began, place, seconds) for place in range(_CONNECTIONS))
    )
    measured = [one for many in found for one in many if one[0] > _WARM_SECONDS]
    hits = [
        (took, float(timing[2]) / 1000)
        for _, head, took, _ in measured
        if (timing := _TIMING.search(head)) and timing[1] == b"hit"
    ]
    return {
        "seconds": [took for _, _, took, _ in measured],
        "hit_seconds": [took for took, _ in hits],
        "cache_seconds": [waited for _, waited in hits],
        "not_modified": sum(status == 304 for *_, status in measured),
    }


async def _connection(
    port: int, token: str, began: float, place: int, seconds: float
) -> list[tuple[float, bytes, float, int]]:
    """(due, head, latency, status) of each request of one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    tags: dict[str, bytes] = {}
    done: list[tuple[float, bytes, float, int]] = []
    number = place
    while (due := number / RATE) < seconds + _WARM_SECONDS:
        await asyncio.sleep(began + due - time.perf_counter())
        path = _QUESTIONS[number // _CONNECTIONS % len(_QUESTIONS)]
        known = tags.get(path) if number // (_CONNECTIONS * len(_QUESTIONS)) % 2 else None
        tag = b"If-None-Match: %s\r\n" % known if known else b""
        writer.write(
            b"GET /api/metrics/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nCookie: weir=%s\r\n%s\r\n"
            % (path.encode(), port, token.encode(), tag)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if length := re.search(rb"(?i)content-length: (\d+)", head):
            await reader.readexactly(int(length[1]))
        if status not in (200, 304):
            raise RuntimeError(f"{path}: {head.decode()}")
        if etag := re.search(rb"(?i)etag: (\S+)", head):
            tags[path] = etag[1]
        done.append((due, head, time.perf_counter() - began - due, status))
        number += _CONNECTIONS
    writer.close()
    return done
