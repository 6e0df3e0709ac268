"""The sensor that asks for a training when the data or their meaning moved."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context`.

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRecord,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from ml.spec import ModelSpec
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings, get_settings
from platform_assets.messaging import Notification, Notifier, Severity, notifier_from_environment
from sensors.failures import SentKeys
from sensors.preload import preloaded

if TYPE_CHECKING:
    from ml.drift.asking import Request

NAME = "retrain_on_drift"
_RUNS = 200
_UNFINISHED = [
    DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED, DagsterRunStatus.MANAGED,
    DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING,
]  # fmt: skip

InService = Callable[[Settings, str], tuple[int, int | None] | None]
"""The champion's version and that on trial; None where nothing is in service."""


def requests_of(instance: DagsterInstance, spec: ModelSpec) -> "list[Request]":
    """The trainings that were asked for because of drift, as their runs tell; newest first."""
    records = instance.get_run_records(
        RunsFilter(job_name=spec.training_job, tags={"weir/model": spec.name}), limit=_RUNS
    )
    return [request for record in records if (request := _request(record)) is not None]


def _request(record: RunRecord) -> "Request | None":
    from ml.drift.asking import Request

    tags = {key: text for key, text in record.dagster_run.tags.items() if key.startswith("weir/")}
    try:
        version, period = int(tags["weir/version"]), date.fromisoformat(tags["weir/period"])
    except (KeyError, ValueError):
        return None  # a person gave a run some of these tags
    run = record.dagster_run
    ended = None
    if run.status not in _UNFINISHED:
        ended = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)
    failed = run.status is DagsterRunStatus.FAILURE
    return Request(version, period, tags.get("weir/attempt") == "2", ended, failed, tags)


def gave_up_notification(spec: ModelSpec, request: "Request", dagster_url: str) -> Notification:
    """What is said when the retry of a training failed as well."""
    reason = request.tags.get("weir/reason", "")
    link = f"{dagster_url.rstrip('/')}/jobs/{spec.training_job}/runs" if dagster_url else ""
    return Notification(
        title=f"Retraining of {spec.name} failed twice",
        body=f"Version {request.version} keeps serving although the data of {request.period} "
        f"ask for another: {reason}\nNext: read the runs of {spec.training_job}, fix the cause, "
        f"then launch it by hand. A later day asks again after the cool-down.",
        severity=Severity.ERROR,
        source=spec.named(NAME),
        link=link,
        key=f"retrain-{spec.name}-{request.version}-{request.period}",
        owner=spec.owner,
    )


def build_drift_sensor(
    spec: ModelSpec,
    in_service: InService | None = None,
    settings: Callable[[], Settings] = get_settings,
    notifier: Callable[[Settings], Notifier] = notifier_from_environment,
) -> SensorDefinition:
    """The sensor over a model's record of drift.

    Args:
        spec: the model.
        in_service: who serves; by default the table of deployments.
        settings: where the record is; by default the process's.
        notifier: tells people; by default from the environment.
    """

    @sensor(
        name=spec.named(NAME),
        job_name=spec.training_job,
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Asks for a training of the {spec.name} model when drift says so: once a "
        "reason, not within the cool-down, not while a version is on trial.",
    )
    @preloaded
    def retrain_on_drift(context: SensorEvaluationContext) -> SensorResult:
        from ml.drift.asking import Ask, next_request
        from ml.drift.log import DriftLog

        found = settings()
        cursor = int(context.cursor or 0)
        log = DriftLog(found)
        try:
            entries = log.since(cursor)
            serving = (in_service or _deployed)(found, spec.name)
        except WeirError as error:
            return SensorResult(skip_reason=SkipReason(str(error)))
        finally:
            log.close()
        if unfinished := _unfinished(context.instance, spec):
            # The reasons wait: by then another version may be in service.
            return SensorResult(skip_reason=SkipReason(f"a training is running: {unfinished}"))
        champion, on_trial = serving or (None, None)
        past = requests_of(context.instance, spec)
        answer = next_request(
            [entry for entry in entries if entry.model == spec.name], past, champion, on_trial,
            cooldown=timedelta(hours=found.drift_cooldown_hours), retraining=spec.retraining,
        )  # fmt: skip
        seen = str(max([cursor, *(entry.serial for entry in entries)]))
        if isinstance(answer, Ask):
            request = RunRequest(run_key=answer.key, tags=dict(answer.tags))
            # A retry looks at no new period: those are for the next tick.
            retry = answer.tags["weir/attempt"] != "1"
            return SensorResult([request], cursor=context.cursor if retry else seen)
        if answer.gave_up is not None:
            told = notifier(found)
            note = gave_up_notification(spec, answer.gave_up, found.dagster_url)
            _once(note, told, found.home)
        return SensorResult(skip_reason=SkipReason(answer.reason), cursor=seen)

    return retrain_on_drift


def _once(notification: Notification, notifier: Notifier, home: Path) -> None:
    sent = SentKeys(home / "notified")
    if not sent.seen(notification.key):
        notifier.send(notification)
        sent.mark(notification.key)


def _unfinished(instance: DagsterInstance, spec: ModelSpec) -> str:
    unfinished = RunsFilter(job_name=spec.training_job, statuses=_UNFINISHED)
    runs = instance.get_runs(unfinished, limit=1)
    return runs[0].run_id if runs else ""


def _deployed(settings: Settings, model: str) -> tuple[int, int | None] | None:
    from ml.rollout.deployment import Deployments

    deployments = Deployments(settings)
    try:
        current = deployments.current(model)
    finally:
        deployments.close()
    return None if current is None else (current.champion, current.challenger)
