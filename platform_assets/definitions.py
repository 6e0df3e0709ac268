"""Assembles the asset graph; nothing else."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster import AssetSelection, Definitions, define_asset_job, in_process_executor

from ml.assets import build_model_definitions
from platform_assets.contracts.load import derived_contracts, load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.gold.project import FULL_GOLD_JOB
from platform_assets.gold.review import review
from platform_assets.graph.automation import when_silver_changed
from platform_assets.graph.broken_assets import build_broken_definitions, build_each
from platform_assets.graph.bronze import build_bronze_assets
from platform_assets.graph.checks.gold_assets import build_gold_checks, known_models
from platform_assets.graph.checks.windows import window_checks_job
from platform_assets.graph.gold import build_dbt_resource, build_gold_assets
from platform_assets.graph.lineage import load_sources
from platform_assets.graph.runs.fresh_gold import fresh_gold_job
from platform_assets.graph.runs.sources import sources_job
from platform_assets.graph.runs.stream import stream_job
from platform_assets.graph.silver import build_silver_assets
from platform_assets.graph.specs import topic_spec
from platform_assets.graph.upkeep.assets import maintenance_definitions
from reports.assets.insights import build_insight_definitions
from reports.assets.report import build_report_definitions
from sensors.graph import build_sensors


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """What is built stays: a collection finds nothing, and each takes a tenth of a second.

    So there is none meanwhile, and later ones leave out what is there by then.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


@_no_garbage_collection()
def build_defs() -> Definitions:
    """The lake's definitions: opens no socket, reads no secret."""
    loaded = load_contracts()
    topics, refused = build_each(
        "contract", ((Path(one.path), one) for one in loaded.values()), _topic_definitions
    )
    contracts = [contract for contract, _ in topics]
    _, unbounded = known_models()
    gold = build_gold_assets(when_silver_changed())
    gold_checks = build_gold_checks()
    lake = Definitions(
        assets=[gold],
        asset_checks=[gold_checks],
        jobs=[
            stream_job,
            sources_job,
            fresh_gold_job,
            window_checks_job,
            define_asset_job(
                FULL_GOLD_JOB, AssetSelection.assets(gold) | AssetSelection.checks(gold_checks)
            ),
        ],
        sensors=build_sensors(),
        resources={"dbt": build_dbt_resource()},
        executor=in_process_executor,
    )
    return Definitions.merge(
        lake,
        *(definitions for _, definitions in topics),
        build_broken_definitions("contract", [*loaded.broken, *refused]),
        build_broken_definitions("bounds", [unbounded] if unbounded else []),
        build_broken_definitions("gold model", review(loaded.values())),
        maintenance_definitions([*contracts, *derived_contracts()]),
        load_sources(),
        build_model_definitions(),
        build_insight_definitions(),
        build_report_definitions(lambda: defs.resolve_asset_graph().asset_check_keys),
    )


def _topic_definitions(contract: Contract) -> Definitions:
    return Definitions(
        assets=[
            topic_spec(contract),
            *build_bronze_assets([contract]),
            *build_silver_assets([contract]),
        ]
    )


defs = build_defs()
