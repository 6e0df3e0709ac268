"""What gold generates from the contracts: access rules, sources, staging views, catalogs."""

from __future__ import annotations

import json
import re

import yaml

from platform_assets.contracts import load
from platform_assets.contracts.load import load_contracts
from platform_assets.core.settings import Settings
from platform_assets.gold import dbt_sources, trino_config
from platform_assets.gold.fresh import MAX_DATES
from platform_assets.gold.project import PROJECT


def _settings(tmp_path) -> Settings:
    return Settings(home=tmp_path)


def test_generated_staging_is_up_to_date() -> None:
    files = dbt_sources.render(dbt_sources.staged())
    for name, text in files.items():
        path = dbt_sources.STAGING / name
        assert path.exists(), f"{path} is missing: run python -m platform_assets.gold.dbt_sources"
        assert path.read_text() == text, f"{path}: run python -m platform_assets.gold.dbt_sources"
    assert {path.name for path in dbt_sources.STAGING.iterdir()} == set(files)


def test_write_removes_views_of_contracts_that_are_gone(tmp_path) -> None:
    contracts = list(load_contracts().values())
    dbt_sources.write(contracts, tmp_path)
    changed = dbt_sources.write(contracts[1:], tmp_path)
    assert tmp_path / f"stg_{contracts[0].topic.entity}.sql" in changed
    assert dbt_sources.write(contracts[1:], tmp_path) == []


def _first_table_rule(rules, user, catalog, schema, table):
    for rule in rules["tables"]:
        if all(
            re.fullmatch(rule.get(key, ".*"), value)
            for key, value in (
                ("user", user), ("catalog", catalog), ("schema", schema), ("table", table)
            )
        ):  # fmt: skip
            return rule
    return {"privileges": []}


def test_analyst_cannot_read_any_pii_column_or_its_bytes() -> None:
    contracts = load_contracts()
    rules = trino_config.access_rules(contracts.values())
    seen = 0
    for contract in contracts.values():
        named = {column.name for column in contract.columns if column.pii}
        for table in contract.tables:
            rule = _first_table_rule(rules, "analyst", table.layer, table.domain, table.entity)
            hidden = {column["name"] for column in rule.get("columns", ())}
            assert rule["privileges"] == ["SELECT"]
            if not named:
                assert not hidden
                continue
            seen += 1
            assert named <= hidden
            if table in (contract.topic.bronze, contract.topic.quarantine):
                assert {"kafka_key", "kafka_value", "kafka_headers"} <= hidden
            extra = _first_table_rule(
                rules, "analyst", table.layer, table.domain, f"{table.entity}$partitions"
            )
            assert extra == rule
    assert seen


def test_rules_for_the_admin_and_for_strangers() -> None:
    rules = trino_config.access_rules(load_contracts().values())
    admin = _first_table_rule(rules, "weir", "gold", "commerce", "sessions")
    assert "DELETE" in admin["privileges"]
    assert _first_table_rule(rules, "bob", "gold", "commerce", "sessions")["privileges"] == []
    assert _first_table_rule(rules, "analyst", "gold", "staging", "x")["privileges"] == []
    assert rules["catalogs"][-1] == {"allow": "none"}
    assert rules["queries"][-1] == {"allow": []}


def test_config_files_hold_no_password(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("WEIR_POSTGRES_PASSWORD", "very-secret")
    etc = tmp_path / "etc"
    trino_config.write(_settings(tmp_path), etc)
    written = {path.name: path.read_text() for path in etc.rglob("*") if path.is_file()}
    assert set(written) == {
        "bronze.properties", "silver.properties", "gold.properties",
        "access-control.properties", "access-rules.json",
    }  # fmt: skip
    assert "very-secret" not in "".join(written.values())
    assert "${ENV:WEIR_POSTGRES_PASSWORD}" in written["gold.properties"]
    json.loads(written["access-rules.json"])


def test_marts_carry_no_pii_and_document_every_column() -> None:
    personal = {
        column.name for contract in load_contracts().values()
        for column in contract.columns if column.pii
    }  # fmt: skip
    models = 0
    for path in (PROJECT / "models" / "marts").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text())["models"]:
            models += 1
            assert (path.parent / f"{model['name']}.sql").exists()
            assert model["description"]
            for column in model["columns"]:
                assert column["name"] not in personal
                assert column["description"]
                assert column["data_type"]
            tests = {name for test in model["data_tests"] for name in test}
            assert {"unique_grain", "complete"} <= tests
    assert models == len(list((PROJECT / "models" / "marts").rglob("*.sql")))


def test_step_limit_is_a_bound() -> None:
    assert 1 < MAX_DATES < 366


def test_analysts_cannot_read_a_broken_topic(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "contracts"
    folder.mkdir()
    (folder / "shop.orders.yaml").write_text("schema: [")
    (folder / "retail.invoice_lines.yaml").write_text(
        (load.CONTRACTS / "retail.invoice_lines.yaml").read_text()
    )
    monkeypatch.setattr(load, "CONTRACTS", folder)
    load_contracts.cache_clear()
    try:
        trino_config.write(_settings(tmp_path), tmp_path / "etc")
    finally:
        load_contracts.cache_clear()
    rules = json.loads((tmp_path / "etc" / "access-rules.json").read_text())
    for layer in ("bronze", "silver"):
        for suffix in ("", "_history", "_quarantine", "$partitions", "$history"):
            rule = _first_table_rule(rules, "analyst", layer, "shop", f"orders{suffix}")
            assert rule["privileges"] == [], (layer, suffix)
            own = _first_table_rule(rules, "weir", layer, "shop", f"orders{suffix}")
            assert "SELECT" in own["privileges"]
        beside = _first_table_rule(rules, "analyst", layer, "retail", "invoice_lines")
        assert beside["privileges"] == ["SELECT"]
