"""The sensors that speak of failed asset checks and stale assets: one alert each, until it is well.

An incident opens when a check fails or an asset is late, is updated when it gets worse, and
recovers when the check passes or the asset is fresh; it is told of no more often than that. What is
open lies in the sensor's cursor.
"""

# No `from __future__ import annotations`: Dagster reads the annotation of `context`.

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    DefaultSensorStatus,
    EventRecordsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from platform_assets.core.settings import Settings, get_settings
from platform_assets.messaging import (
    Event,
    Notification,
    Notifier,
    Severity,
    notifier_from_environment,
)
from sensors.failures import SentKeys
from sensors.owners import owner_of
from sensors.preload import preloaded

if TYPE_CHECKING:
    from platform_assets.graph.dagster_private import FreshnessStateRecord

EVENTS_AT_ONCE = 500
"""Evaluations that one tick reads, at most."""
_STALE = {"WARN": Severity.WARNING, "FAIL": Severity.ERROR}


@dataclass
class Open:
    """What a cursor keeps.

    Attributes:
        after: storage id of the last evaluation read (checks only).
        incidents: open ones: subject -> name of the incident, its highest severity.
    """

    after: int = -1
    incidents: dict[str, tuple[str, Severity]] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str) -> "Open":
        """From a cursor."""
        kept = json.loads(cursor)
        incidents = {
            subject: (name, Severity(severity))
            for subject, (name, severity) in kept["incidents"].items()
        }
        return cls(int(kept["after"]), incidents)

    def to_cursor(self) -> str:
        """As a cursor."""
        return json.dumps({"after": self.after, "incidents": self.incidents})

    def step(
        self, subject: str, severity: Severity | None, mark: object
    ) -> tuple[Event, str, Severity] | None:
        """What a new state of a subject means.

        Args:
            subject: a check or an asset.
            severity: of its trouble; None where it is well.
            mark: distinguishes this state from others of the subject; names a new incident.

        Returns:
            Event, incident and severity to tell; None where nothing is new.
        """
        known = self.incidents.get(subject)
        if severity is None:
            if known is None:
                return None
            del self.incidents[subject]
            # With the severity of the incident, so that it takes the same route.
            return Event.RECOVERED, *known
        if known is None:
            self.incidents[subject] = (f"{subject}@{mark}", severity)
            return Event.OPENED, *self.incidents[subject]
        if severity.rank > known[1].rank:
            self.incidents[subject] = (known[0], severity)
            return Event.UPDATED, *self.incidents[subject]
        return None


