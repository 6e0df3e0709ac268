"""The statements that keep gold small, and what the gold suites ask of Trino."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from platform_assets.core.naming import TableName
from platform_assets.graph.checks.gold import (
    BOUNDS,
    GoldModel,
    aggregate_sql,
    expectations,
    gold_check_specs,
    gold_models,
)
from platform_assets.graph.upkeep.iceberg import session_properties, statements
from platform_assets.quality.gx import validate_table

TABLE = TableName("gold", "shop", "hours")
MODEL = GoldModel(
    TABLE,
    ("hour", "event_date", "revenue", "rate"),
    ("hour",),
    ("revenue",),
    (("revenue", 0, None), ("rate", 0, 1)),
)


def test_upkeep_compacts_then_expires_then_removes_orphans() -> None:
    made = statements(TABLE, 3)
    assert all(text.startswith('ALTER TABLE "gold"."shop"."hours" EXECUTE ') for text in made)
    assert [text.split("EXECUTE ")[1] for text in made] == [
        "optimize(file_size_threshold => '64MB')",
        "expire_snapshots(retention_threshold => '3d')",
        "remove_orphan_files(retention_threshold => '3d')",
    ]


def test_a_short_retention_lowers_the_sessions_minimum() -> None:
    assert session_properties(7) == {}
    assert session_properties(2) == {
        "gold.expire_snapshots_min_retention": "2d",
        "gold.remove_orphan_files_min_retention": "2d",
    }
    with pytest.raises(ValueError, match=r"gold\.shop\.hours.*a day at least"):
        statements(TABLE, 0)


def test_each_model_of_the_dbt_project_has_a_suite_from_its_own_file() -> None:
    models = {f"{model.table.domain}.{model.table.entity}": model for model in gold_models()}
    hours = models["commerce.revenue_per_hour"]
    assert hours.grain == ("hour",)
    assert "total_revenue" in hours.required
    assert all(model.grain for model in models.values())
    assert len(gold_check_specs(models.values())) == len(models)


def test_a_bound_on_a_column_or_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "shop.yml").write_text(
        "models:\n- name: hours\n  columns:\n  - name: hour\n    data_type: date\n"
    )
    bounds = tmp_path / "gold.yaml"
    bounds.write_text("shop.hours:\n  revenu: [0, null]\n")
    with pytest.raises(ValueError, match="no column revenu"):
        gold_models(tmp_path, bounds)
    bounds.write_text("shop.days:\n  revenue: [0, null]\n")
    with pytest.raises(ValueError, match=r"no model for shop\.days"):
        gold_models(tmp_path, bounds)
    assert BOUNDS.exists()


def test_the_query_is_scoped_to_the_dates_of_a_run() -> None:
    sql = aggregate_sql(MODEL, [date(2026, 1, 2), date(2026, 1, 1)])
    assert sql.count("WHERE event_date IN (DATE '2026-01-01', DATE '2026-01-02')") == 2
    assert "WHERE" not in aggregate_sql(MODEL)


def row(**changes: float | None) -> pl.DataFrame:
    values: dict[str, float | None] = {
        "rows": 3,
        "grain_repeated": 0,
        "nulls__hour": 0,
        "nulls__revenue": 0,
        "min__revenue": 0.0,
        "min__rate": 0.1,
        "max__rate": 0.9,
    }
    return pl.DataFrame({name: [value] for name, value in {**values, **changes}.items()})


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, set()),
        ({"rows": 0, "min__revenue": None, "min__rate": None, "max__rate": None}, {"rows_present"}),
        ({"grain_repeated": 1}, {"unique:hour"}),
        ({"nulls__revenue": 2}, {"complete:revenue"}),
        ({"min__revenue": -0.5}, {"least:revenue"}),
        ({"max__rate": 1.5}, {"greatest:rate"}),
    ],
)
def test_the_row_of_aggregates_is_judged(
    changes: dict[str, float | None], broken: set[str]
) -> None:
    frame = row(**changes).with_columns(pl.col("^m(in|ax)__.*$").cast(pl.Float64))
    result = validate_table("gold.shop.hours", frame, expectations(MODEL))
    assert {outcome.rule for outcome in result.failures} == broken
