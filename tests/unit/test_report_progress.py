"""What a person is told while a report is made."""

import dagster as dg
import pytest
from dagster._core.utils import make_new_run_id

from reports.progress import QUIET, told


def test_parts_are_told_with_seconds_and_retries_and_dagster_itself_is_silent(
    capfd: pytest.CaptureFixture[str],
) -> None:
    @dg.asset(key=["reports", "x", "facts"])
    def facts(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        context.log.info("reading sales")
        return dg.MaterializeResult()

    @dg.asset(key=["reports", "x", "document"], retry_policy=dg.RetryPolicy(max_retries=1))
    def document(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        if context.retry_number == 0:
            raise ValueError("no")
        return dg.MaterializeResult()

    defs = dg.Definitions(assets=[facts, document], jobs=[dg.define_asset_job("made")])
    lines: list[str] = []
    run_id = make_new_run_id()
    with dg.DagsterInstance.ephemeral() as instance, told(instance, run_id, lines.append):
        defs.resolve_job_def("made").execute_in_process(
            instance=instance, run_id=run_id, run_config=QUIET
        )
    assert {"facts ...", "  reading sales", "facts: 0.0 s", "document: tried again"} <= set(lines)
    shown = capfd.readouterr()
    assert "RUN_START" not in shown.out + shown.err