def build_health_sensors(
    notifier: Callable[[Settings], Notifier] = notifier_from_environment,
    settings: Callable[[], Settings] = get_settings,
) -> list[SensorDefinition]:
    """Both sensors, over every asset of the code location.

    Args:
        notifier: makes the notifier at the tick; by default from the environment.
        settings: where the home is; by default the process's.
    """

    def place() -> tuple[Notifier, SentKeys, str]:
        found = settings()
        made = notifier(found)
        return made, SentKeys(found.home / "notified"), found.dagster_url

    @sensor(
        name="alert_failed_checks",
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.RUNNING,
        description="Sends one alert for each asset check that fails, and one when it passes.",
    )
    @preloaded
    def alert_failed_checks(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        if context.cursor is None:
            # What failed before anybody watched is not news.
            return _ended(Open(_newest(context.instance)), 0)
        state = Open.read(context.cursor)
        to, sent, url = place()
        told = 0
        for storage_id, evaluation in evaluations(context.instance, state.after):
            state.after = storage_id
            severity = None if evaluation.passed else _severity(evaluation)
            subject = f"check-{evaluation.asset_key.to_user_string()}:{evaluation.check_name}"
            if news := state.step(subject, severity, storage_id):
                owner = owner_of(context.repository_def, [evaluation.asset_key])
                told += _send(to, sent, check_note(evaluation, storage_id, news, owner, url))
        return _ended(state, told)

    @sensor(
        name="alert_stale_assets",
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.RUNNING,
        description="Sends one alert for each asset that breaks its freshness policy, and one "
        "when it is fresh again.",
    )
    @preloaded
    def alert_stale_assets(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        state = Open.read(context.cursor) if context.cursor else Open()
        to, sent, url = place()
        told = 0
        for key, record in freshness(context).items():
            late = record.freshness_state.value
            if late not in ("PASS", *_STALE):
                continue  # never made, or without a policy: not known to be late
            at = record.updated_at.timestamp()
            if news := state.step(f"stale-{key.to_user_string()}", _STALE.get(late), int(at)):
                owner = owner_of(context.repository_def, [key])
                told += _send(to, sent, stale_note(key, late, news, owner, url))
        return _ended(state, told)

    return [alert_failed_checks, alert_stale_assets]


def evaluations(
    instance: DagsterInstance, after: int
) -> Iterable[tuple[int, AssetCheckEvaluation]]:
    """Evaluations of checks after a storage id, the oldest first, at most EVENTS_AT_ONCE."""
    records = instance.event_log_storage.get_event_records(
        EventRecordsFilter(DagsterEventType.ASSET_CHECK_EVALUATION, after_cursor=after),
        limit=EVENTS_AT_ONCE,
        ascending=True,
    )
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is not None and isinstance(event.event_specific_data, AssetCheckEvaluation):
            yield record.storage_id, event.event_specific_data


def freshness(context: SensorEvaluationContext) -> "dict[AssetKey, FreshnessStateRecord]":
    """The state of every asset of the code location that has a freshness policy."""
    if context.repository_def is None:
        return {}
    graph = context.repository_def.asset_graph
    keys = [key for key in graph.get_all_asset_keys() if graph.get(key).freshness_policy]
    return dict(context.instance.get_freshness_state_records(sorted(keys)))


def check_note(
    evaluation: AssetCheckEvaluation,
    storage_id: int,
    news: tuple[Event, str, Severity],
    owner: str,
    dagster_url: str,
) -> Notification:
    """What is said about a check."""
    event, incident, severity = news
    asset = evaluation.asset_key.to_user_string()
    lines = [f"Asset: {asset}", f"Check: {evaluation.check_name}"]
    if evaluation.partition:
        lines.append(f"Partition: {evaluation.partition}")
    if evaluation.description:
        lines.append(f"Said: {evaluation.description}")
    if event is Event.RECOVERED:
        title = f"{evaluation.check_name} on {asset} passes again"
    else:
        title = f"{evaluation.check_name} on {asset} failed"
        lines.append(
            "Next: read the check's metadata, fix the data or the rule, then run it again."
        )
    return Notification(
        title=title,
        body="\n".join(lines),
        severity=severity,
        source=asset,
        link=_link(evaluation.asset_key, dagster_url, "checks"),
        key=f"{incident}-{event.value}-{storage_id}",
        owner=owner,
        event=event,
        incident=incident,
    )


def stale_note(
    key: AssetKey, late: str, news: tuple[Event, str, Severity], owner: str, dagster_url: str
) -> Notification:
    """What is said about an asset's freshness."""
    event, incident, severity = news
    asset = key.to_user_string()
    if event is Event.RECOVERED:
        title, body = f"{asset} is fresh again", f"Asset: {asset}"
    else:
        said = "late: it breaks" if late == "FAIL" else "getting late: it is close to breaking"
        title = f"{asset} is {said} its freshness policy"
        body = (
            f"Asset: {asset}\nNext: see why it was not materialised: its source, the stream run "
            "(weir status), the schedule or sensor behind it."
        )
    return Notification(
        title=title,
        body=body,
        severity=severity,
        source=asset,
        link=_link(key, dagster_url, "overview"),
        key=f"{incident}-{event.value}-{severity.value}",
        owner=owner,
        event=event,
        incident=incident,
    )


def _send(notifier: Notifier, sent: SentKeys, note: Notification) -> int:
    """Send a message, unless it went out before a tick that then failed."""
    if sent.seen(note.key):
        return 0
    notifier.send(note)
    sent.mark(note.key)
    return 1


def _severity(evaluation: AssetCheckEvaluation) -> Severity:
    warning = evaluation.severity is AssetCheckSeverity.WARN
    return Severity.WARNING if warning else Severity.ERROR


def _newest(instance: DagsterInstance) -> int:
    records = instance.event_log_storage.get_event_records(
        EventRecordsFilter(DagsterEventType.ASSET_CHECK_EVALUATION), limit=1
    )
    return max((record.storage_id for record in records), default=-1)


def _link(key: AssetKey, dagster_url: str, view: str) -> str:
    path = "/".join(key.path)
    return f"{dagster_url.rstrip('/')}/assets/{path}?view={view}" if dagster_url else ""


def _ended(state: Open, told: int) -> SensorResult:
    return SensorResult(
        skip_reason=SkipReason(f"{told} message(s) sent, {len(state.incidents)} incident(s) open"),
        cursor=state.to_cursor(),
    )
