"""The stream run: one long-lived Dagster run that lands and publishes every topic.

Belongs here: hosting the loop of ``streaming/`` inside a Dagster run, and turning its steps
into materialisations, checks and partition keys, few enough for days of uptime. Does not
belong here: keeping it alive (``sensors/micro_batches.py``), gold (``fresh_gold_run.py``).
Next room: sensors.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetKey,
    AssetMaterialization,
    Nothing,
    OpExecutionContext,
    Out,
    Output,
    in_process_executor,
    job,
    op,
)

from platform_assets.automation import LONG_LIVED
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.engines.base import BatchCounts
from platform_assets.naming import TopicName
from platform_assets.quality.checks import balance_result
from platform_assets.settings import Settings, get_settings
from platform_assets.silver.assets import table_metadata

if TYPE_CHECKING:
    from platform_assets.streaming.microbatch import Step
    from platform_assets.streaming.windows import Windows

LEASE = "stream"
JOB = "stream"
STOP_POLL_SECONDS = 1.0

StreamEvent = AssetMaterialization | AssetCheckEvaluation | Output[None]


def code_version() -> str:
    """What a deploy changes, in one word: the release and all contracts."""
    import hashlib
    from importlib.metadata import version

    contracts = "".join(contract.fingerprint for contract in load_contracts().values())
    return f"{version('weir')}-{hashlib.sha256(contracts.encode()).hexdigest()[:12]}"


@op(out=Out(Nothing), description="Takes what waits on every topic, lands it and publishes it.")
def run_stream(context: OpExecutionContext) -> Iterator[StreamEvent]:
    """Loop over the topics until asked to stop; a materialisation a table every few seconds.

    Raises:
        LeaseHeldError: another stream run is alive; this one ends without touching anything.
    """
    from platform_assets.connectors.publish import ensure_topics
    from platform_assets.quality.batches import BatchSuites
    from platform_assets.run_engine import engines
    from platform_assets.streaming.locks import Lease
    from platform_assets.streaming.loop import StreamLoop
    from platform_assets.streaming.windows import Windows

    settings = get_settings()
    contracts = load_contracts()
    context.log.info("topics, schemas and tables by contract")
    ensure_topics(settings, contracts.values())
    reporter = Reporter(settings, context, Windows(settings))
    suites = BatchSuites(settings)
    started = time.monotonic()
    with Lease(settings, LEASE, context.run_id, code_version()) as lease:
        loop = StreamLoop(
            settings,
            list(contracts.values()),
            open_engine=engines(settings),
            fingerprints=lambda contract: contract.fingerprint,
            lease=lease,
            run_id=context.run_id,
        )
        context.log.info(f"streaming {len(contracts)} topics with the {settings.engine} engine")
        for step in loop.steps(STOP_POLL_SECONDS):
            if step is not None:
                reporter.add(step)
                if (found := suites.check(step)) is not None:
                    yield evaluation(step.contract, found)
            yield from reporter.due()
            if time.monotonic() - started > settings.stream_max_hours * 3600:
                context.log.info("draining: handing over to a fresh run keeps each log short")
                loop.stop()
        yield from reporter.due(everything=True)
    yield Output(None)


@job(
    name=JOB,
    executor_def=in_process_executor,
    description="The stream run: bronze and silver of every topic, kept alive by a sensor.",
    tags={**LONG_LIVED, "dagster/max_retries": "0"},
)
def stream_job() -> None:
    """One op that loops."""
    run_stream()


@dataclass
class _Gathered:
    """What a topic did in a window since the last logged materialisation."""

    contract: Contract
    window_key: str
    batches: list[BatchCounts] = field(default_factory=list)
    first_id: int = 0
    last_id: int = 0
    offsets: dict[int, int] = field(default_factory=dict)


class Reporter:
    """Turns steps into few events: one a table every ten seconds, one more when a window closes.

    Args:
        settings: profile; ``materialisation_every_seconds`` is the pause between events.
        context: of the run; partition keys are added through its instance.
        windows: the ledger's windows.
    """

    def __init__(self, settings: Settings, context: OpExecutionContext, windows: "Windows") -> None:
        self._settings = settings
        self._context = context
        self._windows = windows
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
        gathered.first_id = gathered.first_id or step.batch.id
        gathered.last_id = step.batch.id
        for item in step.batch.ranges:
            gathered.offsets[item.partition] = item.end

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
            "next_offsets": {str(p): at for p, at in sorted(gathered.offsets.items())},
        }
        for table in contract.tables:
            yield AssetMaterialization(
                asset_key=AssetKey(table.asset_key),
                partition=window,
                metadata={
                    **table_metadata(self._settings, contract, table, gathered.batches),
                    **span,
                },
            )
        yield evaluation(contract, balance_result(contract, gathered.batches))


def evaluation(contract: Contract, result: AssetCheckResult) -> AssetCheckEvaluation:
    """A check's result as an event of a run that materialises many partitions."""
    return AssetCheckEvaluation(
        asset_key=AssetKey(contract.topic.silver.asset_key),
        check_name=str(result.check_name),
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
    )
