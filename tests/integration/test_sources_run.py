"""The sources run in the real Dagster: a table of PostgreSQL flows into silver, through a kill."""

from __future__ import annotations

import os
import shutil
import signal
import uuid
from collections.abc import Iterator

import polars as pl
import psycopg
import pytest
import yaml
from dagster import AssetCheckKey, AssetKey, DagsterInstance
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus as Status,
)

from platform_assets.connectors.seam.state import SourceStates
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.graph.runs.sources import RUN
from platform_assets.local import supervise
from platform_assets.local.wait import wait_until
from platform_assets.streaming.locks import LeaseRow, read_lease
from tests.connectors.scene import contract
from tests.integration.dagster_api import instance, stop_sensor

NAME = "till"
TOPIC = TopicName("test", NAME)
FIELDS = {"id": "integer", "city": "string"}
PATIENCE = 240
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def live(dagster_stack: Settings) -> Iterator[tuple[Settings, str]]:
    """A stack whose sources run reads a table; the name of its database."""
    database = f"till_{uuid.uuid4().hex[:8]}"
    with connect(dagster_stack, "postgres") as connection:
        connection.execute(f"create database {database}")
    with connect(dagster_stack, database) as connection:
        connection.execute(
            "create table receipts (id bigint primary key, city text, at timestamptz)"
        )
    home = dagster_stack.home / "sources" / NAME
    home.mkdir(parents=True)
    (home / f"{TOPIC}.yaml").write_text(yaml.safe_dump(contract(TOPIC, FIELDS), sort_keys=False))
    (home / "defs.yaml").write_text(yaml.safe_dump(definition(dagster_stack, database)))
    for name in ("keep_fresh_gold_running", "keep_anomaly_watch_running"):
        stop_sensor(dagster_stack, name)
    supervise.restart(dagster_stack, "dagster-code")
    yield dagster_stack, database
    shutil.rmtree(home.parent)
    supervise.restart(dagster_stack, "dagster-code")


def definition(settings: Settings, database: str) -> dict[str, object]:
    password = settings.home / "pgpass"
    password.write_text(f"*:*:*:*:{settings.postgres_password()}")
    password.chmod(0o600)
    url = (
        f"postgresql+psycopg://{settings.postgres_user}@{settings.postgres_host}:"
        f"{settings.postgres_port}/{database}?passfile={password}"
    )
    return {
        "type": "platform_assets.graph.sources.Source",
        "attributes": {
            "source": NAME,
            "connector": "sql",
            "owner": "team:tests",
            "every_seconds": 1,
            "config": {"url": url},
            "streams": [
                {
                    "stream": "receipts",
                    "topic": str(TOPIC),
                    "options": {
                        "table": "receipts",
                        "cursor": "at",
                        "key": ["id"],
                        "page_rows": 10,
                    },
                    "identity": ["id"],
                    "occurred_at": "at",
                    "columns": {"id": "id", "city": "city"},
                }
            ],
        },
    }


def connect(settings: Settings, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(settings.postgres_dsn(database), autocommit=True)


def add(live: tuple[Settings, str], first: int, last: int) -> None:
    with connect(*live) as connection:
        connection.execute(
            "insert into receipts select n, 'Ulm', now() - interval '1 hour' + n * interval '1 ms'"
            " from generate_series(%s::int, %s::int) n",
            (first, last),
        )


def silver(settings: Settings) -> list[int]:
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    try:
        table = DeltaTable(f"{settings.lake_root}/{TOPIC.silver.path}")
    except TableNotFoundError:
        return []
    return sorted(pl.scan_delta(table).select("id").collect()["id"].to_list())


def until_silver_has(settings: Settings, last: int) -> None:
    wait_until(
        lambda: silver(settings) == list(range(1, last + 1)),
        what=f"rows 1 to {last} in silver, each once", timeout=PATIENCE, every=0.5,
    )  # fmt: skip


def alive(settings: Settings, other_than: str = "") -> LeaseRow:
    def found() -> LeaseRow | None:
        lease = read_lease(settings, RUN.lease)
        return lease if lease and lease.held and lease.run_id != other_than else None

    return wait_until(found, what="a sources run that holds its lease", timeout=PATIENCE, every=0.2)


def check_of(dagster: DagsterInstance) -> Status | None:
    key = AssetCheckKey(AssetKey(["source", NAME]), "healthy")
    record = dagster.event_log_storage.get_latest_asset_check_execution_by_key([key]).get(key)
    return record.status if record else None


def test_rows_reach_silver_and_the_source_is_healthy(live: tuple[Settings, str]) -> None:
    settings, _ = live
    add(live, 1, 25)
    alive(settings)
    until_silver_has(settings, 25)
    with instance(settings) as dagster:
        event = wait_until(
            lambda: dagster.get_latest_materialization_event(AssetKey(["source", NAME])),
            what="a materialisation of the source", timeout=PATIENCE, every=0.5,
        )  # fmt: skip
        assert event.asset_materialization.metadata["records"].value > 0
        wait_until(
            lambda: check_of(dagster) is Status.SUCCEEDED,
            what="the check passed", timeout=PATIENCE, every=0.5,
        )  # fmt: skip


def test_a_pause_is_obeyed_until_it_is_resumed(live: tuple[Settings, str]) -> None:
    settings, _ = live
    states = SourceStates(settings)
    states.pause(NAME, "a test")

    def quiet() -> bool:
        """It was not read for a while, though it is due every second."""
        with connect(settings, "ledger") as connection:
            row = connection.execute(
                "select now() - read_at > interval '8 s' from source_stream where source = %s",
                (NAME,),
            ).fetchone()
        return bool(row and row[0])

    wait_until(quiet, what="no read for eight seconds", timeout=PATIENCE, every=0.5)
    add(live, 26, 30)
    wait_until(quiet, what="still no read", timeout=PATIENCE, every=0.5)
    assert len(silver(settings)) == 25
    assert states.resume(NAME)
    until_silver_has(settings, 30)
    states.close()


def test_a_killed_run_is_replaced_and_loses_and_doubles_nothing(
    live: tuple[Settings, str],
) -> None:
    settings, _ = live
    lease = alive(settings)
    os.kill(lease.pid, signal.SIGKILL)
    add(live, 31, 70)
    assert alive(settings, other_than=lease.run_id).pid != lease.pid
    until_silver_has(settings, 70)


def test_a_source_that_fails_is_unhealthy_until_it_is_mended(live: tuple[Settings, str]) -> None:
    settings, database = live
    with instance(settings) as dagster:
        with connect(settings, database) as connection:
            connection.execute("alter table receipts rename column city to town")
        add_town = "insert into receipts values (71, 'Bonn', now())"
        with connect(settings, database) as connection:
            connection.execute(add_town)
        wait_until(
            lambda: check_of(dagster) is Status.FAILED,
            what="the check failed", timeout=PATIENCE, every=0.5,
        )  # fmt: skip
        with connect(settings, database) as connection:
            connection.execute("alter table receipts rename column town to city")
        until_silver_has(settings, 71)
        wait_until(
            lambda: check_of(dagster) is Status.SUCCEEDED,
            what="the check passed again", timeout=PATIENCE, every=0.5,
        )  # fmt: skip
