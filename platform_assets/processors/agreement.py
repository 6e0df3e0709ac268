"""Speed layer and batch layer, hour by hour: the same records, the same functions, equal results.

Both say which record of the log each row is of. So an hour is compared over the records that both
have taken, however far either is behind the other: a row that silver has and the hot path lacks is
missing, not late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from confluent_kafka import KafkaException

from platform_assets.connectors import kafka
from platform_assets.contracts.model import Contract
from platform_assets.core.databases import retry_connection
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.processors import positions
from platform_assets.processors.exchange import group_of
from platform_assets.processors.hot.store import HotStore
from platform_assets.processors.model import Definition, Input, ProcessorError, TextFunctions
from platform_assets.processors.silver import open_silver
from platform_assets.processors.transform import texts
from platform_assets.processors.understand import Understood, understand
from platform_assets.streaming.ledger import Ledger

HOURS = 24
"""Closed hours that one comparison looks at, at most."""
SETTLE = timedelta(minutes=5)
"""After its end an hour is closed."""
SAMPLE = 2_000
"""Results of an hour that are computed again; all are looked up."""
_TOLERANCE = 2e-4
"""Between two numbers of a model: the order of additions depends on the batch."""

_HOT = (
    "source_event_id", "language", "sentiment", "intensity", "route", "entities", "functions",
)  # fmt: skip


@dataclass(frozen=True)
class Hour:
    """An hour of one input.

    Attributes:
        source_topic: the input.
        hour: its beginning (UTC), of the event time.
        texts: rows of silver, of records that both layers have taken.
        missing: of them not in the hot path.
        extra: rows of such records in the hot path alone.
        compared: results that were computed again from silver.
        different: of them otherwise in the hot path.
        outdated: results of other versions of the functions, which are only looked up.
    """

    source_topic: str
    hour: datetime
    texts: int
    missing: int
    extra: int
    compared: int
    different: int
    outdated: int

    @property
    def agrees(self) -> bool:
        """Whether both layers say the same."""
        return not (self.missing or self.extra or self.different)


def compare(
    settings: Settings,
    definition: Definition,
    functions: TextFunctions,
    contracts: Mapping[TopicName, Contract],
    store: HotStore,
    now: datetime,
) -> list[Hour]:
    """Compare the closed hours that have rows, of every input; keeps what was found.

    Raises:
        ProcessorError: the lake's table cannot be read, or the hot path is behind the log.
        WeirError: a server does not answer.
    """
    end = (now - SETTLE).replace(minute=0, second=0, microsecond=0)
    begin = end - timedelta(hours=HOURS)
    found: list[Hour] = []
    for source in definition.inputs:
        contract = contracts[source.topic]
        # First how far the processor is, then silver: what it has taken before is in the log.
        taken = _taken(settings, definition, source, contracts[definition.output], store)
        published = _published(settings, source)
        bounds = {
            partition: min(offset, published.get(partition, 0))
            for partition, offset in taken.items()
        }
        silver = _silver(settings, contract, begin, end, bounds)
        hot = _hot(store, source, begin, end, bounds)
        found += list(_hours(source, contract, functions, silver, hot))
    _keep(store, definition.name, found)
    return found


def _hours(
    source: Input,
    contract: Contract,
    functions: TextFunctions,
    silver: pl.DataFrame,
    hot: pl.DataFrame,
) -> Iterator[Hour]:
    silver = silver.with_columns(pl.col(contract.event_time).dt.truncate("1h").alias("hour"))
    for hour in sorted({*silver["hour"], *hot["hour"]}):
        rows = silver.filter(pl.col("hour") == hour)
        there = {row["source_event_id"]: row for row in _of(hot, hour)}
        ids = set(rows["event_id"])
        outdated = {name for name, row in there.items() if row["functions"] != functions.version}
        sample = (
            rows.filter(pl.col("event_id").is_in(sorted(set(there) - outdated)))
            # The same rows whenever it is asked, and spread over the hour.
            .sort(pl.col("event_id").hash(seed=0))
            .head(SAMPLE)
        )
        again = understand(functions, texts(source, sample)) if len(sample) else []
        different = sum(
            not _equal(one, there[name])
            for name, one in zip(sample["event_id"], again, strict=True)
        )
        yield Hour(
            source_topic=str(source.topic),
            hour=hour,
            texts=len(ids),
            missing=len(ids - set(there)),
            extra=len(set(there) - ids),
            compared=len(sample),
            different=different,
            outdated=len(outdated & ids),
        )


def _of(hot: pl.DataFrame, hour: datetime) -> list[dict[str, Any]]:
    return hot.filter(pl.col("hour") == hour).to_dicts()


def _equal(expected: Understood, row: Mapping[str, Any]) -> bool:
    reading = expected.reading
    return (
        reading.language == row["language"]
        and reading.sentiment == row["sentiment"]
        and abs((reading.intensity or 0.0) - (row["intensity"] or 0.0)) <= _TOLERANCE
        and expected.route == row["route"]
        and _places(expected) == row["entities"]
    )


def _places(expected: Understood) -> str:
    return _named((one.kind, one.start, one.end) for one in expected.entities)


def _named(places: Any) -> str:
    return "; ".join(f"{kind} {start}-{end}" for kind, start, end in places)


def _taken(
    settings: Settings, definition: Definition, source: Input, output: Contract, store: HotStore
) -> dict[int, int]:
    """Partition -> offset before which the processor has taken an input's records.

    Raises:
        ProcessorError: not all that it made of them is stored yet.
    """
    topic, seconds = str(source.topic), min(10.0, settings.request_timeout_seconds)
    results = str(output.topic)
    consumer = positions.asker(settings, group_of(definition.name))
    try:
        known = positions.ends(consumer, [topic], seconds)
        taken = positions.committed(consumer, known, seconds)
        stored = {(results, number): at for number, at in store.positions(results).items()}
        end = positions.ends(consumer, [results], seconds)
        waiting = positions.wait(consumer, end, stored, seconds)
    except KafkaException as error:
        if not kafka.may_pass(error):
            raise ProcessorError(
                f"processor {definition.name}: the broker refuses: {error.args[0].str()}"
            ) from error
        raise kafka.unreachable(settings, error) from error
    finally:
        consumer.close()
    if waiting:
        raise ProcessorError(
            f"processor {definition.name}: not all of its results are in the hot path yet",
            "compare again in a moment; is it running? See /live",
        )
    return {number: at for (_, number), at in taken.items()}


def _published(settings: Settings, source: Input) -> dict[int, int]:
    """Partition -> offset before which silver has an input's records."""
    ledger = Ledger(settings)
    opened = ledger.open_batches(source.topic)
    ends = dict(ledger.progress(source.topic).next_offsets)
    for one in opened:
        for item in one.batch.ranges:
            ends[item.partition] = min(ends.get(item.partition, item.start), item.start)
    return ends


