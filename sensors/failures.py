"""The run-failure sensor: one notification for each failed run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterRun,
    DefaultSensorStatus,
    RunFailureSensorContext,
    SensorDefinition,
    run_failure_sensor,
)

from platform_assets.core.settings import Settings, get_settings
from platform_assets.messaging import Notification, Notifier, Severity, notifier_from_environment
from sensors.owners import owner_of
from sensors.preload import preloaded

KEEP_KEYS = 2_000
BODY_LIMIT = 3_000
ASSETS_NAMED = 10
CAUSES_NAMED = 5


class SentKeys:
    """Keys of notifications that went out, as files below a folder.

    Dagster calls a failure sensor once for each failed run, but again after a tick that died
    half-way. The mark is set after the message went out: a crash between the two repeats a
    message rather than losing it, and receivers can drop the second by its key.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def seen(self, key: str) -> bool:
        """Whether the key's message went out."""
        return self._file(key).exists()

    def mark(self, key: str) -> None:
        """Remember that the key's message went out; forget the oldest beyond a bound."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._file(key).touch()
        dated = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                try:
                    dated.append((entry.stat().st_mtime_ns, entry.path))
                except FileNotFoundError:
                    continue
        for _, path in sorted(dated, reverse=True)[KEEP_KEYS:]:
            Path(path).unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self._folder / "".join(c if c.isalnum() or c in "-_." else "_" for c in key)


def failure_notification(
    run: DagsterRun,
    assets: Sequence[AssetKey],
    errors: Sequence[str],
    dagster_url: str,
    owner: str = "",
) -> Notification:
    """What is said about a failed run.

    Args:
        run: the run.
        assets: assets that it was to materialise.
        errors: the error of each failed step, else of the run.
        dagster_url: address of the web server; empty for none.
        owner: whose assets they are; empty for nobody's or several people's.
    """
    named = ", ".join(key.to_user_string() for key in assets[:ASSETS_NAMED])
    if len(assets) > ASSETS_NAMED:
        named += f" and {len(assets) - ASSETS_NAMED} more"
    partition = run.tags.get("dagster/partition")
    link = f"{dagster_url.rstrip('/')}/runs/{run.run_id}" if dagster_url else ""
    lines = [
        f"Run: {run.run_id}",
        f"Job: {run.job_name}",
        *([f"Assets: {named}"] if named else []),
        *([f"Partition: {partition}"] if partition else []),
        "Error:",
        *(errors or ["no error was recorded: the worker may have been killed"]),
        *(["", f"Next: read the log at {link} and re-execute from failure."] if link else []),
    ]
    return Notification(
        title=f"{run.job_name} failed",
        body="\n".join(lines)[:BODY_LIMIT],
        severity=Severity.ERROR,
        source=run.job_name,
        link=link,
        key=f"run-failure-{run.run_id}",
        owner=owner,
    )


def notify_failure(
    context: RunFailureSensorContext, notifier: Notifier, sent: SentKeys, dagster_url: str
) -> bool:
    """Send a failed run's notification, unless it went out before.

    Returns:
        Whether it was sent now.
    """
    run = context.dagster_run
    failed = [event.event_specific_data for event in context.get_step_failure_events()]
    errors = [text for data in failed if (text := _message(data))]
    if not errors and context.failure_event.message:
        errors = [context.failure_event.message]
    assets = planned_assets(context)
    owner = owner_of(context.repository_def, assets)
    notification = failure_notification(run, assets, errors, dagster_url, owner)
    if sent.seen(notification.key):
        return False
    notifier.send(notification)
    sent.mark(notification.key)
    return True


def _message(failure: object) -> str:
    """The step's error and its causes, without stack: a stack may quote data."""
    error = getattr(failure, "error", None)
    lines: list[str] = []
    while error is not None and len(lines) < CAUSES_NAMED:
        lines.append(str(error.message).strip())
        error = error.cause
    return "\ncaused by ".join(lines)


def planned_assets(context: RunFailureSensorContext) -> list[AssetKey]:
    """Assets that the run was to materialise (its selection says nothing for a whole job)."""
    records = context.instance.get_records_for_run(
        context.dagster_run.run_id,
        of_type=DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        limit=1_000,
    ).records
    return sorted({record.asset_key for record in records if record.asset_key})


def build_failure_sensor(
    notifier: Callable[[Settings], Notifier] = notifier_from_environment,
    sent: Callable[[], SentKeys] | None = None,
) -> SensorDefinition:
    """The sensor over every job of the code location.

    Args:
        notifier: makes the notifier at the tick; by default from the environment.
        sent: makes the memory of what went out; by default ``<home>/notified``.
    """

    @run_failure_sensor(
        name="notify_run_failure",
        description="Sends one notification for each failed run (WEIR_NOTIFY names the places).",
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
    )
    @preloaded
    def notify_run_failure(context: RunFailureSensorContext) -> None:
        settings = get_settings()
        was_sent = notify_failure(
            context,
            notifier(settings),
            sent() if sent else SentKeys(settings.home / "notified"),
            settings.dagster_url,
        )
        context.log.info("notified" if was_sent else "already notified")

    return notify_run_failure
