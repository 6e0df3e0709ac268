"""From a commit in PostgreSQL to Kafka and to silver, at 500 changes a second.

Belongs here: the load, the watching, the figures. Does not belong here: the connector.

Five connections insert, update and delete rows of one table, each change a transaction of its
own. The source, the stream and the writers are a process each, as they are in production. A
change's moment is its commit time, as the database says it. Kafka's is the broker's own timestamp:
of Debezium's record in the raw topic, and of the event in the contract's topic, which is what
counts. Silver's is the moment at which a commit of the history table is there.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from typing import Any

import numpy as np
import orjson
import polars as pl
import psycopg
import yaml
from confluent_kafka import Consumer, TopicPartition

from benchmarks import watch
from benchmarks.figures import Figure, Options
from benchmarks.stack import STORES, private_stack
from platform_assets.connectors.kafka import client_config
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.seam.definition import SourceDefinition, load_sources
from platform_assets.connectors.seam.run import SourceLoop
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings, get_settings
from platform_assets.engines import open_engine
from platform_assets.local import connect
from platform_assets.local.wait import wait_until
from platform_assets.sources import VARIABLE
from platform_assets.streaming.locks import Lease
from platform_assets.streaming.loop import StreamLoop

RATE = 500
SECONDS = 60.0
GOALS = {"cdc_kafka_p95": 0.1, "cdc_silver_p95": 2.0}
_WRITERS = 5
_WARM_SECONDS = 15.0
_DRAIN_SECONDS = 8.0
_TOPIC = TopicName("bench", "orders")
_COLUMNS = {"id": "integer", "amount": "number", "city": "string"}


def run(options: Options) -> list[Figure]:
    """``cdc_kafka_p95`` and ``cdc_silver_p95``."""
    seconds = max(10.0, SECONDS * options.scale)
    with private_stack((*STORES, connect.NAME)) as settings, _source(settings) as source:
        contract = load_contracts()[_TOPIC]
        ensure_topics(settings, [contract])
        with _process(_read, source.name), _process(_publish), _process(_write):
            _wait_for_events(settings)
            silver = watch.SilverWatch(settings, [contract])
            stop = threading.Event()
            watcher = threading.Thread(target=silver.run, args=(stop,))
            watcher.start()
            time.sleep(_WARM_SECONDS)
            options.say(f"cdc: measuring for {seconds:.0f} s")
            begun = time.time()
            time.sleep(seconds)
            ended = time.time()
            time.sleep(_DRAIN_SECONDS)
            stop.set()
            watcher.join()
        raw = _moments(settings, f"_weir_cdc.{source.name}.public.orders", _raw_time)
        events = _of_contract(silver, settings)
        rows = silver.rows().filter(pl.col("at").is_between(begun, ended))
    latency = (rows["seen"] - rows["at"]).to_numpy()
    parts = {
        "raw": _within(raw, begun, ended),
        "kafka": _within(events, begun, ended),
        "silver": latency,
    }
    return _figures(options, parts, seconds)


def _figures(options: Options, parts: dict[str, np.ndarray], seconds: float) -> list[Figure]:
    shown = {
        f"{name}_p{share}": round(float(np.percentile(values, share)), 4)
        for name, values in parts.items()
        for share in (50, 95, 99)
    }
    found = []
    for name, goal in GOALS.items():
        values = parts[name.split("_")[1]]
        p95 = float(np.percentile(values, 95))
        found.append(
            Figure(
                name,
                p95,
                "s",
                goal=f"under {goal:g} s",
                met=p95 < goal if options.scale >= 1 else None,
                extra={
                    **shown,
                    "changes": len(values),
                    "changes_per_second": round(len(values) / seconds),
                    "seconds": seconds,
                    "runs": 1,
                },
            )
        )
    return found


@contextmanager
def _process(target: Callable[..., None], *arguments: str) -> Iterator[None]:
    """Something that goes on in a process of its own until the end."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    child = context.Process(target=target, args=(stop, *arguments))
    child.start()
    try:
        yield
    finally:
        stop.set()
        child.join(120)
        if child.is_alive():
            child.kill()


