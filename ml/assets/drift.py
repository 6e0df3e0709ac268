"""Drift of a model as a daily asset, and the checks ``model_health_…`` on it."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context`.

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml.assets.features import USER_FEATURES_KEY
from ml.assets.keys import GROUP, part_key
from ml.spec import ModelSpec
from platform_assets.core.settings import Settings, get_settings
from platform_assets.graph.days import DAYS, EVERY_DAY
from platform_assets.graph.retries import backing_off

if TYPE_CHECKING:
    from ml.drift.state import Finding
    from ml.drift.watch import Champion, Watched

CHECKS = {
    "model_health_drift": "The features of the last judged day are those the model knows.",
    "model_health_metric": "The labels do not show that the metric fell below its floor.",
    "model_health_age": "The training data are recent enough.",
    "model_health_gaps": "Every day since the training data ended was judged.",
}
_RETRY = backing_off(5)

FindChampion = Callable[[Settings], "Champion | None"]


def build_drift_definitions(spec: ModelSpec, find: FindChampion | None = None) -> dg.Definitions:
    """The asset of a model, its checks, and the job over both.

    Args:
        spec: the model.
        find: the champion; by default as the registry says.
    """
    champion = find or partial(_champion, spec)
    asset, checks = build_drift_asset(spec, champion), build_health_checks(spec, champion)
    selection = dg.AssetSelection.assets(asset) | dg.AssetSelection.checks(checks)
    job = dg.define_asset_job(
        spec.drift_job,
        selection,
        description=f"Judges a day of the {spec.name} model's features.",
    )
    return dg.Definitions(assets=[asset], asset_checks=[checks], jobs=[job])


def build_drift_asset(spec: ModelSpec, champion: FindChampion) -> dg.AssetsDefinition:
    """One decision a day, with Evidently's pages."""
    key = part_key(spec.name, "drift")
    # A day rests on the day before: a backfill goes in order.
    yesterday = dg.AssetDep(
        key,
        partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1),
    )

    @dg.asset(
        key=key,
        deps=[USER_FEATURES_KEY, yesterday],
        partitions_def=DAYS,
        group_name=GROUP,
        owners=[spec.owner],
        freshness_policy=EVERY_DAY,
        kinds={"evidently"},
        tags={"model": spec.name},
        retry_policy=_RETRY,
        automation_condition=when_features_are_there(key),
        description="Whether the day's features moved away from what the champion was trained "
        "on, and how its answers met labels: one decision per day.",
    )
    def drift(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        from ml.drift.inputs import answers_of, rows_of
        from ml.drift.log import DriftLog
        from ml.drift.watch import watch

        settings = get_settings()
        day = date.fromisoformat(context.partition_key)
        found = champion(settings)
        if found is None:
            return _skipped(f"no version is in service: train one, job {spec.training_job}")
        rows = rows_of(settings, day)
        if not rows.height:
            return _skipped(
                f"no features of {day}: materialise {USER_FEATURES_KEY.to_user_string()}"
            )
        log = DriftLog(settings)
        try:
            answers = answers_of(settings, spec.label, found, day, rows)
            watched = watch(settings, log, found, day, rows, answers, retraining=spec.retraining)
        finally:
            log.close()
        context.log.info(watched.entry.decision.reason)
        return dg.MaterializeResult(metadata=metadata_of(spec, watched, rows.height, settings))

    return drift


def when_features_are_there(key: dg.AssetKey) -> dg.AutomationCondition[Any]:
    """As soon as the last day's features are there, once; the day before may be missing."""
    eager = dg.AutomationCondition.eager().ignore(dg.AssetSelection.assets(key))
    return eager.with_label("when the day's features are there")


def metadata_of(
    spec: ModelSpec, watched: "Watched", rows: int, settings: Settings
) -> dict[str, Any]:
    """What a materialisation shows."""
    entry = watched.entry
    decision = entry.decision
    link = f"{settings.portal_url.rstrip('/')}/models/{entry.model}/drift/{decision.period}"
    found: dict[str, Any] = {
        "retrain": bool(entry.reason_for(spec.retraining)),
        "reason": "; ".join(filter(None, (decision.reason, entry.alarm_reason))),
        "version": entry.version,
        "rows": rows,
        "labels": entry.counts.n,
        "moves": dg.MetadataValue.md(_table(watched)),
        "left_out": "; ".join(watched.notes) or "nothing",
        "portal": dg.MetadataValue.md(f"[Evidently's page]({link})"),
    }
    if entry.counts.f1 is not None:
        found["f1"] = entry.counts.f1
    if watched.page is not None:
        found["page"] = dg.MetadataValue.path(str(watched.page))
    return found


def _table(watched: "Watched") -> str:
    decision = watched.entry.decision
    lines = [
        "| feature | effect | shift | p | moved for days | Evidently |",
        "|---|---|---|---|---|---|",
    ]
    for move in decision.moves:
        name = f"{move.feature} (empty)" if move.kind == "missing" else move.feature
        key = f"{move.feature}:missing" if move.kind == "missing" else move.feature
        distance = watched.distances.get(f"distance of {move.feature}")
        lines.append(
            f"| {name} | {move.effect:.3f} | {move.shift:+.3f} | {move.p:.2g} "
            f"| {decision.streaks.get(key, 0)} "
            f"| {'' if distance is None or move.kind == 'missing' else f'{distance:.3f}'} |"
        )
    return "\n".join(lines)


def _skipped(why: str) -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(metadata={"skipped": why, "retrain": False})


def build_health_checks(spec: ModelSpec, champion: FindChampion) -> dg.AssetChecksDefinition:
    """The checks; each warns, none blocks: a model that is ill still answers better than none."""
    key = part_key(spec.name, "drift")

    @dg.multi_asset_check(
        name=spec.named("model_health"),
        specs=[
            dg.AssetCheckSpec(name, asset=key, description=text) for name, text in CHECKS.items()
        ],
    )
    def model_health(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        settings = get_settings()
        for name, finding in findings(
            spec, settings, champion(settings), datetime.now(UTC)
        ).items():
            context.log.info(f"{name}: {finding.reason}")
            yield dg.AssetCheckResult(
                asset_key=key,
                check_name=name,
                passed=finding.well,
                severity=dg.AssetCheckSeverity.WARN,
                description=finding.reason,
                metadata={"reason": finding.reason, **finding.figures},
            )

    return model_health


def findings(
    spec: ModelSpec, settings: Settings, champion: "Champion | None", now: datetime
) -> "dict[str, Finding]":
    """The finding of each check of :data:`CHECKS`."""
    from ml.drift.log import DriftLog
    from ml.drift.state import Finding, age_state, data_state, gap_state, metric_state

    if champion is None:
        return {name: Finding(True, "no version is in service") for name in CHECKS}
    log = DriftLog(settings)
    try:
        entries = log.of(champion.model, champion.version, limit=10_000)
    finally:
        log.close()
    # The day before yesterday: yesterday's features may still be on their way.
    last = (now - timedelta(days=2)).date()
    most = spec.retraining.max_age or timedelta(days=settings.model_max_age_days)
    return {
        "model_health_drift": data_state(entries),
        "model_health_metric": metric_state(entries, champion.validated, champion.metric),
        "model_health_age": age_state(champion.trained_until, now, most),
        "model_health_gaps": gap_state(entries, champion.trained_until, last),
    }


def _champion(spec: ModelSpec, settings: Settings) -> "Champion | None":
    from ml.drift.inputs import champion_of

    return champion_of(settings, spec.name, spec.metric)
