"""The fresh gold run: one long-lived run that keeps the fresh models in step with silver."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
import time
from collections.abc import Iterator, Mapping
from datetime import date

from dagster import (
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
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import get_settings
from platform_assets.graph.runs.host import GOLD_CODE, Host, LongLived, hosted

RUN = LongLived(job="fresh_gold", lease="fresh_gold", code=GOLD_CODE)
CONSUMER = "fresh_gold"
CHANGES_A_STEP = 500
"""Publications of a topic that one step takes in; their event dates are what costs."""

FULL_BUILD_PATIENCE_SECONDS = 600.0
"""How long the first step waits for a full build at most."""

LOG_EVERY_SECONDS = 30.0
LONGEST_BACKOFF_SECONDS = 30.0


@op(out=Out(Nothing), description="Recomputes the dates of the fresh gold models that changed.")
def run_fresh_gold(context: OpExecutionContext) -> Iterator[AssetMaterialization | Output[None]]:
    """Step whenever silver changed, until asked to stop.

    A step that fails leaves the cursor where it was, so its dates are taken again; a crash
    between a step and its cursor recomputes the same dates, which changes nothing.

    Raises:
        LeaseHeldError: another fresh gold run is alive.
    """
    from platform_assets.gold.bootstrap import bootstrap
    from platform_assets.gold.fresh import FreshGold
    from platform_assets.streaming.ledger import Ledger
    from platform_assets.streaming.whole import WholeTopics

    settings, contracts = get_settings(), load_contracts()
    ledger, topics = Ledger(settings), list(contracts)
    whole = WholeTopics(settings, contracts)
    gold = FreshGold(settings)
    log = _Log()
    registered: set[TopicName] = set()
    failures = 0
    with hosted(context, settings, RUN) as host:
        gold.warm()
        await_full_build(context, host)
        while host.may_go_on():
            dates, cursors = ledger.changed_dates(CONSUMER, topics, CHANGES_A_STEP)
            for topic in whole.short(dates):
                del dates[topic], cursors[topic]
            if not dates:
                time.sleep(settings.stream_idle_seconds)
                continue
            try:
                if not set(dates) <= registered:
                    bootstrap(settings)
                    registered.update(dates)
                result = gold.step({topic.slug: days for topic, days in dates.items()})
            except WeirError as error:
                failures += 1
                registered.clear()
                pause = min(LONGEST_BACKOFF_SECONDS, 2.0**failures)
                context.log.warning(f"step {failures} failed, again in {pause:.0f} s: {error}")
                time.sleep(pause)
                continue
            failures = 0
            ledger.advance(CONSUMER, cursors)
            log.add(result.rows, dates, result.seconds)
            yield from log.due()
            time.sleep(max(0.0, settings.gold_every_seconds - result.seconds))
        yield from log.due(everything=True)
    yield Output(None)


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
