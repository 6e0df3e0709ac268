"""Checks of silver inside a graph: a broken contract stops what is downstream."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    DagsterInstance,
    Definitions,
    MaterializeResult,
    asset,
    materialize,
)
from deltalake import write_deltalake

from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract, TopicKind
from platform_assets.core.naming import TopicName
from platform_assets.engines.base import BatchCounts
from platform_assets.graph.checks.silver import (
    BALANCE_CHECK,
    CONTRACT_CHECK,
    balance_result,
    frame_suite_result,
    silver_check_specs,
    window_suite_result,
)
from platform_assets.graph.upkeep.assets import maintenance_definitions

ARRIVED = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def contract() -> Contract:
    return load_contracts()[TopicName.parse("commerce.clickstream")]


def clicks(batch: int, rows: int = 3, price: float = 2.5) -> pl.DataFrame:
    at = ARRIVED - timedelta(minutes=batch)
    return pl.DataFrame(
        {
            "event_id": [f"{batch}-{number}" for number in range(rows)],
            "user_id": [1] * rows,
            "product_id": [1] * rows,
            "event_type": ["purchase"] * rows,
            "price": [price] * rows,
            "timestamp": [at] * rows,
            "event_date": [at.date()] * rows,
            "_micro_batch": [batch] * rows,
            "_kafka_timestamp": [ARRIVED] * rows,
        },
        schema_overrides={
            "timestamp": pl.Datetime("us", "UTC"),
            "_kafka_timestamp": pl.Datetime("us", "UTC"),
        },
    )


def write(contract: Contract, root: Path, *batches: pl.DataFrame) -> None:
    for batch in batches:
        write_deltalake(
            str(root / contract.published_table.path),
            batch.to_arrow(),
            mode="append",
            partition_by=["event_date"],
        )


def test_a_window_is_checked_as_it_lies_in_delta(contract: Contract, tmp_path: Path) -> None:
    write(contract, tmp_path, clicks(1), clicks(2), clicks(3, price=-1.0))
    good = window_suite_result(contract, str(tmp_path), 1, 2, tmp_path)
    assert good.passed
    assert good.metadata["rows"].value == 6
    assert Path(str(good.metadata["data_docs"].value)).exists()

    bad = window_suite_result(contract, str(tmp_path), 2, 3, tmp_path)
    assert not bad.passed
    assert bad.severity is AssetCheckSeverity.ERROR
    assert "price_not_negative (3 rows, column price)" in str(bad.description)
    failed = bad.metadata["failed_rules"].records
    assert {record.data["rule"] for record in failed} >= {"price_not_negative"}


def test_a_table_that_is_not_there_yet_has_nothing_to_check(
    contract: Contract, tmp_path: Path
) -> None:
    result = window_suite_result(contract, str(tmp_path), 1, 9, tmp_path)
    assert result.passed
    assert "does not exist yet" in str(result.description)


def test_a_change_topic_is_checked_on_its_history() -> None:
    customers = load_contracts()[TopicName.parse("commerce.customers")]
    assert customers.kind is TopicKind.CHANGE
    assert customers.published_table.sql == "silver.commerce.customers_history"
    assert {spec.asset_key.path[-1] for spec in silver_check_specs(customers)} == {"customers"}


def test_balance_shows_the_sum_and_each_batch_out_of_balance(contract: Contract) -> None:
    right = BatchCounts(records=10, published=6, quarantined=2, duplicates=1, dead_letters=1)
    lost, doubled = replace(right, published=5), replace(right, published=7)
    assert balance_result(contract, [right, right], 20).passed
    assert balance_result(contract, [], 0).passed
    # The sums agree, the batches do not.
    result = balance_result(contract, [lost, doubled], 20)
    assert not result.passed
    assert result.metadata["batches_out_of_balance"].value == 2
    assert result.check_name == BALANCE_CHECK


def test_balance_is_against_the_ledger_and_not_only_against_what_is_left(
    contract: Contract,
) -> None:
    empty = balance_result(contract, [BatchCounts()], 300)
    assert not empty.passed
    assert "the ledger recorded 300 records and 0 are accounted for" in str(empty.description)


@pytest.mark.parametrize(("price", "success"), [(2.5, True), (-1.0, False)])
def test_a_failed_check_blocks_what_is_downstream(
    contract: Contract, tmp_path: Path, price: float, success: bool
) -> None:
    made = []

    @asset(key=contract.topic.silver.asset_key, check_specs=silver_check_specs(contract))
    def silver() -> MaterializeResult:
        suite, found = frame_suite_result(contract, clicks(1, price=price), tmp_path, "batch-1")
        assert found.seconds > 0
        counts = [BatchCounts(records=3, published=3)]
        return MaterializeResult(check_results=[suite, balance_result(contract, counts, 3)])

    @asset(deps=[silver])
    def downstream() -> None:
        made.append(True)

    with DagsterInstance.ephemeral() as instance:
        result = materialize([silver, downstream], instance=instance, raise_on_error=False)
    assert result.success == success
    assert bool(made) == success
    checks = {found.check_name: found.passed for found in result.get_asset_check_evaluations()}
    assert checks == {CONTRACT_CHECK: success, BALANCE_CHECK: True}
    # A page is written for a failure, and not for each batch that passed.
    assert (tmp_path / "data_docs").exists() != success


def test_results_name_their_asset_so_that_a_stream_run_can_report_them(contract: Contract) -> None:
    result = balance_result(contract, [BatchCounts()], 0)
    assert isinstance(result, AssetCheckResult)
    assert result.asset_key is not None
    assert result.asset_key.path == contract.topic.silver.asset_key


def test_maintenance_has_an_asset_for_each_topic_and_two_nightly_schedules() -> None:
    contracts = load_contracts().values()
    definitions = maintenance_definitions(contracts)
    Definitions.validate_loadable(definitions)
    keys = {key.to_user_string() for key in definitions.resolve_all_asset_keys()}
    assert keys == {
        "maintenance/gold",
        "maintenance/dagster_runs",
        *(f"maintenance/{c.topic.domain}/{c.topic.entity}" for c in contracts),
    }
    assert definitions.resolve_job_def("maintain_tables") is not None
    assert definitions.resolve_job_def("retain_runs") is not None
    assert len(list(definitions.schedules or [])) == 2
