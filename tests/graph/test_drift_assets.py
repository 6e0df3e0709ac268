"""Drift in the asset graph: when a day is judged, and in which order a backfill goes."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from ml.assets.drift import CHECKS, build_drift_definitions
from ml.assets.features import USER_FEATURES_KEY, build_features_definitions
from ml.assets.keys import part_key
from ml.models.purchase.spec import SPEC

DRIFT = part_key(SPEC.name, "drift")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def definitions() -> dg.Definitions:
    return dg.Definitions.merge(build_features_definitions(), build_drift_definitions(SPEC))


def requested(
    definitions: dg.Definitions, instance: dg.DagsterInstance, cursor: object = None
) -> tuple[set[str], object]:
    result = dg.evaluate_automation_conditions(
        defs=definitions,
        instance=instance,
        asset_selection=dg.AssetSelection.assets(DRIFT),
        evaluation_time=NOON,
        cursor=cursor,  # type: ignore[arg-type]
    )
    return set(result.get_requested_partitions(DRIFT)), result.cursor


def test_a_day_is_judged_when_its_features_are_there_also_without_the_day_before(
    definitions: dg.Definitions,
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        nothing, cursor = requested(definitions, instance)
        assert nothing == set()
        for day in ("2026-03-08", "2026-03-09"):
            instance.report_runless_asset_event(
                dg.AssetMaterialization(USER_FEATURES_KEY, partition=day)
            )
        found, cursor = requested(definitions, instance, cursor)
        assert found == {"2026-03-09"}, "only the newest day; others are backfilled"
        instance.report_runless_asset_event(dg.AssetMaterialization(DRIFT, partition="2026-03-09"))
        again, _ = requested(definitions, instance, cursor)
        assert again == set()


def test_the_day_before_is_upstream_and_the_checks_are_warnings_of_the_asset(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    node = graph.get(DRIFT)
    assert node.parent_keys == {DRIFT, USER_FEATURES_KEY}
    assert {key.name for key in graph.get_check_keys_for_assets({DRIFT})} == set(CHECKS)
    job = definitions.resolve_job_def("watch_purchase")
    assert job.partitions_def == node.partitions_def
    first = job.partitions_def.get_first_partition_key()
    assert first == "2026-01-01"
