"""The stream run: one long-lived Dagster run that lands and publishes every topic."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    AssetMaterialization,
    Nothing,
    OpExecutionContext,
    Out,
    Output,
    op,
)

from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import STREAM_LEASE, TopicName
from platform_assets.core.settings import Settings, get_settings
from platform_assets.engines.base import BatchCounts
from platform_assets.graph.checks.evaluation import evaluation
from platform_assets.graph.checks.silver import balance_result
from platform_assets.graph.runs.host import LongLived, hosted
from platform_assets.graph.silver import table_metadata, table_rows

if TYPE_CHECKING:
    from platform_assets.streaming.ledger import Totals
    from platform_assets.streaming.microbatch import Step
    from platform_assets.streaming.windows import Windows

RUN = LongLived(job="stream", lease=STREAM_LEASE)
STOP_POLL_SECONDS = 1.0

StreamEvent = AssetMaterialization | AssetCheckEvaluation | Output[None]


@op(out=Out(Nothing), description="Takes what waits on every topic, lands it and publishes it.")
def run_stream(context: OpExecutionContext) -> Iterator[StreamEvent]:
    """Loop over the topics until asked to stop; a materialisation a table every few seconds.

    Raises:
        LeaseHeldError: another stream run is alive; this one ends without touching anything.
    """
    from platform_assets.connectors.publish import ensure_topics
    from platform_assets.gold.bootstrap import protect_tables
    from platform_assets.graph.checks.batches import BatchSuites
    from platform_assets.graph.engine import engines
    from platform_assets.streaming.ledger import Ledger
    from platform_assets.streaming.loop import StreamLoop
    from platform_assets.streaming.windows import Windows

    settings = get_settings()
    context.log.info("topics and schemas by contract")
    contracts = list(load_contracts().values())
    unready = refused_topics(settings, context, contracts)
    if trouble := protect_tables(settings):
        context.log.warning(f"personal data of changed contracts may be readable: {trouble}")
    reporter = Reporter(settings, context, Windows(settings), Ledger(settings).totals)
    suites = BatchSuites(settings)
    with hosted(context, settings, RUN) as host:
        loop = StreamLoop(
            settings,
            contracts,
            open_engine=engines(settings),
            fingerprints=lambda contract: contract.fingerprint,
            lease=host.lease,
            run_id=context.run_id,
            unready=unready,
            prepare=lambda contract: ensure_topics(settings, [contract]),
        )
        context.log.info(f"streaming {len(contracts)} topics with the {settings.engine} engine")
        yield from reporter.reconcile(contracts)
        for step in loop.steps(STOP_POLL_SECONDS):
            if step is not None:
                reporter.add(step)
                if (found := suites.check(step)) is not None:
                    yield evaluation(AssetKey(step.contract.topic.silver.asset_key), found)
            yield from reporter.due()
            if host.too_old:
                context.log.info("draining: handing over to a fresh run keeps each log short")
                loop.stop()
        yield from reporter.due(everything=True)
    yield Output(None)


def refused_topics(
    settings: Settings, context: OpExecutionContext, contracts: list[Contract]
) -> set[TopicName]:
    """Make topics and schemas ready; a contract that is refused halts its own topic alone.

    Returns:
        The topics that were refused.

    Raises:
        WeirError: broker or registry do not answer.
    """
    from platform_assets.connectors.publish import ensure_topics
    from platform_assets.connectors.registry import SchemaRefusedError
    from platform_assets.connectors.topics import TopicError
    from platform_assets.streaming.faults import halt_of
    from platform_assets.streaming.ledger import Ledger

    try:
        ensure_topics(settings, contracts)
    except (SchemaRefusedError, TopicError):
        refused = set()
        for contract in contracts:
            try:
                ensure_topics(settings, [contract])
            except (SchemaRefusedError, TopicError) as error:
                context.log.warning(f"{contract.topic} is halted: {error}")
                halt = halt_of(error, None)
                Ledger(settings).fail(contract.topic, halt, str(error), contract.fingerprint)
                refused.add(contract.topic)
        return refused
    return set()


stream_job = RUN.job_of(
    run_stream, "The stream run: bronze and silver of every topic, kept alive by a sensor."
)


@dataclass
class _Gathered:
    """What a topic did in a window since the last logged materialisation."""

    contract: Contract
    window_key: str
    batches: list[BatchCounts] = field(default_factory=list)
    recorded: int = 0
    first_id: int = 0
    last_id: int = 0
    offsets: dict[int, int] = field(default_factory=dict)


class Reporter:
    """Turns steps into few events: one a table every twenty seconds, one more when a window closes.

    Args:
        settings: profile; ``materialisation_every_seconds`` is the pause between events.
        context: of the run; partition keys are added through its instance.
        windows: the ledger's windows.
        totals: the ledger's sums over a topic's window.
    """

    def __init__(
        self,
        settings: Settings,
        context: OpExecutionContext,
        windows: "Windows",
        totals: "Callable[[TopicName, str], Totals]",
    ) -> None:
        self._settings = settings
        self._context = context
        self._windows = windows
        self._totals = totals
        self._gathered: dict[tuple[TopicName, str], _Gathered] = {}
        self._logged: dict[TopicName, float] = {}
        self._keys: set[tuple[TopicName, str]] = set()
        self._closed_at = 0.0

    def add(self, step: "Step") -> None:
        """Take in one micro-batch."""
        topic = step.contract.topic
        gathered = self._gathered.setdefault(
            (topic, step.window_key), _Gathered(step.contract, step.window_key)
        )
        gathered.batches.extend(step.published.counts.values())
        gathered.recorded += step.recorded
        gathered.first_id = gathered.first_id or step.batch.id
        gathered.last_id = step.batch.id
        for item in step.batch.ranges:
            gathered.offsets[item.partition] = item.end

    def reconcile(self, contracts: list[Contract]) -> Iterator[StreamEvent]:
        """Report windows that the ledger has and Dagster lacks, and each topic's newest one.

        A run that was killed may have published micro-batches that it had not reported yet.
        """
        for contract in contracts:
            topic = contract.topic
            recorded = self._windows.keys(topic)
            known = set(self._context.instance.get_dynamic_partitions(topic.partitions_name))
            for key in [key for key in recorded if key not in known] or recorded[-1:]:
                self._ensure_key(topic, key)
                yield from self._events(_Gathered(contract, key))

    def due(self, *, everything: bool = False) -> Iterator[StreamEvent]:
        """Events whose time has come; with ``everything`` all that was gathered."""
        now = time.monotonic()
        for (topic, window_key), gathered in list(self._gathered.items()):
            pause = self._settings.materialisation_every_seconds
            if not everything and now - self._logged.get(topic, -pause) < pause:
                continue
            self._logged[topic] = now
            del self._gathered[topic, window_key]
            self._ensure_key(topic, window_key)
            yield from self._events(gathered)
        if everything or now - self._closed_at > self._settings.materialisation_every_seconds:
            self._closed_at = now
            self._close_windows()

    def _ensure_key(self, topic: TopicName, window_key: str) -> None:
        if (topic, window_key) not in self._keys:
            self._context.instance.add_dynamic_partitions(topic.partitions_name, [window_key])
            self._keys.add((topic, window_key))

    def _close_windows(self) -> None:
        for topic in load_contracts():
            for key in self._windows.close_due(topic, datetime.now(UTC)):
                self._context.log.info(f"{topic}: window {key} is closed")
                self._keys.discard((topic, key))

    def _events(self, gathered: _Gathered) -> Iterator[StreamEvent]:
        contract, window = gathered.contract, gathered.window_key
        span: dict[str, Any] = {
            "micro_batches": len(gathered.batches),
            "first_micro_batch": gathered.first_id,
            "last_micro_batch": gathered.last_id,
            "next_offsets": {str(p): at for p, at in sorted(gathered.offsets.items()) if p >= 0},
        }
        if files := {str(-p): at for p, at in sorted(gathered.offsets.items()) if p < 0}:
            span["bulk_files_next_records"] = files
        whole = self._totals(contract.topic, window)
        partition = BatchCounts(
            records=whole.records - whole.open_records,
            published=whole.published,
            quarantined=whole.quarantined,
        )
        for table in contract.tables:
            yield AssetMaterialization(
                asset_key=AssetKey(table.asset_key),
                partition=window,
                metadata={
                    **table_metadata(self._settings, contract, table, gathered.batches),
                    "dagster/partition_row_count": table_rows(contract, table, [partition]),
                    **span,
                },
            )
        yield evaluation(
            AssetKey(contract.topic.silver.asset_key),
            balance_result(contract, gathered.batches, gathered.recorded),
        )
