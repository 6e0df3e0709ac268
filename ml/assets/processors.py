"""The processors as assets: a long-lived run each, and the check that both layers agree."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from platform_assets.contracts.load import load_contracts
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TOUR_LEASE
from platform_assets.core.settings import Settings, get_settings
from platform_assets.graph.checks.evaluation import evaluation
from platform_assets.graph.lineage import processor_key
from platform_assets.graph.runs.host import MODEL_CODE, LongLived, hosted
from platform_assets.processors.model import FEEDBACK, Definition

if TYPE_CHECKING:
    from platform_assets.processors.agreement import Hour
    from platform_assets.processors.hot.figures import Figures, ProcessorState
    from platform_assets.processors.hot.store import HotStore

RUN = LongLived(
    job="processor_feedback",
    lease="processor_feedback",
    code=MODEL_CODE,
    waits_for=TOUR_LEASE,
)
AGREES = "agrees_with_batch"

AGREE_MINUTE = 6
"""Of each hour, when the hour before is compared; until it could be, every minute."""
_AGAIN_SECONDS = 60.0


def build_processor_definitions() -> dg.Definitions:
    """The processor's asset, its job and its check; opens nothing."""
    key = processor_key(FEEDBACK.name)
    spec = dg.AssetSpec(
        key,
        deps=[
            dg.AssetKey(["kafka", one.topic.domain, one.topic.entity]) for one in FEEDBACK.inputs
        ],
        group_name=FEEDBACK.output.domain,
        owners=[FEEDBACK.owner],
        kinds={"kafka", "postgres"},
        description=f"Understands each text as it is written: topic `{FEEDBACK.output}` and the "
        f"hot path. The run `{RUN.job}` materialises it.",
    )

    @dg.asset_check(asset=key, name=AGREES, description=compare.__doc__)
    def agrees_with_batch() -> dg.AssetCheckResult:
        from platform_assets.processors.hot.store import HotStore

        settings = get_settings()
        with closing(HotStore(settings)) as store:
            return compare(settings, store)

    return dg.Definitions(
        assets=[spec], asset_checks=[agrees_with_batch], jobs=[processor_feedback_job]
    )


def compare(settings: Settings, store: "HotStore") -> dg.AssetCheckResult:
    """What the speed layer wrote for each closed hour is what the batch gives on silver."""
    from ml.text.functions import text_functions
    from platform_assets.processors.agreement import compare as compared

    functions, now = text_functions(settings), datetime.now(UTC)
    found = compared(settings, FEEDBACK, functions, load_contracts(), store, now)
    return agreement_result(FEEDBACK, found)


def agreement_result(definition: Definition, hours: "Sequence[Hour]") -> dg.AssetCheckResult:
    """The check's result for the hours that were compared."""
    bad = [one for one in hours if not one.agrees]
    first = [
        f"{one.source_topic} {one.hour:%Y-%m-%d %H}:00: {one.missing} missing, {one.extra} extra, "
        f"{one.different} different"
        for one in bad[:3]
    ]
    sums = {
        name: sum(getattr(one, name) for one in hours)
        for name in ("texts", "missing", "extra", "compared", "different", "outdated")
    }
    said = "; ".join(first) or f"{len(hours)} hours agree"
    return dg.AssetCheckResult(
        check_name=AGREES,
        asset_key=processor_key(definition.name),
        passed=not bad,
        severity=dg.AssetCheckSeverity.ERROR,
        description=said,
        metadata={"hours": len(hours), **sums},
    )


@dg.op(out=dg.Out(dg.Nothing), description="Understands each text as it is written.")
def run_processor_feedback(
    context: dg.OpExecutionContext,
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.Output[None]]:
    """Process until asked to stop; a materialisation every few seconds, the check each hour.

    Raises:
        LeaseHeldError: another such run is alive.
    """
    from ml.text.functions import text_functions
    from platform_assets.processors.hot.store import HotStore
    from platform_assets.processors.run import ProcessorRun

    settings = get_settings()
    with hosted(context, settings, RUN) as host, closing(HotStore(settings)) as store:
        run = ProcessorRun(settings, FEEDBACK, text_functions(settings), load_contracts())
        reported = _Reported(settings, store)
        for told in run.steps():
            reported.add(told.done)
            yield from reported.due()
            yield from reported.agreement(context)
            if not host.may_go_on():
                run.stop()
        yield from reported.due(everything=True)
    yield dg.Output(None)


processor_feedback_job = RUN.job_of(
    run_processor_feedback,
    "The processor of feedback: language, sentiment and names of texts, kept alive by a sensor.",
)


class _Reported:
    """Gathers what was done into one materialisation now and then."""

    def __init__(self, settings: Settings, store: "HotStore") -> None:
        self._settings, self._store = settings, store
        self._gathered: list[Figures] = []
        self._logged = -settings.materialisation_every_seconds
        self._hour = self._tried = 0.0

    def add(self, done: "Figures") -> None:
        if done.taken or done.stored:
            self._gathered.append(done)

    def due(self, *, everything: bool = False) -> Iterator[dg.AssetMaterialization]:
        now = time.monotonic()
        pause = self._settings.materialisation_every_seconds
        if not self._gathered or (not everything and now - self._logged < pause):
            return
        from platform_assets.processors.hot.figures import states

        gathered, self._gathered, self._logged = self._gathered, [], now
        found = [one for one in states(self._store.database) if one.processor == FEEDBACK.name]
        yield dg.AssetMaterialization(
            asset_key=processor_key(FEEDBACK.name), metadata=read_metadata(gathered, found)
        )

    def agreement(self, context: dg.OpExecutionContext) -> Iterator[dg.AssetCheckEvaluation]:
        """The check of the hours that have closed, once an hour."""
        now = time.time()
        hour = (now - AGREE_MINUTE * 60) // 3600
        if hour == self._hour or now - self._tried < _AGAIN_SECONDS:
            return
        self._tried = now
        try:
            result = compare(self._settings, self._store)
        except WeirError as error:
            context.log.info(f"not compared yet: {error}")
            return
        self._hour = hour
        yield evaluation(processor_key(FEEDBACK.name), result)


def read_metadata(
    gathered: "Sequence[Figures]", found: "Sequence[ProcessorState]"
) -> dict[str, Any]:
    """What a materialisation shows: since the last one, and how it stands."""
    names = ("taken", "results", "routed", "rejected", "dead_letters", "stored")
    sums = {name: sum(getattr(one, name) for one in gathered) for name in names}
    if not found:
        return sums
    (state,) = found
    latencies = {
        f"{name}_seconds": round(value, 3)
        for name, value in (("p50", state.p50), ("p95", state.p95), ("p99", state.p99))
        if value is not None
    }
    return {
        **sums,
        "lag_records": state.lag,
        "texts_a_second": round(state.rate, 1),
        **latencies,
        "functions": state.functions,
        "results_in_all": state.results,
    }
