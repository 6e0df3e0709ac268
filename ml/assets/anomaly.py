"""Anomaly models and scores as assets, and the long-lived run that scores."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml.anomaly.definition import STREAMS, Stream, load_streams
from ml.assets.keys import GROUP, part_key
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TOUR_LEASE
from platform_assets.core.settings import Settings, get_settings
from platform_assets.graph.broken_assets import build_broken_definitions, build_each
from platform_assets.graph.runs.host import MODEL_CODE, LongLived, hosted

if TYPE_CHECKING:
    from ml.anomaly.store import Store
    from ml.anomaly.training import Outcome
    from ml.anomaly.watch import Step, Watch

# On a new lake it has weeks of history to score, which nobody waits for.
WATCH = LongLived(
    job="anomaly_watch",
    lease="anomaly_watch",
    code=MODEL_CODE,
    niceness=15,
    waits_for=TOUR_LEASE,
)
KIND = "anomaly stream"
TRAIN_JOB = "train_anomalies"
TRAIN_CRON = "0 3 * * 0"

IDLE_SECONDS = 1.0
LOOK_EVERY = 1 / 30
"""Share of an interval after which a stream without work is looked at again."""

LOG_EVERY_SECONDS = 60.0
MODEL_EVERY_SECONDS = 300.0
"""How often the registry is asked whether a stream has another champion."""

LONGEST_BACKOFF_SECONDS = 120.0
KEEP_SCORES_DAYS = 60
FORGET_EVERY_SECONDS = 3600.0


def build_anomaly_definitions() -> dg.Definitions:
    """Two assets a stream, the jobs and the weekly training; reads the YAML files only."""
    loaded = load_streams()
    paths = [(STREAMS / f"{name}.yaml", stream) for name, stream in loaded.items()]
    built, broken = build_each(KIND, paths, _build_assets)
    versions = [asset_key(stream, "version") for stream, _ in built]
    train = dg.define_asset_job(
        TRAIN_JOB,
        dg.AssetSelection.assets(*versions),
        description="Judges every detector on each stream's history; registers the best.",
        tags={"weir/reason": "weekly"},
    )
    whole = dg.Definitions(
        jobs=[train, anomaly_watch_job],
        schedules=[
            dg.ScheduleDefinition(
                name="train_anomalies_weekly",
                job=train,
                cron_schedule=TRAIN_CRON,
                execution_timezone="UTC",
                default_status=dg.DefaultScheduleStatus.RUNNING,
            )
        ],
    )
    return dg.Definitions.merge(
        whole,
        *(definitions for _, definitions in built),
        build_broken_definitions(KIND, [*getattr(loaded, "broken", ()), *broken]),
    )


def _build_assets(stream: Stream) -> dg.Definitions:
    return dg.Definitions(assets=[build_version(stream), build_scores(stream)])


def asset_key(stream: Stream, part: str) -> dg.AssetKey:
    """Key of a stream's ``version`` or ``scores``."""
    return part_key(f"anomaly_{stream.name}", part)


