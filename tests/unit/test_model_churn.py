"""The churn model: its label by hand and by law, and all that its folder gives it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.assets import build_model_definitions
from ml.discovery import models
from ml.models.churn.label import LABEL, absent_within
from ml.models.churn.spec import SPEC
from sensors.graph import build_sensors

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENTS = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 60)), max_size=40)


def frame(pairs: list[tuple[int, int]], column: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": pl.Series([user for user, _ in pairs], dtype=pl.Int64),
            column: pl.Series(
                [START + hour * HOUR for _, hour in pairs], dtype=pl.Datetime("us", "UTC")
            ),
        }
    )


@settings(max_examples=60)
@given(MOMENTS, MOMENTS, st.integers(1, 30), st.integers(0, 60))
def test_a_user_has_churned_who_has_no_event_within_the_horizon(
    events: list[tuple[int, int]], rows: list[tuple[int, int]], hours: int, until: int
) -> None:
    found = absent_within(
        frame(events, "timestamp"), frame(rows, "at"), hours * HOUR, START + until * HOUR
    )
    wanted = [
        None
        if at + hours > until
        else int(not any(who == user and at <= hour < at + hours for who, hour in events))
        for user, at in rows
    ]
    assert found[LABEL].to_list() == wanted
    assert found.select("user_id", "at").equals(frame(rows, "at"))
    assert found.schema[LABEL] == pl.Int8


def test_an_event_at_the_moment_counts_and_one_at_the_end_of_the_horizon_does_not() -> None:
    rows = frame([(1, 0), (2, 0), (3, 0)], "at")
    horizon = SPEC.label.horizon
    days = 24 * horizon.days
    events = frame([(1, 0), (2, days), (3, days - 1)], "timestamp")
    found = SPEC.label.of(events, rows, horizon, START + horizon)
    assert found[LABEL].to_list() == [0, 1, 0]


def test_the_folder_alone_gives_its_assets_jobs_checks_and_sensors() -> None:
    assert models().find("churn") is SPEC
    definitions = build_model_definitions()
    graph = definitions.resolve_asset_graph()
    parts = {
        key.path[2] for key in graph.get_all_asset_keys() if key.path[:2] == ["models", "churn"]
    }
    assert parts == {
        "dataset", "version", "evaluation", "deployment", "drift", "trial", "served",
    }  # fmt: skip
    drift = dg.AssetKey(["models", "churn", "drift"])
    assert len(graph.get_check_keys_for_assets({drift})) == 4
    for job in ("train_churn", "watch_churn", "judge_churn"):
        assert definitions.resolve_job_def(job)
    names = {sensor.name for sensor in build_sensors()}
    assert {"retrain_on_drift_churn", "judge_trials_churn", "guard_serving_churn"} <= names
