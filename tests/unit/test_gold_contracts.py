"""What gold generates from the contracts: access rules, sources, staging views, catalogs."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
import yaml

from platform_assets.contracts import load
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TableName, TopicName
from platform_assets.core.settings import Settings
from platform_assets.gold import access, dbt_sources, trino_config
from platform_assets.gold.columns import read_models
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
    rules = access.access_rules(contracts.values())
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
            public = _first_table_rule(
                rules, "analyst", table.layer, table.domain, f"{table.entity}_public"
            )
            assert public == rule
            for suffix in ("$partitions", "$history", "$properties"):
                extra = _first_table_rule(
                    rules, "analyst", table.layer, table.domain, f"{table.entity}{suffix}"
                )
                assert extra["privileges"] == []
    assert seen


def test_analyst_reads_no_table_that_nothing_names() -> None:
    rules = access.access_rules(load_contracts().values())
    for layer, domain, entity in (
        ("bronze", "shop", "orders"), ("silver", "commerce", "clickstream_backup"),
        ("silver", "commerce", "clickstream_public"), ("gold", "commerce", "mine"),
        ("gold", "staging", "stg_customers"), ("gold", "staging", "stg_clickstream"),
    ):  # fmt: skip
        rule = _first_table_rule(rules, "analyst", layer, domain, entity)
        assert rule["privileges"] == [], (layer, domain, entity)
    readable = _first_table_rule(rules, "analyst", "gold", "commerce", "sessions$snapshots")
    assert readable["privileges"] == ["SELECT"]


def _personal(topic: str, *names: str) -> list[Contract]:
    """The lake's contracts, with these columns of one topic personal."""
    return [
        replace(
            contract,
            columns=tuple(
                replace(column, pii=column.pii or column.name in names)
                for column in contract.columns
            ),
        )
        if str(contract.topic) == topic
        else contract
        for contract in load_contracts().values()
    ]


def test_gold_hides_what_is_computed_from_a_personal_column() -> None:
    rules = access.access_rules(_personal("commerce.clickstream", "user_id", "price"))

    def hidden(table: str) -> set[str]:
        rule = _first_table_rule(rules, "analyst", "gold", "commerce", table)
        assert rule["privileges"] == ["SELECT"]
        return {column["name"] for column in rule.get("columns", ())}

    assert hidden("sessions") == {"user_id", "revenue"}
    assert hidden("revenue_per_hour") == {"total_revenue", "average_order_value"}
    # A count of visitors names none.
    assert hidden("active_users_per_hour") == set()
    assert "customer_id" in hidden("customer_rfm")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select email from {t}", {"email"}),
        ("select * from {t}", {"name", "email"}),
        ("select upper(email) as shown from {t}", {"shown"}),
        ("select max(email) as one, count(email) as many from {t}", {"one"}),
        ("select array_agg(email) as many from {t}", {"many"}),
        ("select case when email like '%x' then 1 end as x_mail from {t}", {"x_mail"}),
        ("with a as (select email e from {t}), b as (select e f from a) select f from b", {"f"}),
        ("select country as shown from {t} union all select email from {t}", {"shown"}),
        ("select (select max(email) from {t}) as shown, country from {t}", {"shown"}),
        ("select row_number() over (order by email) as place, country from {t}", set()),
        ("select first_value(email) over (order by country) as shown from {t}", {"shown"}),
        ("select map(array[country], array[email]) as shown from {t}", {"shown"}),
    ],
)  # fmt: skip
def test_a_model_hides_what_it_derives(tmp_path, sql, expected) -> None:
    (tmp_path / "marts" / "shop").mkdir(parents=True)
    text = sql.replace("{t}", "{{ source('silver_commerce', 'customers') }}")
    (tmp_path / "marts" / "shop" / "mine.sql").write_text(text)
    contracts = list(load_contracts().values())
    models = read_models(contracts, tmp_path)
    table = TableName("gold", "shop", "mine")
    hidden = access.hidden_columns(contracts, models.values())
    assert not models[table].problem
    assert set(hidden[table] or ()) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "select x from {{ source('silver_shop', 'unknown') }}",
        "select {{ some_macro() }} as x from {{ source('silver_commerce', 'customers') }}",
        "select from where",
        "select x.y from unnest(array[1]) as z (w)",
    ],
)
def test_a_model_that_cannot_be_followed_is_closed(tmp_path, sql) -> None:
    (tmp_path / "marts" / "shop").mkdir(parents=True)
    (tmp_path / "marts" / "shop" / "mine.sql").write_text(sql)
    contracts = list(load_contracts().values())
    models = read_models(contracts, tmp_path)
    hidden = access.hidden_columns(contracts, models.values())
    assert hidden[TableName("gold", "shop", "mine")] is None


def test_columns_that_left_their_contract_or_model_stay_hidden(tmp_path) -> None:
    contract = load_contracts()[TopicName("commerce", "clickstream")]
    assert access.pii_columns(contract) == {}
    hidden = access.pii_columns(contract, {contract.topic.silver: ("phone",)})
    assert hidden[contract.topic.silver] == ("phone",)
    twice = {**hidden, contract.topic.silver: ("phone", "reason", "phone")}
    rule = _first_table_rule(
        access.access_rules([], twice), "analyst", "silver", "commerce", "clickstream"
    )
    assert [column["name"] for column in rule["columns"]] == ["phone", "reason"]
    assert "kafka_value" in hidden[contract.topic.bronze]
    settings = _settings(tmp_path)
    contracts = load_contracts()
    access.write_rules(settings, tmp_path, contracts)
    rules = json.loads((tmp_path / access.RULES_FILE).read_text())
    rules["tables"].insert(
        1,
        {
            "user": "analyst", "catalog": "gold", "schema": "commerce", "privileges": ["SELECT"],
            "table": "sessions(_public)?", "columns": [{"name": "phone", "allow": False}],
        },
    )  # fmt: skip
    (tmp_path / access.RULES_FILE).write_text(json.dumps(rules))
    access.write_rules(settings, tmp_path, contracts)
    rules = json.loads((tmp_path / access.RULES_FILE).read_text())
    rule = _first_table_rule(rules, "analyst", "gold", "commerce", "sessions")
    assert rule["columns"] == [{"name": "phone", "allow": False}]


def test_rules_for_the_admin_and_for_strangers() -> None:
    rules = access.access_rules(load_contracts().values())
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
        "bronze.properties", "silver.properties", "gold.properties", "hot.properties",
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
