"""Column lineage from a KPI to gold."""

from __future__ import annotations

from pathlib import Path

from platform_assets.gold.project import PROJECT
from reports.definition import load_definition, load_definitions
from reports.lineage import column_lineage


def test_a_kpi_names_the_gold_columns_behind_value_day_and_breakdown() -> None:
    found = column_lineage(load_definitions()["weekly-commerce"])
    table = "gold.retail.sales_per_hour"
    assert found["return_rate"] == (
        (table, "gross_sales"), (table, "hour"), (table, "returns"),
    )  # fmt: skip
    assert (table, "country") in found["net_sales"]
    assert (table, "country") not in found["wholesale_orders"]


def test_every_kpi_that_ships_has_lineage_to_columns_that_gold_describes() -> None:
    described = "".join(path.read_text() for path in Path(PROJECT).rglob("models/**/*.yml"))
    for definition in load_definitions().values():
        for kpi, columns in column_lineage(definition).items():
            assert columns, kpi
            for _, column in columns:
                assert f"name: {column}" in described, (kpi, column)


def test_columns_that_may_be_of_either_table_have_no_lineage(tmp_path: Path) -> None:
    (tmp_path / "x.sql").write_text(
        "select day, amount from {{ table('gold.a.one') }} "
        "join {{ table('gold.a.two') }} using (id)"
    )
    (tmp_path / "x.yaml").write_text(
        """
title: X
audience: all
owner: a@b.example
schedule: {cron: "0 6 * * 1"}
period: week
kpis: [{id: amount, label: Amount, sql: x.sql, value: sum(amount)}]
headline: [amount]
sections: [{id: one, heading: One, kpis: [amount]}]
"""
    )
    folder = tmp_path / "x"
    folder.mkdir()
    (tmp_path / "x.sql").rename(folder / "x.sql")
    assert column_lineage(load_definition(tmp_path / "x.yaml")) == {"amount": ()}
