"""The same records without any disturbance: what a run that was disturbed must have made.

Belongs here: a second set of topics that gets the same records, an in-process run over them,
and the comparison of tables. Does not belong here: any disturbance.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import polars as pl
from polars.testing import assert_frame_equal

from platform_assets.connectors.produce import LogProducer, Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract, TopicKind
from platform_assets.core.naming import TableName, TopicName
from platform_assets.core.settings import Settings
from platform_assets.engines import open_engine
from platform_assets.engines.base import OffsetRange
from platform_assets.engines.log import TopicLog
from platform_assets.streaming.ledger import Ledger, Totals
from platform_assets.streaming.locks import Lease
from platform_assets.streaming.loop import StreamLoop
from platform_assets.streaming.plan import Broker


def calm_contracts(topics: Iterable[TopicName]) -> dict[TopicName, Contract]:
    """For each topic a twin of its contract in a domain of its own."""
    domain = f"calm_{uuid.uuid4().hex[:8]}"
    contracts = load_contracts()
    return {
        topic: replace(contracts[topic], topic=TopicName(domain, topic.entity)) for topic in topics
    }


def log_of(settings: Settings, topic: TopicName) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Key and value of every record on the broker, by partition and offset."""
    extents = Broker(settings).extents(topic)
    log = TopicLog(settings.kafka_bootstrap, str(topic), settings.request_timeout_seconds)
    ranges = [OffsetRange(p, extent.low, extent.high) for p, extent in extents.items()]
    table, _, _ = log.read(ranges, None)
    log.close()
    for row in table.select(["kafka_key", "kafka_value"]).to_pylist():
        yield row["kafka_key"], row["kafka_value"]


def run_calm(settings: Settings, twins: Mapping[TopicName, Contract]) -> dict[TopicName, Totals]:
    """Send the topics' records to their twins, publish all, return the sums by original topic.

    A key decides the partition, so a record has the same partition and offset in both.
    """
    ensure_topics(settings, twins.values())
    sent = dict.fromkeys(twins, 0)
    with LogProducer(settings) as producer:
        for topic, twin in twins.items():
            for key, value in log_of(settings, topic):
                sent[topic] += 1
                producer.send(Record(str(twin.topic), key, value))
    ledger = Ledger(settings)

    def sums() -> dict[TopicName, Totals]:
        return {topic: ledger.totals(twin.topic) for topic, twin in twins.items()}

    domain = next(iter(twins.values())).topic.domain
    with Lease(settings, domain, domain, "1") as lease:
        loop = StreamLoop(
            settings,
            list(twins.values()),
            open_engine=open_engine,
            fingerprints=lambda contract: contract.fingerprint,
            lease=lease,
            run_id=domain,
        )
        for step in loop.steps(0.2):
            if step is None and all(
                total.records - total.open_records >= sent[topic] for topic, total in sums().items()
            ):
                loop.stop()
    return sums()


def rows(settings: Settings, table: TableName) -> pl.DataFrame:
    """A Delta table's rows."""
    return pl.read_delta(f"{settings.lake_root}/{table.path}")


def assert_same_tables(settings: Settings, topic: TopicName, twin: Contract) -> None:
    """Silver, history and quarantine of a topic and its twin agree in all but the micro-batch."""
    columns = [column.name for column in twin.columns]
    record = ["_kafka_partition", "_kafka_offset"]
    extra = {"silver": [*record], "history": [*record, "op", "valid_from", "valid_to"]}
    wanted = {"silver": columns + extra["silver"]}
    if twin.kind is TopicKind.CHANGE:
        wanted = {name: columns + more for name, more in extra.items()}
    wanted["quarantine"] = [
        "rule", "rules", "reason", "kafka_partition", "kafka_offset", "kafka_key", "kafka_value",
    ]  # fmt: skip
    for name, chosen in wanted.items():
        ours, theirs = (
            rows(settings, getattr(each, name)).select(chosen).sort(_order(chosen))
            for each in (topic, twin.topic)
        )
        assert len(ours) == len(theirs), f"{topic} {name}"
        assert_frame_equal(ours, theirs, check_exact=True)


def _order(columns: list[str]) -> list[str]:
    order = [name for name in columns if name.endswith(("kafka_partition", "kafka_offset"))]
    return [*order, *(name for name in ("valid_from", "valid_to") if name in columns)]


def assert_balanced(settings: Settings, topic: TopicName) -> None:
    """Every micro-batch adds up, its ranges join without gap, and bronze has each record once."""
    from platform_assets.streaming.ledger_database import ledger_database

    with ledger_database(settings).borrow() as connection:
        wrong = connection.execute(
            """SELECT id, status FROM micro_batch WHERE topic = %s AND (status <> 'published'
                 OR records <> published + quarantined + duplicates + dead_letters)""",
            (str(topic),),
        ).fetchall()
        ranges = connection.execute(
            """SELECT kafka_partition, start_offset, end_offset FROM micro_batch_range
               WHERE topic = %s ORDER BY 1, 2""",
            (str(topic),),
        ).fetchall()
    assert wrong == []
    ends: dict[int, int] = {}
    for partition, start, end in ranges:
        assert start == ends.get(partition, 0), f"{topic} partition {partition}"
        ends[partition] = end
    bronze = rows(settings, topic.bronze)
    assert len(bronze) == sum(ends.values())
    assert not bronze.select("kafka_partition", "kafka_offset").is_duplicated().any()
    assert len(bronze) == Ledger(settings).totals(topic).records