def build_version(stream: Stream) -> dg.AssetsDefinition:
    """The asset that chooses a stream's detector."""

    @dg.asset(
        key=asset_key(stream, "version"),
        deps=[dg.AssetKey(stream.topic.silver.asset_key)],
        group_name=GROUP,
        owners=[stream.owner],
        kinds={"mlflow", "pytorch"},
        tags={"model": stream.model},
        pool="training",
        description=f"The detector for “{stream.title}” that did best on held-out history.",
    )
    def version(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        from ml.anomaly.training import train_stream

        tags = {
            "weir/dagster_run": context.run_id,
            "weir/reason": context.run_tags.get("weir/reason", "asked for"),
        }
        outcome = train_stream(get_settings(), stream, tags=tags)
        context.log.info(outcome.skipped or f"{outcome.winner} did best")
        return dg.MaterializeResult(metadata=version_metadata(outcome))

    return version


def version_metadata(outcome: "Outcome") -> dict[str, Any]:
    """What a materialisation of a version shows."""
    judged = outcome.judgement
    if judged is None:
        return {"skipped": outcome.skipped}
    low, high = judged.interval(outcome.winner)
    rows = sorted(judged.scores, key=judged.mean, reverse=True)
    return {
        "detector": outcome.winner,
        "before": outcome.before,
        "evidence": judged.evidence,
        "vus_pr": judged.mean(outcome.winner),
        "vus_pr_interval_90": f"{low:.3f} to {high:.3f}",
        "vus_pr_without_sense": judged.chance,
        "anomalies": judged.anomalies,
        "series": judged.series,
        "version": "none: the current one is still the best"
        if outcome.version is None
        else outcome.version,
        "alias": outcome.alias or "none",
        "candidates": dg.MetadataValue.md(
            "\n".join(
                ["| candidate | VUS-PR |", "|---|---|"]
                + [f"| {name} | {judged.mean(name):.3f} |" for name in rows]
            )
        ),
    }


def build_scores(stream: Stream) -> dg.AssetsDefinition:
    """The asset of a stream's scores; the long-lived run materialises it, a person may too."""

    @dg.asset(
        key=asset_key(stream, "scores"),
        deps=[dg.AssetKey(stream.topic.silver.asset_key), asset_key(stream, "version")],
        group_name=GROUP,
        owners=[stream.owner],
        kinds={"postgres"},
        tags={"model": stream.model},
        description=f"Score and threshold of each interval of “{stream.title}”, and its incidents.",
    )
    def scores(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:  # noqa: ARG001
        from ml.anomaly.model import champion
        from ml.anomaly.store import Store
        from ml.anomaly.watch import Watch

        settings = get_settings()
        store = Store(settings)
        gathered = Gathered()
        try:
            # Side by side with the long-lived run: of two that take the same points, one stores.
            watch = Watch(settings, stream, champion(settings, stream), store)
            while (step := watch.step()) is not None:
                gathered.add(step)
            return dg.MaterializeResult(metadata=gathered.metadata(store.totals(stream.name)))
        finally:
            store.close()

    return scores


@dataclass
class Gathered:
    """Steps of a stream since the last logged materialisation."""

    steps: int = 0
    points: int = 0
    events: int = 0
    late: int = 0
    lag: float = 0.0
    learning: bool = False

    def add(self, step: "Step") -> None:
        """Take in one step."""
        self.steps += 1
        self.points += step.points
        self.events += step.events
        self.late += step.late
        self.lag = step.lag
        self.learning = step.learning

    def metadata(self, totals: dict[str, int]) -> dict[str, Any]:
        """What a materialisation shows; ``totals`` as :meth:`.store.Store.totals` gives them."""
        return {
            "points_scored": self.points,
            "incident_events": self.events,
            "late_rows": self.late,
            "lag_seconds": round(self.lag, 1),
            "learning": self.learning,
            "steps": self.steps,
            "points_in_all": totals["points"],
            "late_rows_in_all": totals["late"],
            "open_incidents": totals["open_incidents"],
        }


@dataclass
class _Kept:
    """A stream under watch."""

    stream: Stream
    watch: "Watch"
    gathered: Gathered = field(default_factory=Gathered)
    logged: float = 0.0
    failures: int = 0
    again_at: float = 0.0
    said: str = ""


@dg.op(out=dg.Out(dg.Nothing), description="Scores new points of every watched stream.")
def watch_anomalies(
    context: dg.OpExecutionContext,
) -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
    """Step through the streams until asked to stop; a materialisation a stream each minute.

    A stream that fails waits, and holds up no other.

    Raises:
        LeaseHeldError: another such run is alive.
    """
    from ml.anomaly.model import default_choice
    from ml.anomaly.store import Store
    from ml.anomaly.watch import Watch

    settings = get_settings()
    store = Store(settings)
    kept = [
        _Kept(stream, Watch(settings, stream, default_choice(), store))
        for stream in load_streams().values()
    ]
    chosen = forgotten = -FORGET_EVERY_SECONDS
    try:
        with hosted(context, settings, WATCH) as host:
            while host.may_go_on():
                now = time.monotonic()
                if now - chosen > MODEL_EVERY_SECONDS:
                    chosen = now
                    _choose(context, settings, kept)
                if now - forgotten > FORGET_EVERY_SECONDS:
                    forgotten = now
                    _forget(context, store, kept)
                busy = [_stepped(context, one) for one in kept]
                yield from _due(store, kept)
                if not any(busy):
                    time.sleep(IDLE_SECONDS)
        yield from _due(store, kept, everything=True)
    finally:
        store.close()
    yield dg.Output(None)


anomaly_watch_job = WATCH.job_of(
    watch_anomalies, "The watch over anomalies: scores follow silver, kept alive by a sensor."
)


def _choose(context: dg.OpExecutionContext, settings: Settings, kept: list[_Kept]) -> None:
    """Ask for the champions; where the registry does not answer, the model in use stays."""
    from ml.anomaly.model import champion

    for one in kept:
        try:
            one.watch.use(champion(settings, one.stream))
        except WeirError as error:
            context.log.warning(f"{one.stream.name}: the model in use stays: {error}")


def _forget(context: dg.OpExecutionContext, store: "Store", kept: list[_Kept]) -> None:
    for one in kept:
        try:
            if count := store.forget(one.stream.name, KEEP_SCORES_DAYS):
                context.log.info(f"{one.stream.name}: {count} old scores deleted")
        except WeirError as error:
            context.log.warning(f"{one.stream.name}: old scores stay for now: {error}")


def _stepped(context: dg.OpExecutionContext, one: _Kept) -> bool:
    """One step; whether there may be more to do at once."""
    if time.monotonic() < one.again_at:
        return False
    try:
        step = one.watch.step()
    except WeirError as error:
        one.failures += 1
        pause = min(LONGEST_BACKOFF_SECONDS, 2.0**one.failures)
        one.again_at = time.monotonic() + pause
        if str(error) != one.said:
            context.log.warning(f"{one.stream.name} waits: {error}")
            one.said = str(error)
        return False
    one.failures, one.said = 0, ""
    if step is None:
        # Nothing can become complete much sooner than an interval from now.
        one.again_at = time.monotonic() + one.stream.interval * LOOK_EVERY
        return False
    one.gathered.add(step)
    return True


def _due(
    store: "Store", kept: list[_Kept], *, everything: bool = False
) -> Iterator[dg.AssetMaterialization]:
    """Materialisations whose time has come."""
    now = time.monotonic()
    for one in kept:
        if not one.gathered.steps or (not everything and now - one.logged < LOG_EVERY_SECONDS):
            continue
        gathered, one.gathered, one.logged = one.gathered, Gathered(), now
        yield dg.AssetMaterialization(
            asset_key=asset_key(one.stream, "scores"),
            metadata=gathered.metadata(store.totals(one.stream.name)),
        )
