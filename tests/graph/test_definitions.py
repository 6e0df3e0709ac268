"""The asset graph as it is assembled: keys, specs, checks, and what loading it must not do."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from functools import cache

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import deserialize_value, serialize_value

from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract, TopicKind
from platform_assets.definitions import build_defs

CONTRACTS = list(load_contracts().values())
HEAVY = ("polars", "great_expectations", "pyspark", "pandas", "deltalake", "confluent_kafka",
         "psycopg", "trino", "pyiceberg", "pyarrow", "duckdb")  # fmt: skip
"""Libraries that only a run needs; each would be paid at every load of the definitions."""


@cache
def definitions() -> dg.Definitions:
    return build_defs()


@cache
def specs() -> dict[dg.AssetKey, dg.AssetSpec]:
    return {spec.key: spec for spec in definitions().resolve_all_asset_specs()}


def keys(contract: Contract) -> dict[str, dg.AssetKey]:
    return {table.sql: dg.AssetKey(table.asset_key) for table in contract.tables}


def test_definitions_load() -> None:
    dg.Definitions.validate_loadable(definitions())


def test_the_graph_reaches_the_daemon_and_the_web_server() -> None:
    # The code server hands them the repository as text; what cannot be written stops every run.
    snapshot = RepositorySnap.from_def(definitions().get_repository_def(), defer_snapshots=True)
    arrived = deserialize_value(serialize_value(snapshot), RepositorySnap)
    assert {one.asset_key for one in arrived.asset_nodes} >= set(specs())


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: str(contract.topic))
def test_a_contract_gives_its_tables(contract: Contract) -> None:
    domain, entity = contract.topic.domain, contract.topic.entity
    wanted = {
        f"bronze.{domain}.{entity}",
        f"silver.{domain}.{entity}",
        f"silver.{domain}.{entity}_quarantine",
    }
    if contract.kind is TopicKind.CHANGE:
        wanted.add(f"silver.{domain}.{entity}_history")
    assert set(keys(contract)) == wanted
    for name, key in keys(contract).items():
        spec = specs()[key]
        layer = name.split(".")[0]
        assert key.path == name.split(".")
        assert spec.group_name == domain
        assert spec.owners == [contract.owner]
        assert spec.kinds == {"delta", layer}
        assert spec.tags["topic"] == str(contract.topic)
        assert spec.code_version == contract.fingerprint
        assert spec.partitions_def == dg.DynamicPartitionsDefinition(
            name=contract.topic.partitions_name
        )
        schema = spec.metadata["dagster/column_schema"]
        names = [column.name for column in schema.columns]
        assert len(names) == len(set(names))
        assert all(column.description for column in schema.columns), name
        assert spec.description
        assert spec.metadata["contract_version"] == contract.version


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: str(contract.topic))
def test_silver_has_a_freshness_policy_columns_and_blocking_checks(contract: Contract) -> None:
    silver = dg.AssetKey(contract.topic.silver.asset_key)
    spec = specs()[silver]
    assert spec.freshness_policy == dg.FreshnessPolicy.time_window(
        fail_window=timedelta(minutes=2 * contract.fresh_within_minutes),
        warn_window=timedelta(minutes=contract.fresh_within_minutes),
    )
    schema = {column.name: column for column in spec.metadata["dagster/column_schema"].columns}
    for column in contract.columns:
        assert ("pii" in schema[column.name].tags) == column.pii
    assert "_micro_batch" in schema
    checks = {
        check.name: check
        for check in definitions().resolve_asset_graph().asset_check_keys
        if check.asset_key == silver
    }
    assert set(checks) == {"contract", "balance"}
    graph = definitions().resolve_asset_graph()
    assert all(graph.get_check_spec(check).blocking for check in checks.values())


def test_the_graph_leads_from_topics_to_gold() -> None:
    graph = definitions().resolve_asset_graph()
    for contract in CONTRACTS:
        topic = dg.AssetKey(["kafka", contract.topic.domain, contract.topic.entity])
        bronze = dg.AssetKey(contract.topic.bronze.asset_key)
        assert graph.get(bronze).parent_keys == {topic}
        for table in contract.tables[1:]:
            assert graph.get(dg.AssetKey(table.asset_key)).parent_keys == {bronze}
    gold = {key for key in graph.materializable_asset_keys if key.path[0] == "gold"}
    assert len(gold) >= 10
    for key in gold:
        above = {key.path[0] for key in _ancestors(graph, key)}
        assert {"silver", "bronze", "kafka"} <= above, key.to_user_string()


def _ancestors(graph, key: dg.AssetKey) -> set[dg.AssetKey]:
    found: set[dg.AssetKey] = set()
    todo = [key]
    while todo:
        for parent in graph.get(todo.pop()).parent_keys - found:
            found.add(parent)
            todo.append(parent)
    return found


def test_every_asset_of_a_model_has_an_owner_for_messages_about_it() -> None:
    graph = definitions().get_repository_def().asset_graph
    of_models = [key for key in graph.get_all_asset_keys() if key.path[0] in {"models", "features"}]
    assert len(of_models) > 8
    assert [key for key in of_models if not graph.get(key).owners] == []


def test_days_that_nobody_makes_any_more_are_told() -> None:
    # The checks of drift run with its days: they say nothing of days that are not made.
    graph = definitions().get_repository_def().asset_graph
    for path in (["features", "commerce", "user_features"], ["models", "purchase", "drift"]):
        assert graph.get(dg.AssetKey(path)).freshness_policy is not None


def test_what_runs_by_itself() -> None:
    repository = definitions().get_repository_def()
    sensors = {sensor.name: sensor for sensor in repository.sensor_defs}
    on = {name for name, sensor in sensors.items()
          if sensor.default_status is dg.DefaultSensorStatus.RUNNING}  # fmt: skip
    assert {
        "keep_stream_running", "keep_fresh_gold_running", "check_closed_windows", "automation",
        "keep_anomaly_watch_running", "retrain_on_drift", "judge_trials", "guard_serving",
        "alert_anomalies", "alert_failed_checks", "alert_stale_assets",
    } <= on  # fmt: skip
    schedules = {schedule.name for schedule in repository.schedule_defs
                 if schedule.default_status is dg.DefaultScheduleStatus.RUNNING}  # fmt: skip
    assert {
        "user_features_schedule", "train_anomalies_weekly", "maintain_models_nightly",
    } <= schedules  # fmt: skip
    jobs = {job.name for job in repository.get_all_jobs()}
    assert {"stream", "fresh_gold", "full_gold", "window_checks"} <= jobs
    for name in ("stream", "fresh_gold"):
        assert repository.get_job(name).tags["dagster/max_retries"] == "0", "the sensor restarts it"


def test_loading_opens_no_socket_and_brings_no_library_of_a_run() -> None:
    code = f"""
import socket, sys

def refuse(*arguments):
    raise AssertionError(f"a socket was opened while loading: {{arguments[1:]}}")

socket.socket.connect = refuse
socket.socket.connect_ex = refuse
socket.create_connection = refuse
import platform_assets.definitions
print(",".join(sorted(set({HEAVY!r}) & set(sys.modules))))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().split("\n")[-1] == ""


def test_loading_reads_no_secret(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import platform_assets.definitions"],
        env={"PATH": "/usr/bin:/bin", "WEIR_HOME": f"{tmp_path}/nothing", "HOME": f"{tmp_path}"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "nothing" / "secrets").exists()
