"""From a text's event time to the browser that shows it.

Kafka, registry, PostgreSQL and the portal run, and the processor in a process of its own; the
simulator sends 1,250 records a second with event time now, 100 of them reviews and tickets. A
viewer signs in to the portal and follows ``/live/events``. Each picture says the step of the hot
path that it shows; a text's latency is the moment at which the first picture with its step has
arrived, less its event time. Every text of the measured time counts. The functions are those of
``ml/text`` without trained models.
"""

from __future__ import annotations

import json
import re
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np

from benchmarks.figures import Figure, Options
from benchmarks.process import in_fresh_process
from benchmarks.stack import STORES, private_stack
from ml.text.functions import ReaderFunctions
from ml.text.reader import Models
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.simulate.live import simulate_live
from platform_assets.connectors.simulate.plan import DEFAULT_TOPICS
from platform_assets.connectors.simulate.weave import Shares
from platform_assets.contracts.load import load_contracts
from platform_assets.core.settings import Settings, get_settings
from platform_assets.local import portal as portal_server
from platform_assets.local.wait import wait_until
from platform_assets.processors.hot.store import HotStore
from platform_assets.processors.model import FEEDBACK
from platform_assets.processors.run import ProcessorRun
from reports.portal.database import portal_database
from reports.portal.users import User, Users

GOAL = 2.0
AIM = 0.5
RATE, TEXTS_RATE = 1250.0, 100.0
SECONDS = 120.0
_SETTLE_SECONDS = 10.0
_TEXT_TOPICS = tuple(str(one.topic) for one in FEEDBACK.inputs)
_SHARES = Shares(late=0.0, out_of_order=0.0)


def run(options: Options) -> list[Figure]:
    """The figure ``dashboard``."""
    seconds = max(20.0, SECONDS * options.scale)
    with private_stack((*STORES, portal_server.NAME)) as settings:
        latencies, pictures = _measure(options, settings, seconds)
    p50, p95, p99 = np.percentile(latencies, (50, 95, 99))
    return [
        Figure(
            "dashboard",
            float(p95),
            "s",
            goal=f"under {GOAL:g} s, aim for {AIM:g}",
            met=bool(p95 < GOAL) if options.scale >= 1 else None,
            extra={
                "p50": round(float(p50), 3),
                "p95": round(float(p95), 3),
                "p99": round(float(p99), 3),
                "max": round(float(latencies.max()), 3),
                "texts": len(latencies),
                "texts_per_second": round(len(latencies) / seconds, 1),
                "events_per_second": RATE,
                "pictures": pictures,
                "seconds": seconds,
                "runs": 1,
            },
        )
    ]


def _measure(options: Options, settings: Settings, seconds: float) -> tuple[np.ndarray, int]:
    ensure_topics(settings, load_contracts().values())
    stop_file = settings.home / "runs" / "stop"
    parts = [
        threading.Thread(
            target=in_fresh_process,
            args=(f"benchmarks.dashboard:{name}", settings.home / "runs" / f"{name}.log"),
            kwargs={"stop_file": str(stop_file)},
        )
        for name in ("process", "send")
    ]
    for part in parts:
        part.start()
    store, viewer = HotStore(settings), _Viewer(settings)
    try:
        wait_until(lambda: _count(store) > 0, what="texts in the hot path", timeout=120)
        viewer.start()
        time.sleep(_SETTLE_SECONDS)
        options.say(f"dashboard: measuring for {seconds:.0f} s")
        began = time.time()
        time.sleep(seconds)
        ended = time.time()
        time.sleep(_SETTLE_SECONDS)
    finally:
        viewer.stop()
        stop_file.parent.mkdir(exist_ok=True)
        stop_file.touch()
        for part in parts:
            part.join()
    with store.database.borrow() as connection:
        rows = connection.execute(
            """SELECT extract(epoch FROM occurred_at)::float8, step FROM understood
               WHERE occurred_at >= %s AND occurred_at < %s""",
            (datetime.fromtimestamp(began, UTC), datetime.fromtimestamp(ended, UTC)),
        ).fetchall()
    store.close()
    steps, moments = (np.array(one) for one in zip(*viewer.pictures, strict=True))
    at, step = (np.array(one) for one in zip(*rows, strict=True))
    places = np.searchsorted(steps, step)
    if (places == len(steps)).any():
        raise RuntimeError(f"{(places == len(steps)).sum()} texts were never shown")
    return moments[places] - at, len(viewer.pictures)


def _count(store: HotStore) -> int:
    with store.database.borrow() as connection:
        row = connection.execute("SELECT count(*) FROM understood").fetchone()
    return int(row[0]) if row else 0


class _Viewer(threading.Thread):
    """Follows the page's stream.

    Attributes:
        pictures: (step, moment of arrival) of each.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="viewer", daemon=True)
        self._settings = settings
        self._ended = threading.Event()
        self.pictures: list[tuple[int, float]] = []

    def run(self) -> None:
        """Sign in and read, coming back as browsers do, until stopped."""
        users = Users(portal_database(self._settings))
        password = users.add(User("viewer", admin=False, reports=frozenset({"live"})))
        with httpx.Client(base_url=self._settings.portal_url, timeout=30) as client:
            page = client.get("/login").text
            token = re.search(r'name="csrf" value="([^"]+)"', page)
            form = {"name": "viewer", "password": password, "csrf": token[1] if token else ""}
            client.post("/login", data=form, headers={"Origin": self._settings.portal_url})
            while not self._ended.is_set():
                with client.stream("GET", "/live/events") as answer:
                    answer.raise_for_status()
                    for line in answer.iter_lines():
                        if line.startswith("data: "):
                            step = json.loads(line[6:])["step"]
                            self.pictures.append((step, time.time()))
                        if self._ended.is_set():
                            break

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self._ended.set()
        if self.is_alive():
            self.join(30)


def process(stop_file: str) -> int:
    """Run the processor until a file appears; called in a process of its own."""
    functions = ReaderFunctions(Models(), "bench")
    run = ProcessorRun(get_settings(), FEEDBACK, functions, load_contracts())
    results = 0
    for told in run.steps():
        results += told.done.results
        if Path(stop_file).exists():
            run.stop()
    return results


def send(stop_file: str) -> int:
    """Send live records until a file appears; called in a process of its own."""
    stop, sent = threading.Event(), [0, 0]
    others = [name for name in DEFAULT_TOPICS if name not in _TEXT_TOPICS]

    def pour(place: int, rate: float, topics: list[str]) -> None:
        found = simulate_live(get_settings(), 7, rate, stop, topics=topics, shares=_SHARES)
        sent[place] = found.events

    threads = [
        threading.Thread(target=pour, args=(0, RATE - TEXTS_RATE, others)),
        threading.Thread(target=pour, args=(1, TEXTS_RATE, list(_TEXT_TOPICS))),
    ]
    for thread in threads:
        thread.start()
    while not Path(stop_file).exists():
        time.sleep(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    return sum(sent)
