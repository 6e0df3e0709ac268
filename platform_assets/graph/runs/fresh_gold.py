"""The fresh gold run: one long-lived run that keeps the fresh models in step with silver."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
import time
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetKey,
    AssetMaterialization,
    DagsterRunStatus,
    Nothing,
    OpExecutionContext,
    Out,
    Output,
    RunsFilter,
    op,
)

from platform_assets.contracts.load import load_contracts
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TOUR_LEASE, TopicName
from platform_assets.core.settings import get_settings
from platform_assets.graph.checks.gold import KEPT_FRESH
from platform_assets.graph.runs.host import GOLD_CODE, Host, LongLived, hosted

if TYPE_CHECKING:
    from platform_assets.gold.follow import Turn

# Not beside `weir run` on a new lake: its full build makes the same tables.
RUN = LongLived(job="fresh_gold", lease="fresh_gold", code=GOLD_CODE, waits_for=TOUR_LEASE)
FULL_BUILD_PATIENCE_SECONDS = 600.0
"""How long the first step waits for a full build at most."""

LOG_EVERY_SECONDS = 30.0
LONGEST_BACKOFF_SECONDS = 30.0

GoldEvent = AssetMaterialization | AssetCheckEvaluation | Output[None]


@op(out=Out(Nothing), description="Recomputes the dates of the fresh gold models that changed.")
def run_fresh_gold(
    context: OpExecutionContext,
) -> Iterator[AssetMaterialization | AssetCheckEvaluation | Output[None]]:
    """Step whenever silver changed, until asked to stop.

    A model that fails is held back by itself and tried again (:mod:`platform_assets.gold.follow`).

    Raises:
        LeaseHeldError: another fresh gold run is alive.
    """
    from platform_assets.gold.bootstrap import bootstrap
    from platform_assets.gold.follow import Follower
    from platform_assets.gold.fresh import FreshGold
    from platform_assets.gold.held import HeldModels
    from platform_assets.gold.live import LiveView
    from platform_assets.streaming.ledger import Ledger
    from platform_assets.streaming.whole import WholeTopics

    settings, contracts = get_settings(), load_contracts()
    gold = FreshGold(settings)
    follower = Follower(
        list(contracts),
        gold,
        Ledger(settings),
        HeldModels(settings),
        show=lambda: bootstrap(settings),
        short=WholeTopics(settings, contracts).short,
    )
    log, live = _Log(), LiveView(settings)
    failures = 0
    with hosted(context, settings, RUN) as host:
        gold.warm()
        await_full_build(context, host)
        while host.may_go_on():
            try:
                turn = follower.turn()
            except WeirError as error:
                failures += 1
                follower.reset()
                pause = min(LONGEST_BACKOFF_SECONDS, 2.0**failures)
                context.log.warning(f"step {failures} failed, again in {pause:.0f} s: {error}")
                time.sleep(pause)
                continue
            failures = 0
            if turn is None:
                time.sleep(settings.gold_every_seconds / 2)
                continue
            if turn.trouble:
                context.log.warning(turn.trouble)
            try:
                live.follow(turn.rows)
            except WeirError as error:
                context.log.warning(f"the live view waits: {error}")
            yield from kept_fresh(turn)
            log.add(turn.rows, turn.dates, turn.seconds)
            yield from log.due()
            every = settings.gold_every_seconds if turn.dates else settings.stream_idle_seconds
            time.sleep(max(0.0, every - turn.seconds))
        yield from log.due(everything=True)
    yield Output(None)


def kept_fresh(turn: "Turn") -> Iterator[AssetCheckEvaluation]:
    """The check of each model that was held back or has caught up in a turn."""
    from platform_assets.graph.gold import model_keys

    if not turn.held and not turn.released:
        return
    keys = model_keys()
    outcomes = {**turn.held, **dict.fromkeys(turn.released, "")}
    for model, reason in outcomes.items():
        yield AssetCheckEvaluation(
            asset_key=AssetKey(keys[model]),
            check_name=KEPT_FRESH,
            passed=not reason,
            description=reason or "has caught up with silver",
            severity=AssetCheckSeverity.ERROR,
        )


def await_full_build(context: OpExecutionContext, host: Host) -> None:
    """Let a full build that is under way end before the first step, which it makes needless.

    On a new lake both would build the same tables at the same time, and each be slower for it.
    Later builds and steps go side by side: a conflicting commit is made again.
    """
    from platform_assets.gold.project import FULL_GOLD_JOB

    building = RunsFilter(
        job_name=FULL_GOLD_JOB, statuses=[DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]
    )
    deadline = time.monotonic() + FULL_BUILD_PATIENCE_SECONDS
    while time.monotonic() < deadline and context.instance.get_runs_count(building):
        if not host.may_go_on():
            return
        time.sleep(1.0)


fresh_gold_job = RUN.job_of(
    run_fresh_gold, "The fresh gold run: fast models follow silver, kept alive by a sensor."
)


class _Log:
    """Gathers steps into one materialisation a model every half minute."""

    def __init__(self) -> None:
        self._steps: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        self._dates: set[date] = set()
        self._seconds = 0.0
        self._logged = 0.0

    def add(
        self, rows: Mapping[str, int], dates: Mapping[TopicName, list[date]], seconds: float
    ) -> None:
        """Take in one step."""
        for model, written in rows.items():
            self._steps[model] = self._steps.get(model, 0) + 1
            self._rows[model] = self._rows.get(model, 0) + written
        if rows:
            self._dates.update(day for days in dates.values() for day in days)
        self._seconds += seconds

    def due(self, *, everything: bool = False) -> Iterator[AssetMaterialization]:
        """Events whose time has come."""
        now = time.monotonic()
        if not self._steps or (not everything and now - self._logged < LOG_EVERY_SECONDS):
            return
        from platform_assets.graph.gold import model_keys

        keys = model_keys()
        for model, steps in self._steps.items():
            yield AssetMaterialization(
                asset_key=AssetKey(keys[model]),
                metadata={
                    "steps": steps,
                    "rows_written": self._rows[model],
                    "event_dates": len(self._dates),
                    "first_event_date": str(min(self._dates)),
                    "last_event_date": str(max(self._dates)),
                    "seconds": round(self._seconds, 2),
                },
            )
        self._steps, self._rows, self._dates, self._seconds = {}, {}, set(), 0.0
        self._logged = now
