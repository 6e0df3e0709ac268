"""A processor beside its own function in a bare loop.

Simulated reviews and tickets wait in their topics. The processor, in a fresh process, takes them
all: records are decoded and judged, results and position committed in transactions, rows stored in
PostgreSQL. Its rate is that of results in the log, from the first transaction to the last. The
baseline is the same function over the same texts, from a list, in batches of the same size, in a
fresh process too. The functions are those of ``ml/text`` without trained models: language and
rules, so that nothing slow hides what the processor costs.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from benchmarks.figures import Figure, Options, middle
from benchmarks.process import cpu_seconds, in_fresh_process
from benchmarks.stack import private_stack
from ml.text.functions import ReaderFunctions
from ml.text.reader import Models
from platform_assets.connectors.simulate.feedback import Reviews, SupportTickets
from platform_assets.connectors.simulate.history import simulate_history
from platform_assets.connectors.simulate.weave import Shares
from platform_assets.contracts.load import load_contracts
from platform_assets.core.settings import Settings, get_settings
from platform_assets.processors.exchange import consumer_config
from platform_assets.processors.model import FEEDBACK
from platform_assets.processors.run import MOST_RECORDS, ProcessorRun
from platform_assets.processors.understand import Text, understand

GOAL = 0.8
TEXTS = 40_000
_SECONDS = 600.0


def run(options: Options) -> list[Figure]:
    """The figure ``processor``."""
    count = options.sized(TEXTS, 4_000)
    rates: list[float] = []
    bare: list[float] = []
    extra: dict[str, Any] = {}
    for number in range(options.repeats):
        with private_stack() as settings:
            topics = [str(one.topic) for one in FEEDBACK.inputs]
            simulate_history(settings, 7, count, topics=topics, shares=_CLEAN)
            folder = settings.home / "runs"
            loop = in_fresh_process("benchmarks.processor:loop", folder / "bare.log", count=count)
            done = in_fresh_process("benchmarks.processor:process", folder / "run.log", count=count)
        bare.append(loop.result)
        rates.append(done.result["rate"])
        extra = {
            "peak_memory_mb": round(done.peak_memory_mb),
            "baseline_peak_memory_mb": round(loop.peak_memory_mb),
            "cpu_seconds": done.result["cpu_seconds"],
        }
        options.say(f"processor {number}: {rates[-1]:,.0f} texts/s, bare {bare[-1]:,.0f}")
    ratio = middle([one / other for one, other in zip(rates, bare, strict=True)])
    return [
        Figure(
            "processor",
            middle(rates),
            "texts/s",
            middle(bare),
            ratio,
            f"ratio at least {GOAL}",
            ratio >= GOAL if options.scale >= 1 else None,
            {"runs": options.repeats, "texts": count, **extra},
        )
    ]


_CLEAN = Shares(duplicates=0.0, late=0.0, out_of_order=0.0, broken=0.0)


def _functions() -> ReaderFunctions:
    return ReaderFunctions(Models(), "bench")


def loop(count: int) -> float:
    """Texts a second of the bare loop."""
    texts = _texts(count)
    functions = _functions()
    understand(functions, texts[:100])
    began = time.monotonic()
    for start in range(0, count, MOST_RECORDS):
        understand(functions, texts[start : start + MOST_RECORDS])
    return count / (time.monotonic() - began)


def _texts(count: int) -> list[Text]:
    """As many texts as simulated, of the same kinds, urgent as often."""
    rng = np.random.default_rng(7)
    tickets = int(count * 3 / 7)
    written = SupportTickets().draw(rng, tickets, 0, 10**12).after
    told = Reviews().draw(rng, count - tickets, 0, 10**12).after
    found = [Text(text) for text in told["text"]]
    found += [
        Text(f"{subject}\n{body}", priority in ("high", "urgent"))
        for subject, body, priority in zip(
            written["subject"], written["body"], written["priority"], strict=True
        )
    ]
    order = rng.permutation(count).tolist()
    return [found[place] for place in order]


def process(count: int) -> dict[str, float]:
    """Results a second of the processor."""
    settings = get_settings()
    run = ProcessorRun(settings, FEEDBACK, _functions(), load_contracts())
    watch = _Watch(settings, count)
    watch.start()
    done, end = 0, time.monotonic() + _SECONDS
    for told in run.steps():
        done += told.done.stored
        if done >= count or time.monotonic() > end:
            run.stop()
    watch.join()
    return {"rate": watch.rate(), "cpu_seconds": round(cpu_seconds(), 1)}


class _Watch(threading.Thread):
    """Notes how far the log of results is, twenty times a second."""

    def __init__(self, settings: Settings, count: int) -> None:
        super().__init__(name="watch")
        self._settings, self._count = settings, count
        self._seen: list[tuple[float, int]] = []

    def run(self) -> None:
        """Look until all results are there."""
        consumer = Consumer({**consumer_config(self._settings), "group.id": "bench"})
        partitions = load_contracts()[FEEDBACK.output].topic_policy.partitions
        places = [TopicPartition(str(FEEDBACK.output), one) for one in range(partitions)]
        end = time.monotonic() + _SECONDS
        try:
            while time.monotonic() < end and (not self._seen or self._seen[-1][1] < self._count):
                there = sum(_high(consumer, place) for place in places)
                if there and (not self._seen or there > self._seen[-1][1]):
                    self._seen.append((time.monotonic(), there))
                time.sleep(0.05)
        finally:
            consumer.close()

    def rate(self) -> float:
        """From the first transaction that was seen to the last."""
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - began)


def _high(consumer: Consumer, place: TopicPartition) -> int:
    try:
        return int(consumer.get_watermark_offsets(place, timeout=5)[1])
    except Exception:  # noqa: BLE001 - the topic is being made
        return 0
