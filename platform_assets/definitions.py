"""Assembles the asset graph; nothing else.

Belongs here: one call a room. Does not belong here: any asset, sensor or setting itself.
"""

from __future__ import annotations

from dagster import Definitions, in_process_executor

from platform_assets.bronze.assets import build_bronze_assets
from platform_assets.contracts.load import load_contracts
from platform_assets.quality.windows import window_checks_job
from platform_assets.silver.assets import build_silver_assets
from platform_assets.specs import topic_spec
from platform_assets.stream_run import stream_job
from sensors.micro_batches import check_closed_windows, keep_alive


def build_defs() -> Definitions:
    """The lake's definitions: opens no socket, reads no secret."""
    contracts = list(load_contracts().values())
    return Definitions(
        assets=[
            *(topic_spec(contract) for contract in contracts),
            *build_bronze_assets(contracts),
            *build_silver_assets(contracts),
        ],
        jobs=[stream_job, window_checks_job],
        sensors=[keep_alive("stream", "stream"), check_closed_windows],
        executor=in_process_executor,
    )


defs = build_defs()
