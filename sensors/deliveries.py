"""The sensor that speaks of deliveries that were given up, each once."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context`.

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from dagster import (
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings, get_settings
from platform_assets.messaging import (
    Notification,
    Notifier,
    NotifyError,
    Severity,
    notifier_from_environment,
)
from reports.delivery.model import Delivery, State
from sensors.preload import preloaded

if TYPE_CHECKING:
    from reports.delivery.log import DeliveryLog

STUCK_AFTER = timedelta(hours=1)
"""A delivery that was begun and not ended for so long lost its process."""


def delivery_notification(delivery: Delivery) -> Notification:
    """What is said about a delivery that was given up, or whose run died."""
    key = delivery.key
    name = f"{key.report} of {key.period} to {key.recipient}"
    if delivery.state is State.DEAD:
        happened = f"was given up after {delivery.attempts} attempt(s): {delivery.last_error}"
        step = f"fix the cause, then: {key.retry_command}"
    else:
        happened = f"was begun at {delivery.updated_at:%Y-%m-%d %H:%M} UTC and never ended"
        step = "its run died; materialise the report's delivery again"
    return Notification(
        title=f"Report not delivered: {name}",
        body=f"The delivery of {name} {happened}\nNext: {step}",
        severity=Severity.ERROR,
        source="deliveries",
        key=f"delivery-{key.report}-{key.period}-{key.recipient}-{delivery.updated_at:%Y%m%dT%H%M%S%f}",
    )


def alert(log: "DeliveryLog", notifier: Notifier) -> int:
    """Send the alerts that are due.

    Each is marked after it went out: a crash between the two repeats it rather than losing it,
    under the same key.

    Returns:
        How many went out.

    Raises:
        platform_assets.messaging.NotifyError: a place did not take one; it is tried
            again at the next tick.
    """
    due = log.unalerted(STUCK_AFTER)
    for delivery in due:
        notifier.send(delivery_notification(delivery))
        log.mark_alerted(delivery)
    return len(due)


def build_delivery_sensor(
    notifier: Callable[[Settings], Notifier] = notifier_from_environment,
    settings: Callable[[], Settings] = get_settings,
) -> SensorDefinition:
    """The sensor over the delivery log.

    Args:
        notifier: makes the notifier at the tick; by default from the environment.
        settings: where the log is; by default the process's.
    """

    @sensor(
        name="alert_dead_deliveries",
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.RUNNING,
        description="Sends one alert for each report that did not reach a recipient.",
    )
    @preloaded
    def alert_dead_deliveries(context: SensorEvaluationContext) -> SkipReason:
        from reports.delivery.log import DeliveryLog

        found = settings()
        try:
            log = DeliveryLog(found)
            sent = alert(log, notifier(found))
        except NotifyError:
            raise  # a place that is down is a failed tick, which people see
        except WeirError as error:
            return SkipReason(str(error))
        context.log.info(f"{sent} alert(s)")
        return SkipReason(f"{sent} alert(s) sent" if sent else "no delivery was given up")

    return alert_dead_deliveries