def _write(stop: Event) -> None:
    """All writers, until stopped."""
    dsn = get_settings().postgres_dsn("bench")
    threads = [
        threading.Thread(target=_writer, args=(dsn, number, stop)) for number in range(_WRITERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _writer(dsn: str, number: int, stop: Event) -> None:
    """Insert, then update or delete a row, a transaction each, at a share of the rate."""
    pause, due, sent = _WRITERS / RATE, time.monotonic(), 0
    with psycopg.connect(dsn, autocommit=True) as connection:
        while not stop.is_set():
            row, kind = number * 10_000_000 + sent // 2, sent % 2
            if kind == 0:
                query = "insert into orders values (%s, 1.5, 'Ulm')"
            elif row % 10 == 0:
                query = "delete from orders where id = %s"
            else:
                query = "update orders set city = 'Bonn' where id = %s"
            connection.execute(query, (row,))
            sent += 1
            due += pause
            time.sleep(max(0.0, due - time.monotonic()))


def _read(stop: Event, name: str) -> None:
    """The sources run's loop."""
    loop = SourceLoop(get_settings(), {name: load_sources()[name]})
    for _ in loop.steps(1.0):
        if stop.is_set():
            loop.stop()


def _publish(stop: Event) -> None:
    """The stream run's loop."""
    settings = get_settings()
    lease = Lease(settings, "bench", "bench", "1")
    loop = StreamLoop(
        settings,
        [load_contracts()[_TOPIC]],
        open_engine=open_engine,
        fingerprints=lambda contract: contract.fingerprint,
        lease=lease,
        run_id="bench",
    )
    with lease:
        for _ in loop.steps(0.2):
            if stop.is_set():
                loop.stop()


@contextmanager
def _source(settings: Settings) -> Iterator[SourceDefinition]:
    """A database and a source of its one table."""
    with psycopg.connect(settings.postgres_dsn("postgres"), autocommit=True) as connection:
        connection.execute("create database bench")
    with psycopg.connect(settings.postgres_dsn("bench"), autocommit=True) as connection:
        connection.execute("create table orders (id bigint primary key, amount numeric, city text)")
        connection.execute("alter table orders replica identity full")
    folder = settings.home / "sources" / "bench_orders"
    folder.mkdir(parents=True)
    (folder / f"{_TOPIC}.yaml").write_text(yaml.safe_dump(_contract()))
    attributes = {
        "source": folder.name,
        "connector": "postgresql_cdc",
        "owner": "team:bench",
        "config": {
            "host": settings.postgres_host,
            "port": settings.postgres_port,
            "user": settings.postgres_user,
            "password": "BENCH_PASSWORD",
            "database": "bench",
        },
        "streams": [
            {
                "stream": "public.orders",
                "topic": str(_TOPIC),
                "columns": {name: name for name in _COLUMNS},
                "identity": ["_position"],
                "occurred_at": "_committed_at",
            }
        ],
    }
    definition = {"type": "platform_assets.graph.sources.Source", "attributes": attributes}
    (folder / "defs.yaml").write_text(yaml.safe_dump(definition))
    before = {name: os.environ.get(name) for name in (VARIABLE, "BENCH_PASSWORD")}
    os.environ |= {VARIABLE: str(folder.parent), "BENCH_PASSWORD": settings.postgres_password()}
    try:
        yield load_sources()[folder.name]
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _contract() -> dict[str, Any]:
    columns = [
        {"name": name, "logicalType": kind, "description": f"The {name}.", "primaryKey": not at}
        for at, (name, kind) in enumerate(_COLUMNS.items())
    ]
    return {
        "apiVersion": "v3.2.0", "kind": "DataContract", "id": f"weir:{_TOPIC}",
        "version": "1.0.0", "status": "active", "domain": _TOPIC.domain,
        "team": {"name": "team:bench"},
        "description": {"purpose": "Changes that are timed."},
        "slaProperties": [
            {"property": "freshness", "value": 1, "unit": "d"},
            {"property": "lateness", "value": 1, "unit": "d"},
        ],
        "customProperties": [
            {"property": "kind", "value": "change"},
            {"property": "eventTime", "value": "changed_at"},
        ],
        "schema": [{"name": _TOPIC.entity, "properties": [
            {"name": "event_id", "logicalType": "string", "description": "Id."},
            *columns,
            {"name": "changed_at", "logicalType": "timestamp", "description": "When."},
        ]}],
    }  # fmt: skip


def _wait_for_events(settings: Settings) -> None:
    table = settings.lake / _TOPIC.history.path / "_delta_log"
    wait_until(
        lambda: len(list(table.glob("*.json"))) > 2,
        what="the first changes in silver", timeout=240, every=0.5,
    )  # fmt: skip


def _raw_time(value: bytes) -> float:
    return float(orjson.loads(value)["source"]["ts_us"]) / 1e6


def _moments(settings: Settings, topic: str, time_of: Any) -> dict[tuple[int, int], list[float]]:
    """Commit time and the broker's time of each record, by partition and offset."""
    consumer = Consumer(
        {
            **client_config(settings), "group.id": "bench-cdc", "enable.partition.eof": True,
            "isolation.level": "read_committed", "enable.auto.commit": False,
        }
    )  # fmt: skip
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    found: dict[tuple[int, int], list[float]] = {}
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    left = set(partitions)
    while left:
        message = consumer.poll(30)
        if message is None:
            raise TimeoutError(f"{topic}: nothing in 30 s")
        if message.error():
            left.discard(message.partition())
            continue
        place = (message.partition() or 0, message.offset() or 0)
        found[place] = [time_of(message.value()), message.timestamp()[1] / 1e3]
    consumer.close()
    return found


def _of_contract(
    silver: watch.SilverWatch, settings: Settings
) -> dict[tuple[int, int], list[float]]:
    """The same of the contract's topic; an event's commit time is known by its row."""
    rows = silver.rows()
    times = {
        (part, offset): at
        for part, offset, at in rows.select("_kafka_partition", "_kafka_offset", "at").rows()
    }
    found = _moments(settings, str(_TOPIC), lambda _: 0.0)
    return {place: [times[place], broker] for place, (_, broker) in found.items() if place in times}


def _within(moments: dict[tuple[int, int], list[float]], begun: float, ended: float) -> np.ndarray:
    return np.array([there - at for at, there in moments.values() if begun <= at < ended])
