"""The check ``healthy`` of each source: reads that are good, few dead letters."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    MetadataValue,
)

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.graph.checks.evaluation import evaluation
from platform_assets.graph.lineage import source_key

if TYPE_CHECKING:
    from platform_assets.connectors.operate.health import StreamHealth
    from platform_assets.connectors.seam.definition import SourceDefinition

HEALTHY = "healthy"
_LOOK_SECONDS = 5.0


def healthy_spec(source: str) -> AssetCheckSpec:
    """The check of one source's asset."""
    return AssetCheckSpec(
        HEALTHY,
        asset=source_key(source),
        description="Its last read was good, at most 5 % of its rows are dead letters, and a month "
        "costs no more than its budget. One read that fails warns; from the third failure in a "
        "row it is an error.",
    )


def healthy_result(streams: Sequence[StreamHealth]) -> AssetCheckResult:
    """The check's result for the streams of one source."""
    from platform_assets.connectors.operate.health import FAILURES, ILL

    bad = [one for one in streams if one.health in ILL]
    lasting = any(one.failures >= FAILURES for one in bad)
    records = sum(one.records for one in streams)
    dead = sum(one.dead_letters for one in streams)
    why = [f"{one.stream}: {one.why}" for one in streams if one.why]
    return AssetCheckResult(
        check_name=HEALTHY,
        asset_key=source_key(streams[0].source),
        passed=not bad,
        severity=AssetCheckSeverity.ERROR if lasting else AssetCheckSeverity.WARN,
        description="; ".join(why) or "every stream was read well",
        metadata={
            "failures_in_a_row": max(one.failures for one in streams),
            "dead_letter_share": dead / (records + dead) if records + dead else 0.0,
            "records": records,
            "dead_letters": dead,
            "schema_changes": MetadataValue.json(
                {one.stream: list(one.changes) for one in streams if one.changes}
            ),
            "health": MetadataValue.json({one.stream: one.health.value for one in streams}),
            **_used(streams),
        },
    )


def _used(streams: Sequence[StreamHealth]) -> dict[str, MetadataValue]:
    """Requests and cost of a day, where the source has them."""
    from platform_assets.connectors.operate.health import summed
    from platform_assets.connectors.seam.cost import money

    (one,) = summed(streams)
    found: dict[str, MetadataValue] = {}
    if one["requests_day"] is not None:
        found["requests_day"] = MetadataValue.int(one["requests_day"])
    for name in ("cost_day", "cost_month"):
        if one[name] is not None:
            found[name] = MetadataValue.text(f"{money(one[name])} {one['currency']}")
    return found


class SourceChecks:
    """Evaluations of all sources, each when it changes.

    Args:
        settings: where PostgreSQL is.
        sources: by name.
    """

    def __init__(self, settings: Settings, sources: Mapping[str, SourceDefinition]) -> None:
        from platform_assets.connectors.seam.state import SourceStates

        self._states = SourceStates(settings)
        self._sources = sources
        self._told: dict[str, tuple[object, ...]] = {}
        self._looked = -_LOOK_SECONDS

    def close(self) -> None:
        """Give the connections back."""
        self._states.close()

    def due(self) -> Iterator[AssetCheckEvaluation]:
        """What has changed since the last look; looks every few seconds at most."""
        from platform_assets.connectors.operate.health import of_source

        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        try:
            known = {(one.source, one.stream): one for one in self._states.streams()}
            pauses = self._states.pauses()
        except WeirError:
            return  # looked at again in a moment
        for name, source in self._sources.items():
            streams = of_source(source, known, pauses.get(name))
            result = healthy_result(streams)
            state = (
                result.passed,
                result.severity,
                *((one.health, *one.changes) for one in streams),
            )
            if self._told.get(name) != state:
                self._told[name] = state
                yield evaluation(source_key(name), result)
