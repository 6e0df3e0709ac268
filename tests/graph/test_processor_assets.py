"""The processor as an asset: where it is in the graph, and what its check says."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from ml.assets.enriched import KEY as ENRICHED
from ml.assets.processors import AGREES, agreement_result
from platform_assets.definitions import build_defs
from platform_assets.graph.days import DAYS
from platform_assets.processors.agreement import Hour
from platform_assets.processors.model import FEEDBACK

KEY = dg.AssetKey(["processor", "feedback"])
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def hour(**counts: int) -> Hour:
    found = {"texts": 9, "missing": 0, "extra": 0, "compared": 9, "different": 0, "outdated": 0}
    return Hour("feedback.reviews", NOON, **{**found, **counts})


def test_it_stands_between_its_topics_and_runs_where_it_is_asked_for() -> None:
    definitions = build_defs()
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    above = {one.asset_key.to_user_string() for one in specs[KEY].deps}
    assert above == {"kafka/feedback/reviews", "kafka/feedback/support_tickets"}
    below = specs[dg.AssetKey(["kafka", "processed", "feedback"])]
    assert [one.asset_key for one in below.deps] == [KEY]
    assert dg.AssetKey(["silver", "processed", "feedback"]) in specs
    graph = definitions.resolve_asset_graph()
    assert dg.AssetCheckKey(KEY, AGREES) in graph.asset_check_keys
    sensor = definitions.resolve_sensor_def("keep_processor_feedback_running")
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED


def test_history_is_a_partition_a_day_behind_silver_and_before_gold() -> None:
    definitions = build_defs()
    (asset,) = [one for one in definitions.assets or () if isinstance(one, dg.AssetsDefinition)
                and ENRICHED in one.keys]  # fmt: skip
    spec = asset.specs_by_key[ENRICHED]
    assert {one.asset_key for one in spec.deps} == {
        dg.AssetKey(["silver", "feedback", "reviews"]),
        dg.AssetKey(["silver", "feedback", "support_tickets"]),
    }
    assert asset.partitions_def is DAYS
    assert spec.owners == ["feedback@weir.example"]
    graph = definitions.resolve_asset_graph()
    assert dg.AssetKey(["gold", "staging", "stg_enriched"]) in graph.get(ENRICHED).child_keys
    schedule = definitions.resolve_schedule_def("enriched_feedback_schedule")
    assert schedule.cron_schedule == "15 2 * * *"


def test_the_check_fails_for_what_only_one_layer_has() -> None:
    fine = agreement_result(FEEDBACK, [hour(), hour(outdated=4, compared=5)])
    assert fine.passed
    assert fine.description == "2 hours agree"
    assert fine.metadata["texts"].value == 18
    for wrong in ({"missing": 1}, {"extra": 2}, {"different": 3}):
        told = agreement_result(FEEDBACK, [hour(), hour(**wrong)])
        assert not told.passed
        ((name, count),) = wrong.items()
        assert f"feedback.reviews 2026-03-01 12:00: {count} {name}".split(": ")[0] in str(
            told.description
        )
        assert f"{count} {name}" in str(told.description)
    assert agreement_result(FEEDBACK, []).passed
