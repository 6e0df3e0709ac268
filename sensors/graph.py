"""All sensors of the code location."""

from __future__ import annotations

from dagster import SensorDefinition

from ml.assets.anomaly import WATCH
from ml.assets.processors import RUN as FEEDBACK_RUN
from ml.discovery import Found, models
from ml.spec import ModelSpec
from platform_assets.core.settings import get_settings
from platform_assets.graph.automation import automation_sensor
from platform_assets.graph.lineage import has_connectors
from platform_assets.graph.runs import fresh_gold, sources, stream
from sensors.anomalies import build_anomaly_sensor
from sensors.deliveries import build_delivery_sensor
from sensors.drift import build_drift_sensor
from sensors.failures import build_failure_sensor
from sensors.health import build_health_sensors
from sensors.micro_batches import check_closed_windows, keep_alive
from sensors.promotion import build_promotion_sensor
from sensors.rollback import build_rollback_sensor


def build_sensors(found: Found | None = None) -> list[SensorDefinition]:
    """What keeps runs alive, asks for runs, and tells people; reads nothing outside.

    Args:
        found: the models; by default those of this installation.
    """
    known = models() if found is None else found
    return [
        keep_alive(stream.RUN),
        keep_alive(fresh_gold.RUN),
        keep_alive(WATCH),
        keep_alive(FEEDBACK_RUN, running=get_settings().speed_layer),
        # An installation without a source of a connector needs no process for them.
        *([keep_alive(sources.RUN)] if has_connectors() else []),
        check_closed_windows,
        automation_sensor(),
        *(sensor for spec in known.specs for sensor in sensors_of(spec)),
        build_failure_sensor(),
        build_delivery_sensor(),
        build_anomaly_sensor(),
        *build_health_sensors(),
    ]


def sensors_of(spec: ModelSpec) -> list[SensorDefinition]:
    """The sensors of one model: retraining, trials, serving."""
    return [build_drift_sensor(spec), build_promotion_sensor(spec), build_rollback_sensor(spec)]
