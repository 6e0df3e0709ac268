"""The gold assets as Dagster sees them, and which models follow which topic."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg
import pytest

from platform_assets.core.settings import Settings
from platform_assets.gold.failures import FreshGoldError
from platform_assets.gold.fresh import FreshGold
from platform_assets.graph.gold import POOL, build_arguments, build_dbt_resource, build_gold_assets

MARTS = {
    "gold/commerce/active_users_per_hour",
    "gold/commerce/conversion_rate",
    "gold/commerce/customer_rfm",
    "gold/commerce/products_per_hour",
    "gold/commerce/revenue_per_hour",
    "gold/commerce/sessions",
    "gold/energy/meter_rollup",
    "gold/feedback/feedback_daily",
    "gold/feedback/sentiment_per_hour",
    "gold/industry/machine_rollup",
    "gold/retail/sales_per_hour",
    "gold/retail/wholesale_rfm",
}


@pytest.fixture(scope="module")
def gold() -> dg.AssetsDefinition:
    return build_gold_assets(dg.AutomationCondition.eager())


def test_keys_groups_owners_and_kinds(gold) -> None:
    specs = {spec.key.to_user_string(): spec for spec in gold.specs}
    assert {key for key in specs if not key.startswith("gold/staging/")} == MARTS
    for key in MARTS:
        spec = specs[key]
        domain = key.split("/")[1]
        assert spec.group_name == domain
        assert spec.owners == [f"{domain}@weir.example"]
        assert {"dbt", "trino", "iceberg"} <= spec.kinds
        assert spec.code_version
        assert spec.automation_condition is not None
        assert spec.metadata["dagster/column_schema"].columns
        assert spec.metadata["grain"]
    assert specs["gold/staging/stg_clickstream"].automation_condition is None


def test_lineage_reaches_silver(gold) -> None:
    specs = {spec.key.to_user_string(): spec for spec in gold.specs}
    assert [
        dep.asset_key.to_user_string() for dep in specs["gold/staging/stg_clickstream"].deps
    ] == ["silver/commerce/clickstream"]
    sessions = {dep.asset_key.to_user_string() for dep in specs["gold/commerce/sessions"].deps}
    assert sessions == {"gold/staging/stg_clickstream"}


def test_every_mart_has_checks(gold) -> None:
    checked = {spec.asset_key.to_user_string() for spec in gold.check_specs}
    assert checked >= MARTS
    names = {spec.name for spec in gold.check_specs}
    assert {"revenue_equals_silver_purchases", "sessions_hold_every_event"} <= names


def test_one_build_at_a_time_with_retries(gold) -> None:
    assert gold.op.pool == POOL
    assert gold.op.retry_policy.max_retries == 2


def test_definitions_load() -> None:
    definitions = dg.Definitions(
        assets=[build_gold_assets()], resources={"dbt": build_dbt_resource()}
    )
    dg.Definitions.validate_loadable(definitions)


def test_build_arguments() -> None:
    assert build_arguments({}, full_refresh=False) == ["build"]
    assert build_arguments({"a_b": ["2026-11-02", "2026-11-01"]}, full_refresh=True) == [
        "build", "--full-refresh", "--vars",
        '{"changed_dates": {"a_b": ["2026-11-01", "2026-11-02"]}}',
    ]  # fmt: skip


def test_fresh_models_follow_their_topics(tmp_path) -> None:
    fresh = FreshGold(Settings(home=tmp_path))
    assert fresh.models(["commerce_clickstream"]) == (
        "active_users_per_hour", "conversion_rate", "revenue_per_hour",
    )  # fmt: skip
    assert fresh.models(["energy_meter_readings", "retail_invoice_lines"]) == ("meter_rollup",)
    assert fresh.step({"feedback_reviews": [], "commerce_customers": []}).models == ()


def test_fresh_step_says_what_to_do_when_trino_is_away(tmp_path) -> None:
    import datetime

    fresh = FreshGold(Settings(home=tmp_path, trino_port=1))
    with pytest.raises(FreshGoldError, match="fix the model"):
        fresh.step({"commerce_clickstream": [datetime.date(2026, 11, 1)]})


def test_import_brings_no_dagster_into_the_other_modules() -> None:
    code = (
        "import sys, platform_assets.gold.fresh, platform_assets.gold.bootstrap, "
        "platform_assets.gold.results, platform_assets.cli.sql;"
        "heavy = {'dagster', 'dbt', 'trino', 'pyiceberg', 'polars', 'deltalake'};"
        "heavy &= set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
