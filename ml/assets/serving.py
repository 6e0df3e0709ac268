"""Trials and serving of a model as assets: each verdict with its evidence, and who serves."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
import base64
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml.assets.keys import GROUP, OWNER, part_key
from ml.assets.purchase import DEPLOYMENT_KEY
from ml.purchase import MODEL
from platform_assets.graph.retries import backing_off

if TYPE_CHECKING:
    from ml.rollout.deployment import Deployment
    from ml.trials.judge import Finding

JOB = "judge_purchase"
TRIAL_KEY, SERVED_KEY = (part_key(MODEL, part) for part in ("trial", "served"))
EVERY = timedelta(minutes=15)
"""Least time between two materialisations that say the same."""

_RETRY = backing_off(2)
Result = Iterator[dg.MaterializeResult[Any]]


def build_serving_definitions() -> dg.Definitions:
    """The two assets and the job that judges."""
    job = dg.define_asset_job(
        JOB,
        dg.AssetSelection.assets(trial, served),
        description="Judge the running trial and probation, and carry the verdict out.",
    )
    return dg.Definitions(assets=[trial, served], jobs=[job])


@dg.asset(
    key=TRIAL_KEY,
    deps=[DEPLOYMENT_KEY],
    group_name=GROUP,
    owners=[OWNER],
    kinds={"postgres", "python"},
    code_version="1",
    retry_policy=_RETRY,
    output_required=False,
    pool=JOB,
    description="What the requests and labels so far prove of the challenger, or of a fresh "
    "champion: promote, go on, reject or roll back, with the evidence.",
)
def trial(context: dg.AssetExecutionContext) -> Result:
    """Judge, and act on the verdict; what says the same as before is told at most each EVERY."""
    from ml.trials.judge import Judge
    from platform_assets.core.settings import get_settings

    judge = Judge(get_settings())
    try:
        findings = judge.judge(MODEL, actor=f"dagster run {context.run.run_id}")
    finally:
        judge.close()
    for finding in findings:
        context.log.info(f"{finding.case.name}, {finding.case.kind}: {finding.reason}")
    metadata = verdict_metadata(findings)
    if findings and _due(context, TRIAL_KEY, metadata["state"]):
        yield dg.MaterializeResult(metadata=metadata)


@dg.asset(
    key=SERVED_KEY,
    deps=[TRIAL_KEY],
    group_name=GROUP,
    owners=[OWNER],
    kinds={"postgres"},
    code_version="1",
    retry_policy=_RETRY,
    output_required=False,
    pool=JOB,
    description="Who serves: champion, challenger and share, as they are in force.",
)
def served(context: dg.AssetExecutionContext) -> Result:
    """Record the deployment in force, where it changed or was not recorded for EVERY."""
    from ml.rollout.deployment import Deployments
    from platform_assets.core.settings import get_settings

    deployments = Deployments(get_settings())
    try:
        now = deployments.current(MODEL)
    finally:
        deployments.close()
    if now is None:
        context.log.info(f"nobody serves {MODEL}")
        return
    metadata = deployment_metadata(now)
    if _due(context, SERVED_KEY, metadata["state"]):
        yield dg.MaterializeResult(metadata=metadata)


def verdict_metadata(findings: "Sequence[Finding]") -> dict[str, Any]:
    """What a materialisation of the trial tells: verdicts, reasons, bounds, evidence over time.

    ``state`` is equal for two findings that say the same.
    """
    told: dict[str, Any] = {
        "state": ", ".join(f"{found.case.name} {found.verdict}" for found in findings)
    }
    for found in findings:
        case = found.case
        told |= {
            f"{case.kind}/verdict": found.verdict.value,
            f"{case.kind}/reason": found.reason,
            f"{case.kind}/version": case.version,
            f"{case.kind}/against": case.against,
            f"{case.kind}/began": case.began_at.isoformat(),
            f"{case.kind}/requests": found.evidence.get("requests", 0),
            f"{case.kind}/labelled": found.evidence.get("outcomes", 0),
            f"{case.kind}/terms": dg.MetadataValue.json(dict(case.terms)),
            f"{case.kind}/evidence": dg.MetadataValue.md(_table(found)),
            f"{case.kind}/acted": found.changed is not None,
        }
        if trace := found.evidence.get("trace"):
            told[f"{case.kind}/over time"] = _chart(trace, case.terms["rules"])
    return told


def deployment_metadata(now: "Deployment") -> dict[str, Any]:
    """What a materialisation of who serves tells."""
    return {
        "state": f"revision {now.revision}",
        "champion": now.champion,
        "challenger": now.challenger or "none",
        "share": now.share,
        "shadow": now.shadow,
        "revision": now.revision,
        "since": now.changed_at.isoformat(),
        "reason": now.reason,
        "actor": now.actor,
    }


def _table(found: "Finding") -> str:
    from ml.trials.record import table

    return table(found.evidence)


def _chart(trace: list[dict[str, Any]], rules: dict[str, Any]) -> dg.MarkdownMetadataValue:
    from ml.trials.chart import evidence_png

    # Roll-back looks at three quantities, which share its level.
    png = evidence_png(trace, -math.log(rules["alpha"]), -math.log(rules["alpha_harm"] / 3))
    return dg.MetadataValue.md(
        f"![evidence](data:image/png;base64,{base64.b64encode(png).decode()})"
    )


def _due(context: dg.AssetExecutionContext, key: dg.AssetKey, state: str) -> bool:
    """Whether a state is new, or was last told long ago."""
    event = context.instance.get_latest_materialization_event(key)
    if event is None or event.asset_materialization is None:
        return True
    before = event.asset_materialization.metadata.get("state")
    told = datetime.fromtimestamp(event.timestamp, UTC)
    return before is None or before.value != state or datetime.now(UTC) - told >= EVERY
