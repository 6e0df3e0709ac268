"""The semantic layer: one definition with the reports, dbt's own shape, errors with their line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from metricflow_semantic_interfaces.parsing import schemas

from platform_assets.core.yaml_lines import read
from reports.definition import load_definitions
from reports.semantics.load import DEFINITIONS, ROWS, SemanticError, load_layer


def test_a_kpi_and_a_metric_of_one_name_are_one() -> None:
    layer, alike = load_layer(), 0
    for definition in load_definitions().values():
        for kpi in definition.kpis:
            metric = layer.metrics.get(kpi.id)
            if metric is None:
                continue
            assert kpi.sql == metric.model.rows
            assert definition.statements[kpi.id] == metric.model.statement
            assert (kpi.value, kpi.unit, kpi.decimals, kpi.good) == (
                metric.value, metric.unit, metric.decimals, metric.good,
            )  # fmt: skip
            assert kpi.label == metric.label
            assert kpi.by is None or kpi.by.column in metric.model.dimensions
            alike += 1
    assert alike >= 15


def test_definitions_are_of_dbts_schema() -> None:
    validators = {
        "semantic_models": schemas.semantic_model_validator,
        "metrics": schemas.metric_validator,
    }
    seen = 0
    for path in DEFINITIONS.glob("*.yaml"):
        for key, values in read(path).data.items():
            for value in values:
                validators[key].validate(value)
                seen += 1
    assert seen > 50


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (
            "retail",
            "measures:\n  - {name: net_sales",
            "measures:\n  - {name: net_profit",
            "net_prof",
        ),
        ("retail", "rows: wholesale.sql", "rows: absent_rows.sql", "absent_rows.sql"),
        (
            "retail",
            "alias: sales_per_hour",
            "alias: sales_per_day",
            "not gold.retail.sales_per_day",
        ),
        ("retail", "      unit: orders", "      unit: EUR", "EUR"),
        (
            "energy",
            "      decimals: 1\n      good: down",
            "      unit: kWh\n      good: down",
            "kWh",
        ),
        ("retail", "measure: returns", "measure: refunds", "no measure 'refunds'"),
        ("retail", "type: simple", "type: simpel", "type"),
        ("retail", "good: up", "goood: up", "goood"),
        ("commerce", "explained_by: product_revenue", "explained_by: nobody", "nobody"),
        ("retail", "owner: retail@weir.example", "owner: me and you", "owner"),
    ],
)
def test_a_wrong_definition_is_refused_with_file_and_line(
    tmp_path: Path, file: str, old: str, new: str, says: str
) -> None:
    folder = tmp_path / "definitions"
    shutil.copytree(DEFINITIONS, folder)
    path = folder / f"{file}.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    wanted = text[: text.index(old)].count("\n") + 1 + old.count("\n")
    with pytest.raises(SemanticError) as refused:
        load_layer(folder, ROWS)
    [first, *_] = [line for line in str(refused.value).splitlines() if says in line]
    named, line, _ = first.split(":", 2)
    assert named == str(path)
    assert abs(int(line) - wanted) <= 1


def test_what_belongs_to_no_table_is_refused(tmp_path: Path) -> None:
    rows = tmp_path / "kpis"
    shutil.copytree(ROWS, rows)
    file = rows / "machines.sql"
    file.write_text(file.read_text().replace("    leaks\n", "    leakage as leaks\n"))
    with pytest.raises(SemanticError, match=r"industry\.yaml:\d+: rows: machines\.sql: .*leakage"):
        load_layer(DEFINITIONS, rows)


def test_yaml_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("metrics: [\n")
    with pytest.raises(SemanticError, match=r"broken\.yaml:\d+"):
        load_layer(tmp_path, ROWS)
