"""Trials and serving of a model as assets: each verdict with its evidence, and who serves."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
import base64
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml.assets.keys import GROUP, part_key
from ml.spec import ModelSpec
from platform_assets.graph.retries import backing_off

if TYPE_CHECKING:
    from ml.rollout.deployment import Deployment
    from ml.trials.judge import Finding

EVERY = timedelta(minutes=15)
"""Least time between two materialisations that say the same."""

_RETRY = backing_off(2)
Result = Iterator[dg.MaterializeResult[Any]]


def build_serving_definitions(spec: ModelSpec) -> dg.Definitions:
    """The two assets of a model and the job that judges."""
    assets = [_trial(spec), _served(spec)]
    job = dg.define_asset_job(
        spec.judging_job,
        dg.AssetSelection.assets(*assets),
        description="Judge the running trial and probation, and carry the verdict out.",
    )
    return dg.Definitions(assets=assets, jobs=[job])


def _trial(spec: ModelSpec) -> dg.AssetsDefinition:
    key = part_key(spec.name, "trial")

    @dg.asset(
        key=key,
        deps=[part_key(spec.name, "deployment")],
        group_name=GROUP,
        owners=[spec.owner],
        kinds={"postgres", "python"},
        code_version="1",
        retry_policy=_RETRY,
        output_required=False,
        pool=spec.judging_job,
        description="What the requests and labels so far prove of the challenger, or of a fresh "
        "champion: promote, continue, reject or roll back, with the evidence.",
    )
    def trial(context: dg.AssetExecutionContext) -> Result:
        """Judge, and act on the verdict; an unchanged verdict is recorded at most every EVERY."""
        from ml.trials.judge import Judge
        from platform_assets.core.settings import get_settings

        judge = Judge(get_settings())
        try:
            findings = judge.judge(spec.name, actor=f"dagster run {context.run.run_id}")
        finally:
            judge.close()
        for finding in findings:
            context.log.info(f"{finding.case.name}, {finding.case.kind}: {finding.reason}")
        metadata = verdict_metadata(findings)
        if findings and _due(context, key, metadata["state"]):
            yield dg.MaterializeResult(metadata=metadata)

    return trial


def _served(spec: ModelSpec) -> dg.AssetsDefinition:
    key = part_key(spec.name, "served")

    @dg.asset(
        key=key,
        deps=[part_key(spec.name, "trial")],
        group_name=GROUP,
        owners=[spec.owner],
        kinds={"postgres"},
        code_version="1",
        retry_policy=_RETRY,
        output_required=False,
        pool=spec.judging_job,
        description="Who serves: champion, challenger and share, as they are in force.",
    )
    def served(context: dg.AssetExecutionContext) -> Result:
        """Record the deployment in force, where it changed or was not recorded for EVERY."""
        from ml.rollout.deployment import Deployments
        from platform_assets.core.settings import get_settings

        deployments = Deployments(get_settings())
        try:
            now = deployments.current(spec.name)
        finally:
            deployments.close()
        if now is None:
            context.log.info(f"nobody serves {spec.name}")
            return
        metadata = deployment_metadata(now)
        if _due(context, key, metadata["state"]):
            yield dg.MaterializeResult(metadata=metadata)

    return served


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
