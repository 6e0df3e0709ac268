"""Dagster's storage in PostgreSQL with one pool of connections a process.

Dagster's own opens a connection for every question, and the code server an instance for every
tick: dozens of connections a second on a lake where nothing happens. ``dagster.yaml`` names this
class. It sets private attributes (``_engine``, and what looks for tables and columns): see
:mod:`platform_assets.graph.dagster_private`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from dagster_postgres import DagsterPostgresStorage
from sqlalchemy import Engine, create_engine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.graph.dagster_private import ConfigurableClassData

KEPT = 3
"""Connections that a process keeps open; a few dozen processes share PostgreSQL's 200."""
_BURST = 40
_RECYCLE_SECONDS = 900

_LOCK = threading.Lock()
_ENGINES: dict[str, Engine] = {}


class PooledPostgresStorage(DagsterPostgresStorage):
    """As ``DagsterPostgresStorage``; all instances of a process share their connections."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledPostgresStorage:
        """From ``dagster.yaml``; the tables are looked for once a process."""
        from dagster_postgres.utils import pg_url_from_config

        url: str = pg_url_from_config(config_value)
        with _LOCK:
            made = cls(
                url,
                should_autocreate_tables=url not in _ENGINES
                and bool(config_value.get("should_autocreate_tables", True)),
                inst_data=inst_data,
            )
            engine = _ENGINES.get(url) or _ENGINES.setdefault(url, _engine(url))
        # Asked at each tick, and each second for what runs, by reading PostgreSQL's catalog. Tables
        # that this version has made or migrated have them all.
        made._schedule_storage._has_instigators_table = lambda _conn: True  # type: ignore[assignment]
        made._run_storage.has_run_stats_index_cols = lambda: True  # type: ignore[method-assign]
        made._event_log_storage._has_asset_key_col_on_connection = lambda *_: True  # type: ignore[method-assign]
        for part in (made._run_storage, made._event_log_storage, made._schedule_storage):
            part._engine = engine
        return made


def _engine(url: str) -> Engine:
    return create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=KEPT,
        max_overflow=_BURST,
        pool_recycle=_RECYCLE_SECONDS,
        # A restart of PostgreSQL leaves dead connections behind: each is tried before it is lent.
        pool_pre_ping=True,
    )
