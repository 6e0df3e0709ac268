"""The job that runs the whole suite on windows that have closed."""

import time
from collections.abc import Iterator

from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    Field,
    Nothing,
    OpExecutionContext,
    Out,
    Output,
    in_process_executor,
    job,
    op,
)

from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import get_settings
from platform_assets.graph.checks.evaluation import evaluation
from platform_assets.graph.checks.silver import window_suite_result

JOB = "window_checks"


@op(
    out=Out(Nothing),
    config_schema={
        "windows": Field([str], description="Which windows: each as `domain.entity key`.")
    },
)
def check_windows(
    context: OpExecutionContext,
) -> Iterator[AssetCheckEvaluation | Output[None]]:
    """Check each window's published rows; mark it checked whatever the outcome."""
    from platform_assets.graph.checks.batches import SuiteTimings
    from platform_assets.quality.gx import warm
    from platform_assets.streaming.ledger import Ledger
    from platform_assets.streaming.windows import Windows

    settings, contracts = get_settings(), load_contracts()
    warm()  # so that the timings below are the suite's alone
    ledger, windows = Ledger(settings), Windows(settings)
    for text in context.op_config["windows"]:
        name, _, key = text.partition(" ")
        topic = TopicName.parse(name)
        batches = ledger.batches(topic, key)
        context.log.info(f"checking {topic} {key}: {len(batches)} micro-batches")
        started = time.monotonic()
        result = window_suite_result(
            contracts[topic],
            settings.lake_root,
            batches[0].id,
            batches[-1].id,
            settings.home,
        )
        yield evaluation(
            AssetKey(topic.silver.asset_key), result, f"window {key}: {result.description}"
        )
        rows = ledger.totals(topic, key).published
        SuiteTimings(settings).record(topic, rows, time.monotonic() - started)
        windows.mark_checked(topic, key)
    yield Output(None)


@job(
    name=JOB,
    executor_def=in_process_executor,
    description="The full Great Expectations suite on windows that have closed.",
)
def window_checks_job() -> None:
    """One op."""
    check_windows()