def _silver(
    settings: Settings,
    contract: Contract,
    begin: datetime,
    end: datetime,
    bounds: Mapping[int, int],
) -> pl.DataFrame:
    moment = pl.col(contract.event_time)
    return (
        pl.scan_delta(open_silver(settings, contract))
        .filter(pl.col("event_date").is_between(begin.date(), end.date()))
        .filter((moment >= begin) & (moment < end))
        # Rows of bulk files have partitions below zero: they never were in the log.
        .filter(_below(bounds, "_kafka_partition", "_kafka_offset"))
        .collect()
    )


def _below(bounds: Mapping[int, int], partition: str, offset: str) -> pl.Expr:
    parts = [
        (pl.col(partition) == number) & (pl.col(offset) < end) for number, end in bounds.items()
    ]
    return pl.any_horizontal(parts) if parts else pl.lit(value=False)


def _hot(
    store: HotStore, source: Input, begin: datetime, end: datetime, bounds: Mapping[int, int]
) -> pl.DataFrame:
    schema: dict[str, Any] = {
        **dict.fromkeys(_HOT, pl.String),
        "intensity": pl.Float64,
        "source_partition": pl.Int32,
        "source_offset": pl.Int64,
        "hour": pl.Datetime("us", "UTC"),
    }
    rows = _hot_rows(store, str(source.topic), begin, end)
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.filter(_below(bounds, "source_partition", "source_offset"))


@retry_connection
def _hot_rows(store: HotStore, topic: str, begin: datetime, end: datetime) -> list[tuple[Any, ...]]:
    with store.database.borrow() as connection:
        rows = connection.execute(
            """SELECT source_event_id, language, sentiment, intensity, route, entities, functions,
                 source_partition, source_offset, date_trunc('hour', occurred_at, 'UTC')
               FROM understood
               WHERE day BETWEEN %s AND %s AND occurred_at >= %s AND occurred_at < %s
                 AND source_topic = %s""",
            (begin.date(), end.date(), begin, end, topic),
        ).fetchall()
    return [(*row[:5], _listed(row[5]), *row[6:9], row[9].astimezone(UTC)) for row in rows]


def _listed(entities: Sequence[Mapping[str, Any]]) -> str:
    return _named((one["kind"], one["start"], one["end"]) for one in entities)


def _keep(store: HotStore, processor: str, found: Sequence[Hour]) -> None:
    with store.database.borrow() as connection, connection.transaction():
        for one in found:
            connection.execute(
                """INSERT INTO agreement (processor, source_topic, hour, texts, missing, extra,
                     compared, different, outdated)
                   VALUES (%(processor)s, %(source_topic)s, %(hour)s, %(texts)s, %(missing)s,
                     %(extra)s, %(compared)s, %(different)s, %(outdated)s)
                   ON CONFLICT (processor, source_topic, hour) DO UPDATE SET
                     texts = excluded.texts, missing = excluded.missing, extra = excluded.extra,
                     compared = excluded.compared, different = excluded.different,
                     outdated = excluded.outdated, at = now()""",
                {**asdict(one), "processor": processor},
            )
