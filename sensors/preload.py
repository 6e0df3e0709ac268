"""What ticks import within functions, imported once before the first of them.

Dagster calls sensors and schedules in several threads of the code server. The imports are not made
when the definitions load: every run loads them, and none but the code server has ticks.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of a tick.

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from platform_assets.core.preload import preload

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

MODULES = (
    # Parts of packages that import each other first.
    "psycopg",
    "psycopg.types.json",
    "alembic",
    "alembic.config",
    "alembic.util",
    "sqlalchemy",
    "sqlalchemy.exc",
    "sqlalchemy.pool",
    "numpy",
    "polars",
    "scipy.special",
    "scipy.stats",
    "httpx",
    "pagerduty",
    "slack_sdk",
    "slack_sdk.errors",
    "altair",
    "vl_convert",
    "platform_assets.alerts.desk",
    "platform_assets.alerts.model",
    "platform_assets.alerts.publish",
    "platform_assets.core.settings",
    "platform_assets.streaming.locks",
    "platform_assets.streaming.windows",
    "ml.anomaly.definition",
    "ml.anomaly.outbox",
    "ml.anomaly.store",
    "ml.assets.keys",
    "ml.assets.serving",
    "ml.canary.sequential",
    "ml.drift.asking",
    "ml.drift.log",
    "ml.rollout.change",
    "ml.rollout.deployment",
    "ml.store.registry",
    "ml.trials.chart",
    "ml.trials.guard",
    "ml.trials.judge",
    "ml.trials.record",
    "reports.delivery.log",
    "sensors.anomaly_chart",
)


def preloaded(tick: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Decorate a tick, below ``@sensor``: what it imports is there before it begins."""

    @functools.wraps(tick)
    def begin(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        preload(MODULES)
        return tick(*args, **kwargs)

    return begin
