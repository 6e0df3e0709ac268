"""All sensors of the code location."""

from __future__ import annotations

from dagster import SensorDefinition

from ml.assets.anomaly import JOB as ANOMALY_WATCH
from ml.assets.anomaly import LEASE as ANOMALY_LEASE
from platform_assets.graph.automation import automation_sensor
from sensors.anomalies import build_anomaly_sensor
from sensors.deliveries import build_delivery_sensor
from sensors.drift import build_drift_sensor
from sensors.failures import build_failure_sensor
from sensors.health import build_health_sensors
from sensors.micro_batches import check_closed_windows, keep_alive
from sensors.promotion import build_promotion_sensor
from sensors.rollback import build_rollback_sensor


def build_sensors() -> list[SensorDefinition]:
    """What keeps runs alive, asks for runs, and tells people; reads nothing outside."""
    return [
        keep_alive("stream", "stream"),
        keep_alive("fresh_gold", "fresh_gold"),
        keep_alive(ANOMALY_WATCH, ANOMALY_LEASE),
        check_closed_windows,
        automation_sensor(),
        build_drift_sensor(),
        build_promotion_sensor(),
        build_rollback_sensor(),
        build_failure_sensor(),
        build_delivery_sensor(),
        build_anomaly_sensor(),
        *build_health_sensors(),
    ]
