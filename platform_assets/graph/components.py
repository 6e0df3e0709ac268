"""Component types of source instances: thin shells over ``connectors/``."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    AssetSelection,
    Component,
    ComponentLoadContext,
    Config,
    DagsterInvariantViolationError,
    DefaultSensorStatus,
    Definitions,
    Failure,
    MaterializeResult,
    MetadataValue,
    Model,
    Resolvable,
    RunConfig,
    RunRequest,
    RunsFilter,
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

from platform_assets.connectors.source_folder import FileSourceFields
from platform_assets.core.errors import WeirError
from platform_assets.graph.inbox import (
    FAILED,
    SETTLED_SECONDS,
    SUCCEEDED,
    UNDER_WAY,
    Inbox,
    listing,
)
from platform_assets.graph.lineage import GROUP, source_key
from platform_assets.graph.retries import backing_off

__all__ = ["SETTLED_SECONDS", "FileSource", "SimulatorSource", "SourcePathError", "listing"]

_RETRY = backing_off(10)


class SourcePathError(WeirError):
    """A file source does not know where its files are, or they are not there."""


class SettledFile(Config):
    """A file as the sensor saw it; the run takes this content, or nothing."""

    path: str = Field(description="Where it is.")
    size: int = Field(description="In bytes.")
    sha256: str = Field(description="Of its content.")


class IngestConfig(Config):
    """Options of one ingestion."""

    files: list[SettledFile] = Field(
        default=[], description="Exactly these files; empty: all that are there now."
    )

    path: str = Field(default="", description="File or folder; empty: what the variable names.")
    again: bool = Field(default=False, description="Send files that were sent before, too.")


class HistoryConfig(Config):
    """Options of one simulated history; empty or zero: what ``defs.yaml`` says."""

    events: int = Field(default=0, ge=0, description="Records over all topics.")
    seed: int = Field(default=0, ge=0, description="The same seed gives the same records.")
    weeks: float = Field(default=0, ge=0, allow_inf_nan=False, description="Length of the history.")
    topics: list[str] = Field(default=[], description="Only these topics.")


class FileSource(Component, FileSourceFields, Resolvable):
    """CSV files that arrive in a folder, sent to a topic, each once; the fields say all of it."""

    def build_defs(self, context: ComponentLoadContext) -> Definitions:  # noqa: ARG002
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
        """Where the files are: the one given, or the variable's, or the source's in the inbox.

        Raises:
            SourcePathError: nothing is there; names the variable or the folder.
        """
        variable = os.environ.get(self.path_variable, "") if self.path_variable else ""
        if text := given or variable:
            path = Path(text).expanduser()
            if not path.exists():
                hint = "fix the run's config" if given else f"fix {self.path_variable}"
                raise SourcePathError(f"source {self.source}: {path} does not exist", hint)
            return path
        inbox = self._inbox()
        if inbox is not None and inbox.is_dir():
            return inbox
        hint = "create it, or give `path` in the run's config"
        if self.path_variable:
            hint = (
                f"create it, or set {self.path_variable} where Dagster's code server runs "
                "(before `weir up`), or give `path` in the run's config"
            )
        at = f"{inbox} does not exist" if inbox else "WEIR_INBOX is not set"
        raise SourcePathError(f"source {self.source}: no folder: {at}", hint)

    def _inbox(self) -> Path | None:
        from platform_assets.core.settings import get_settings

        inbox = get_settings().inbox
        return Path(inbox).expanduser() / self.files.rpartition("/")[0] if inbox else None

    @property
    def _names(self) -> str:
        return self.files.rpartition("/")[2]

    def _asset(self) -> AssetsDefinition:
        @asset(
            key=source_key(self.source),
            group_name=self.group,
            kinds={"csv", "kafka"},
            owners=[self.owner],
            description=self.description,
            metadata={
                "topics": list(self.topics),
                "files": self.files,
                "path_variable": self.path_variable,
            },
            retry_policy=_RETRY,
        )
        def files(context: AssetExecutionContext, config: IngestConfig) -> MaterializeResult[None]:
            from platform_assets.connectors.files import GivenFile, ingest
            from platform_assets.core.settings import get_settings

            try:
                path = self.folder(config.path)
            except SourcePathError as error:
                raise Failure(str(error), allow_retries=False) from error
            given = [GivenFile(Path(f.path), f.size, f.sha256) for f in config.files]
            result = ingest(
                get_settings(),
                path,
                self.source,
                given=given or None,
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
                "conflicts": result.conflicts,
                "files_changed_meanwhile": sum(file.changed for file in result.files),
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
                folder = self.folder()
            except SourcePathError as error:
                return SkipReason(str(error))
            inbox = Inbox.parse(context.cursor)
            inbox.look(folder, names=self._names, settled=self.settled_seconds)
            try:
                inbox.settle(lambda key: _outcome(context, key), self._settled)
            except WeirError as error:
                return SkipReason(f"cannot tell which files of a failed run were sent: {error}")
            wanted = inbox.ask(time.time())
            if not wanted:
                # Digests are kept, so that a file is read once and not at each look.
                context.update_cursor(inbox.text())
                return SkipReason(f"nothing new in {folder}")
            config = IngestConfig(
                files=[SettledFile(path=f.path, size=f.size, sha256=f.sha256) for f in wanted]
            )
            step = {f"source__{self.source}": config}
            return SensorResult(
                run_requests=[RunRequest(run_key=wanted[0].run_key, run_config=RunConfig(step))],
                cursor=inbox.text(),
            )

        return look

    def _settled(self, digests: Sequence[str]) -> set[str]:
        """Files that need no other run: sent whole, or refused for good."""
        from platform_assets.connectors.ingested import IngestedFiles
        from platform_assets.core.settings import get_settings

        with IngestedFiles(get_settings()) as ledger:
            return ledger.settled(self.source, digests)


def _outcome(context: SensorEvaluationContext, run_key: str) -> str:
    """What became of the run that was asked for: ``under way``, ``succeeded`` or ``failed``."""
    try:
        instance = context.instance
    except DagsterInvariantViolationError:
        # A context made by hand knows no runs.
        return UNDER_WAY
    runs = instance.get_runs(RunsFilter(tags={"dagster/run_key": run_key}), limit=1)
    if not runs:
        # Never made, or deleted since: the ledger says whether it did its work.
        return FAILED
    if not runs[0].is_finished:
        return UNDER_WAY
    return SUCCEEDED if runs[0].is_success else FAILED


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
    events: int = Field(default=20_000, ge=1)
    seed: int = 7
    weeks: float = Field(default=8, gt=0, allow_inf_nan=False)
    description: str = ""

    def build_defs(self, context: ComponentLoadContext) -> Definitions:  # noqa: ARG002
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
