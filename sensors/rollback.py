"""The sensor that takes a broken version out at once, and tells of every verdict.

A roll-back is one row, so it does not wait for a run. The aliases in the registry follow in the run
that :mod:`sensors.promotion` asks for: MLflow is not loaded here.
"""

# No `from __future__ import annotations`: Dagster reads the annotation of `context`.

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from dagster import (
    AssetMaterialization,
    DagsterInstance,
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from ml.spec import ModelSpec
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings, get_settings
from platform_assets.messaging import (
    Notification,
    Notifier,
    NotifyError,
    Severity,
    notifier_from_environment,
)
from sensors.preload import preloaded

if TYPE_CHECKING:
    from ml.trials.judge import Finding, Judge
    from ml.trials.store import Case

ACTOR = "guard_serving"


class Watchman:
    """Keeps connections and what was read from tick to tick."""

    def __init__(self, spec: ModelSpec, settings: Settings) -> None:
        from ml.trials.guard import Guard
        from ml.trials.judge import Judge

        self.spec = spec
        self.judge: Judge = Judge(settings)
        self.guard: Guard = Guard(self.judge.rows)

    def tick(self) -> "tuple[list[Finding], list[Finding]]":
        """Look at the running cases, and take out what is broken.

        Returns:
            What was found of each case, and of these the ones that were rolled back now.
        """
        for case in self.judge.cases.unfinished(self.spec.name):
            # Somebody died after the verdict: the row first, the aliases follow in a run.
            self.judge.apply(case)
        running = self.judge.running(self.spec.name)
        self.guard.forget(running)
        found = [self.guard.look(case) for case in running if case.verdict is None]
        decided = [self.judge.decide(one, ACTOR) for one in found]
        return found, [
            replace(one, changed=self.judge.apply(one.case))
            for one in decided
            if one.case.verdict is not None
        ]


def verdict_notification(spec: ModelSpec, case: "Case", dagster_url: str) -> Notification:
    """What is said about a verdict that was carried out."""
    from ml.canary.sequential import Verdict

    said = {
        Verdict.PROMOTE: f"version {case.version} is champion now, instead of {case.against}",
        Verdict.REJECT: f"version {case.version} was rejected; {case.against} keeps serving",
        Verdict.ROLL_BACK: f"version {case.version} was rolled back; {case.against} serves",
    }
    assert case.verdict is not None  # noqa: S101 (only verdicts are told)
    bad = case.verdict is Verdict.ROLL_BACK
    evidence = case.evidence or {}
    seen = f"{evidence.get('requests', 0)} requests, {evidence.get('outcomes', 0)} labels"
    lines = [
        f"Why: {case.reason}",
        f"Seen: {seen} since {case.began_at:%Y-%m-%d %H:%M} UTC",
        *(f"Evidence on {_quantity(number)}" for number in evidence.get("quantities", [])),
        f"By: {case.actor}",
    ]
    if bad and evidence.get("blamed") is False:
        lines.append(
            f"Next: look at the machine and at the load of that time. Version {case.version} was "
            f"taken out as a precaution and may be tried again; see `weir models compare "
            f"{case.model} {case.against} {case.version}`."
        )
    elif bad:
        lines.append(
            f"Next: nothing tries version {case.version} again. See `weir models compare "
            f"{case.model} {case.against} {case.version}`, fix the cause, train another version."
        )
    link = f"{dagster_url.rstrip('/')}/assets/models/{case.model}/trial" if dagster_url else ""
    return Notification(
        title=f"{case.model}: {said[case.verdict]}",
        body="\n".join(lines),
        severity=Severity.ERROR if bad else Severity.INFO,
        source=f"models/{case.model}",
        link=link,
        key=f"verdict-{case.kind}-{case.name}",
        owner=spec.owner,
    )


def build_rollback_sensor(
    spec: ModelSpec,
    notifier: Callable[[Settings], Notifier] = notifier_from_environment,
    settings: Callable[[], Settings] = get_settings,
) -> SensorDefinition:
    """The sensor over what serves a model.

    Args:
        spec: the model.
        notifier: makes the notifier at the tick; by default from the environment.
        settings: where PostgreSQL is; by default the process's.
    """
    kept: dict[Settings, Watchman] = {}

    @sensor(
        name=spec.named(ACTOR),
        minimum_interval_seconds=10,
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Rolls back at once a version of {spec.name} whose failures or latency are "
        "shown to be above what is tolerated, and tells of every verdict.",
    )
    @preloaded
    def guard_serving(context: SensorEvaluationContext) -> SkipReason:
        found = settings()
        try:
            watchman = kept.get(found) or kept.setdefault(found, Watchman(spec, found))
            looked, taken_out = watchman.tick()
            sent = tell(
                spec,
                watchman.judge,
                context.instance,
                lambda: notifier(found),
                found.dagster_url,
            )
        except NotifyError:
            raise  # a place that is down is a failed tick, which people see
        except WeirError as error:
            return SkipReason(str(error))
        names = ", ".join(one.case.name for one in taken_out)
        if names:
            return SkipReason(f"rolled back {names}")
        return SkipReason(f"{len(looked)} case(s) watched, {sent} verdict(s) reported")

    return guard_serving


def tell(
    spec: ModelSpec,
    judge: "Judge",
    instance: DagsterInstance,
    notifier: Callable[[], Notifier],
    dagster_url: str,
) -> int:
    """Record and tell each verdict of which nobody was told yet.

    A run records its own verdicts, unless it died before. A message is marked after it went out: a
    crash between the two repeats it, under the same key.

    Returns:
        How many messages were sent.

    Raises:
        NotifyError: a place did not take one; it is tried again at the next tick.
    """
    untold = judge.cases.untold(spec.name)
    for case in untold:
        record(instance, spec, judge.look(case))
    if not untold:
        return 0
    place = notifier()
    for case in untold:
        place.send(verdict_notification(spec, case, dagster_url))
        judge.cases.mark(case, told=True)
    return len(untold)


def record(instance: DagsterInstance, spec: ModelSpec, finding: "Finding") -> None:
    """Record a verdict on the trial's asset, outside of a run, unless it was the last one there."""
    from ml.assets.keys import part_key
    from ml.assets.serving import verdict_metadata

    key = part_key(spec.name, "trial")

    metadata = verdict_metadata([finding])
    event = instance.get_latest_materialization_event(key)
    if event is not None and event.asset_materialization is not None:
        last = event.asset_materialization.metadata.get("state")
        if last is not None and str(metadata["state"]) in str(last.value):
            return
    instance.report_runless_asset_event(AssetMaterialization(key, metadata=metadata))


def _quantity(number: dict[str, object]) -> str:
    told = ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in number.items()
        if name in ("estimate", "lower", "upper", "bad", "evidence", "needed", "n")
        and value is not None
    )
    return f"{number['name']}: {told}"
