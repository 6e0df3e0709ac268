"""Dagster's storage keeps a few connections a process, however many instances it has."""

from __future__ import annotations

import yaml

from platform_assets.core.settings import REPOSITORY
from platform_assets.graph.dagster_storage import KEPT, PooledPostgresStorage

CONFIG = {
    "postgres_url": "postgresql+psycopg2://weir:secret@127.0.0.1:1/dagster",
    "should_autocreate_tables": False,
}


def test_all_instances_of_a_process_share_one_pool() -> None:
    made = [PooledPostgresStorage.from_config_value(None, CONFIG) for _ in range(3)]
    engines = {
        id(part._engine): part._engine
        for storage in made
        for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage)
    }
    assert len(engines) == 1
    (engine,) = engines.values()
    assert engine.pool.size() == KEPT
    assert engine.pool._pre_ping


def test_dagster_yaml_names_it() -> None:
    storage = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())["storage"]["custom"]
    assert storage["module"] == PooledPostgresStorage.__module__
    assert storage["class"] == PooledPostgresStorage.__name__
