"""The component of a source of any connector: its asset, and a job that reads it once."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    AssetSelection,
    Component,
    ComponentLoadContext,
    Config,
    Definitions,
    Failure,
    FreshnessPolicy,
    MaterializeResult,
    MetadataValue,
    asset,
    define_asset_job,
    in_process_executor,
)
from pydantic import Field, field_validator

from platform_assets.connectors.seam.definition import SourceFields, StreamFields, load_sources
from platform_assets.connectors.seam.types import connector_type
from platform_assets.graph.checks.sources import healthy_result, healthy_spec
from platform_assets.graph.lineage import source_key

HEARTBEAT_SECONDS = 600.0
"""A source whose reads are good and empty is reported so often: its asset stays fresh."""


class PullConfig(Config):
    """Options of one read."""

    streams: list[str] = Field(default=[], description="Only these streams.")


class Source(Component):
    """A source of any connector: pages of rows, mapped to events, each with its cursor.

    Attributes:
        fields: as its ``defs.yaml`` says. Not resolved by Dagster, which takes no nested models:
            a source has no templates.
    """

    def __init__(self, fields: SourceFields) -> None:
        self.fields = fields

    @classmethod
    def get_model_cls(cls) -> type[SourceFields]:
        """What ``attributes`` must be."""
        return SourceFields

    @classmethod
    def load(cls, attributes: SourceFields, context: ComponentLoadContext) -> "Source":  # type: ignore[override] # noqa: ARG003
        """The component of a ``defs.yaml``."""
        return cls(attributes)

    # Dagster's schema takes no nested models of others; ours checks each stream.
    streams: Sequence[Any] = Field(min_length=1)

    @field_validator("streams")
    @classmethod
    def _are_streams(cls, value: Sequence[Any]) -> Sequence[StreamFields]:
        return [StreamFields.model_validate(one) for one in value]

    def build_defs(self, context: ComponentLoadContext) -> Definitions:  # noqa: ARG002
        """The asset, and the job that reads the source once; the sources run reads it on and on."""
        read = self._asset()
        job = define_asset_job(
            f"read_{self.fields.source}",
            AssetSelection.assets(read),
            description=f"Reads {self.fields.source} from its cursors until it has no more.",
            executor_def=in_process_executor,
        )
        return Definitions(assets=[read], jobs=[job])

    def _asset(self) -> AssetsDefinition:
        kind = connector_type(self.fields.connector, self.fields.version)

        @asset(
            key=source_key(self.fields.source),
            group_name=self.fields.group,
            kinds={kind.kind.value, "kafka"},
            owners=[self.fields.owner],
            description=self.fields.description or kind.title,
            check_specs=[healthy_spec(self.fields.source)],
            freshness_policy=None if kind.live else _freshness(self.fields.every_seconds),
            metadata={
                "connector": kind.name,
                "version": kind.version,
                "maturity": kind.maturity.value,
                "topics": [stream.topic for stream in self.fields.streams],
                "every_seconds": self.fields.every_seconds,
            },
        )
        # Dagster takes the bare class alone for a result that carries its checks.
        def rows(context: AssetExecutionContext, config: PullConfig) -> MaterializeResult:  # type: ignore[type-arg]
            from platform_assets.connectors.operate.health import of_source
            from platform_assets.connectors.seam.pull import pull
            from platform_assets.connectors.seam.state import SourceStates
            from platform_assets.core.settings import get_settings

            settings, source = get_settings(), load_sources()[self.fields.source]
            outcomes = pull(
                settings,
                source,
                streams=config.streams,
                told=lambda one: context.log.info(f"{one.stream}: {one.records} records"),
            )
            with closing(SourceStates(settings)) as states:
                for outcome in outcomes:
                    states.add(source.name, outcome)
                known = {(one.source, one.stream): one for one in states.streams()}
                pause = states.pauses().get(source.name)
            health = healthy_result(of_source(source, known, pause))
            failed = [f"{one.stream}: {one.error}" for one in outcomes if one.error]
            if failed:
                raise Failure("; ".join(failed), metadata=read_metadata(outcomes))
            return MaterializeResult(metadata=read_metadata(outcomes), check_results=[health])

        return rows


def _freshness(every_seconds: float) -> FreshnessPolicy:
    """Read as often as it should be: the sources run reports good reads without rows, too."""
    warn = max(3 * every_seconds, 3 * HEARTBEAT_SECONDS)
    return FreshnessPolicy.time_window(
        fail_window=timedelta(seconds=2 * warn), warn_window=timedelta(seconds=warn)
    )


def read_metadata(outcomes: Sequence[Any]) -> dict[str, Any]:
    """What a read did, for people: sums over its streams."""
    reasons = [reason for one in outcomes for reason in one.reasons]
    lags = [one.lag for one in outcomes if one.lag is not None]
    found: dict[str, Any] = {
        "records": sum(one.records for one in outcomes),
        "dead_letters": sum(one.dead_letters for one in outcomes),
        "pages": sum(one.pages for one in outcomes),
        "bytes": sum(one.bytes for one in outcomes),
        "requests": sum(one.requests for one in outcomes),
        "dead_letter_reasons": MetadataValue.md("\n".join(f"- {r}" for r in reasons[:20])),
    }
    if lags:
        found["lag_seconds"] = round(max(lags), 3)
    return found
