"""The sources run: one long-lived Dagster run that reads every source of a connector."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
import time
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from dagster import (
    AssetCheckEvaluation,
    AssetMaterialization,
    Nothing,
    OpExecutionContext,
    Out,
    Output,
    op,
)

from platform_assets.core.naming import SOURCES_LEASE
from platform_assets.core.settings import get_settings
from platform_assets.graph.checks.sources import SourceChecks
from platform_assets.graph.lineage import source_key
from platform_assets.graph.runs.host import LAKE_CODE, LongLived, hosted
from platform_assets.graph.sources import HEARTBEAT_SECONDS, read_metadata
from platform_assets.sources import roots

if TYPE_CHECKING:
    from platform_assets.connectors.seam.pull import StreamOutcome

RUN = LongLived(
    job="sources",
    lease=SOURCES_LEASE,
    code=(*LAKE_CODE, *((str(root), "*.*") for root in roots())),
)
STOP_POLL_SECONDS = 1.0

SourceEvent = AssetMaterialization | AssetCheckEvaluation | Output[None]


@op(out=Out(Nothing), description="Reads every source, each at its own pace.")
def run_sources(context: OpExecutionContext) -> Iterator[SourceEvent]:
    """Read the sources until asked to stop; a materialisation a source every few seconds.

    Its check is evaluated where its health changes.

    Raises:
        LeaseHeldError: another sources run is alive; this one ends without touching anything.
    """
    from platform_assets.connectors.seam.definition import load_sources
    from platform_assets.connectors.seam.run import SourceLoop

    settings, found = get_settings(), load_sources()
    reported = _Reported(settings.materialisation_every_seconds)
    failing: set[tuple[str, str]] = set()
    with hosted(context, settings, RUN) as host, closing(SourceChecks(settings, found)) as checks:
        loop = SourceLoop(settings, found)
        context.log.info(f"reading {len(found)} sources: {', '.join(found)}")
        for told in loop.steps(STOP_POLL_SECONDS):
            if told is not None:
                stream = (told.source, told.outcome.stream)
                if told.outcome.error:
                    if stream not in failing:
                        context.log.warning(told.outcome.error)
                    failing.add(stream)
                else:
                    failing.discard(stream)
                reported.add(told.source, told.outcome)
            yield from reported.due()
            yield from checks.due()
            if not host.may_go_on():
                loop.stop()
        yield from reported.due(everything=True)
    yield Output(None)


sources_job = RUN.job_of(
    run_sources, "The sources run: reads every source of a connector, kept alive by a sensor."
)


class _Reported:
    """Gathers pages into one materialisation a source."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._gathered: dict[str, list[StreamOutcome]] = {}
        self._logged: dict[str, float] = {}

    def add(self, source: str, outcome: "StreamOutcome") -> None:
        """Take in what was committed; of good reads without rows one now and then."""
        if outcome.error:
            return
        quiet = time.monotonic() - self._logged.get(source, -HEARTBEAT_SECONDS)
        if outcome.records or outcome.dead_letters or quiet >= HEARTBEAT_SECONDS:
            self._gathered.setdefault(source, []).append(outcome)

    def due(self, *, everything: bool = False) -> Iterator[AssetMaterialization]:
        """Events whose time has come."""
        now = time.monotonic()
        for source in list(self._gathered):
            if not everything and now - self._logged.get(source, -self._pause) < self._pause:
                continue
            self._logged[source] = now
            yield AssetMaterialization(
                asset_key=source_key(source), metadata=read_metadata(self._gathered.pop(source))
            )
