"""Component types of source instances: thin shells over ``connectors/``."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    AssetSelection,
    Backoff,
    Component,
    ComponentLoadContext,
    Config,
    DefaultSensorStatus,
    Definitions,
    Failure,
    Jitter,
    MaterializeResult,
    MetadataValue,
    Model,
    Resolvable,
    RetryPolicy,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    asset,
    define_asset_job,
    in_process_executor,
    sensor,
)
from pydantic import Field

from platform_assets.core.errors import WeirError
from platform_assets.graph.lineage import GROUP, source_key

SETTLED_SECONDS = 10.0
"""A file changed more recently than this may still be being written."""

_RETRY = RetryPolicy(max_retries=2, delay=10, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS)


class SourcePathError(WeirError):
    """A file source does not know where its files are, or they are not there."""


class IngestConfig(Config):
    """Options of one ingestion."""

    path: str = Field(default="", description="File or folder; empty: what the variable names.")
    again: bool = Field(default=False, description="Send files that were sent before, too.")


class HistoryConfig(Config):
    """Options of one simulated history; empty or zero: what ``defs.yaml`` says."""

    events: int = Field(default=0, ge=0, description="Records over all topics.")
    seed: int = Field(default=0, ge=0, description="The same seed gives the same records.")
    weeks: float = Field(default=0, ge=0, description="Length of the history.")
    topics: list[str] = Field(default=[], description="Only these topics.")


class FileSource(Component, Model, Resolvable):
    """Daily CSV files of a folder, sent to a topic, each once.

    Attributes:
        source: the source instance in ``connectors/files.py``; also its asset's name.
        topics: the topics that it feeds.
        path_variable: environment variable that names the folder.
        owner: who answers for it.
        look_every_seconds: pause between two looks at the folder.
    """

    source: str
    topics: Sequence[str]
    path_variable: str
    owner: str
    description: str = ""
    look_every_seconds: int = 60

    def build_defs(self, context: ComponentLoadContext) -> Definitions:
        """The asset, its job and the sensor over its folder."""
        ingested = self._asset()
        job = define_asset_job(
            f"ingest_{self.source}",
            AssetSelection.assets(ingested),
            description=f"Sends the new files of {self.source} to the log.",
            executor_def=in_process_executor,
        )
        return Definitions(assets=[ingested], jobs=[job], sensors=[self._sensor(job.name)])

    def folder(self, given: str = "") -> Path:
        """Where the files lie.

        Raises:
            SourcePathError: nothing says where, or nothing is there; names the variable.
        """
        text = given or os.environ.get(self.path_variable, "")
        if not text:
            raise SourcePathError(
                f"source {self.source}: no folder is configured",
                f"set {self.path_variable} where Dagster's code server runs (before `weir up`), "
                "or give `path` in the run's config",
            )
        path = Path(text).expanduser()
        if not path.exists():
            raise SourcePathError(
                f"source {self.source}: {path} does not exist", f"mend {self.path_variable}"
            )
        return path

    def _asset(self) -> AssetsDefinition:
        @asset(
            key=source_key(self.source),
            group_name=GROUP,
            kinds={"csv", "kafka"},
            owners=[self.owner],
            description=self.description,
            metadata={"topics": list(self.topics), "path_variable": self.path_variable},
            retry_policy=_RETRY,
        )
        def files(context: AssetExecutionContext, config: IngestConfig) -> MaterializeResult[None]:
            from platform_assets.connectors.files import ingest
            from platform_assets.core.settings import get_settings

            try:
                path = self.folder(config.path)
            except SourcePathError as error:
                raise Failure(str(error), allow_retries=False) from error
            result = ingest(
                get_settings(),
                path,
                self.source,
                again=config.again,
                progress=lambda file, rows: context.log.info(f"{file}: {rows} rows"),
            )
            refused = [f"{file.file}: {file.error}" for file in result.files if file.error]
            reasons = [reason for file in result.files for reason in file.reasons]
            metadata: dict[str, Any] = {
                "path": MetadataValue.path(str(path)),
                "files": len(result.files),
                "files_sent_before": sum(file.skipped for file in result.files),
                "rows": result.events,
                "dead_letters": result.dead_letters,
                "dead_letter_reasons": MetadataValue.md("\n".join(f"- {r}" for r in reasons[:20])),
            }
            if refused:
                raise Failure(
                    f"{len(refused)} of {len(result.files)} files refused, the others were sent: "
                    + "; ".join(refused[:5]),
                    metadata=metadata,
                    allow_retries=False,
                )
            return MaterializeResult(metadata=metadata)

        return files

    def _sensor(self, job_name: str) -> SensorDefinition:
        @sensor(
            name=f"new_files_of_{self.source}",
            job_name=job_name,
            minimum_interval_seconds=self.look_every_seconds,
            default_status=DefaultSensorStatus.RUNNING,
            description=f"Ingests when files of {self.source} are new or have changed.",
        )
        def look(context: SensorEvaluationContext) -> SensorResult | SkipReason:
            try:
                seen = listing(self.folder())
            except SourcePathError as error:
                return SkipReason(str(error))
            if not seen or seen == context.cursor:
                return SkipReason(f"nothing new in {self.folder()}")
            # The ledger of files knows which of them were sent; asking once too often is harmless.
            return SensorResult(run_requests=[RunRequest(run_key=seen)], cursor=seen)

        return look


class SimulatorSource(Component, Model, Resolvable):
    """A seeded simulated history, sent on demand.

    Attributes:
        source: the asset's name.
        topics: the topics that it feeds.
        events, seed, weeks: the default history.
        owner: who answers for it.
    """

    source: str
    topics: Sequence[str]
    owner: str
    events: int = 20_000
    seed: int = 7
    weeks: float = 8
    description: str = ""

    def build_defs(self, context: ComponentLoadContext) -> Definitions:
        """The asset, and the job that materialises it."""
        history = self._asset()
        job = define_asset_job(
            f"send_{self.source}_history",
            AssetSelection.assets(history),
            description="Sends a simulated history; the same options send the same events.",
            executor_def=in_process_executor,
        )
        return Definitions(assets=[history], jobs=[job])

    def _asset(self) -> AssetsDefinition:
        @asset(
            key=source_key(self.source),
            group_name=GROUP,
            kinds={"python", "kafka"},
            owners=[self.owner],
            description=self.description,
            metadata={"topics": list(self.topics)},
        )
        def history(
            context: AssetExecutionContext, config: HistoryConfig
        ) -> MaterializeResult[None]:
            from platform_assets.connectors.simulate import simulate_history
            from platform_assets.core.settings import get_settings

            result = simulate_history(
                get_settings(),
                config.seed or self.seed,
                config.events or self.events,
                config.weeks or self.weeks,
                topics=config.topics or list(self.topics),
                progress=lambda sent, total: context.log.info(f"{sent} of {total} records sent"),
            )
            return MaterializeResult(
                metadata={
                    "records": result.events,
                    "seed": result.seed,
                    "until": str(result.until),
                    "seconds": round(result.seconds, 1),
                    "by_topic": MetadataValue.json(result.as_json()["topics"]),
                }
            )

        return history


def listing(path: Path, now: float | None = None) -> str:
    """One word for the CSV files that lie there and are whole; another word when any changed.

    Args:
        path: a file or a folder.
        now: the time that ages are measured at; default: the clock's.
    """
    moment = time.time() if now is None else now
    files = [path] if path.is_file() else sorted(path.iterdir())
    seen = hashlib.sha256()
    some = False
    for file in files:
        if file.suffix.lower() != ".csv":
            continue
        found = file.stat()
        if moment - found.st_mtime < SETTLED_SECONDS:
            continue
        some = True
        seen.update(f"{file.name}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return seen.hexdigest()[:32] if some else ""
