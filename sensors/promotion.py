"""The sensor that asks for a verdict when a trial has new labels.

A run costs seconds, a question to the database milliseconds. So each tick counts labels, and asks
for a run when they have grown by a part: a trial of 20,000 labels takes some two hundred runs
however long it lasts. The test may be looked at any time, so it does not matter when that is.
"""

# No `from __future__ import annotations`: Dagster reads the annotation of `context`.

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dagster import (
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from ml.spec import ModelSpec
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings, get_settings
from sensors.preload import preloaded

if TYPE_CHECKING:
    from ml.trials.judge import Judge

NAME = "judge_trials"
LEAST_NEW = 20
"""New labels worth a look, at least."""
PART_NEW = 0.02
"""New labels worth a look, as a part of those that were judged."""


def worth_a_look(labels: int, judged: int) -> bool:
    """Whether a case with so many labels, of which so many were judged, is judged again."""
    return labels - judged >= max(LEAST_NEW, PART_NEW * judged)


def build_promotion_sensor(
    spec: ModelSpec, settings: Callable[[], Settings] = get_settings
) -> SensorDefinition:
    """The sensor over the running trial and probation of a model.

    Args:
        spec: the model.
        settings: where PostgreSQL is; by default the process's.
    """
    # Connections are kept from tick to tick.
    judges: dict[Settings, Judge] = {}

    @sensor(
        name=spec.named(NAME),
        job_name=spec.judging_job,
        minimum_interval_seconds=30,
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Asks for a verdict when a trial of the {spec.name} model has new labels.",
    )
    @preloaded
    def judge_trials(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        from ml.trials.judge import Judge

        judged: dict[str, int] = json.loads(context.cursor or "{}")
        found = settings()
        judge = judges.get(found) or judges.setdefault(found, Judge(found))
        try:
            unfinished = judge.cases.unfinished(spec.name)
            labels = {
                f"{case.kind} {case.name}": judge.labels(case) for case in judge.running(spec.name)
            }
        except WeirError as error:
            return SkipReason(str(error))
        due = {
            name: count
            for name, count in labels.items()
            if worth_a_look(count, judged.get(name, 0))
        }
        keys = [f"{name} {count}" for name, count in due.items()]
        # Again each ten minutes, where the registry was away.
        now = f"{datetime.now(UTC):%Y%m%dT%H%M}"[:-1]
        keys += [f"finish {case.kind} {case.name} {now}" for case in unfinished]
        if not keys:
            return SkipReason(f"no new labels: {labels}" if labels else "nothing is on trial")
        kept = {name: judged.get(name, 0) for name in labels} | due
        return SensorResult(
            run_requests=[RunRequest(run_key=", ".join(keys))], cursor=json.dumps(kept)
        )

    return judge_trials
