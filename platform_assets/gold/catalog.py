"""The Iceberg catalog of gold: its tables in PostgreSQL, made once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.core.errors import WeirError
from platform_assets.core.retry import Retry
from platform_assets.core.settings import Settings
from platform_assets.gold.trino_config import file_uri

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog

CATALOG = "gold"


def open_catalog(settings: Settings) -> SqlCatalog:
    """Open the catalog with pyiceberg; makes its tables where they are missing."""
    from pyiceberg.catalog.sql import SqlCatalog

    address = settings.postgres_dsn("iceberg", driver="psycopg")
    timeout = max(1, int(settings.request_timeout_seconds))
    return SqlCatalog(
        CATALOG,
        uri=f"{address}?connect_timeout={timeout}",
        warehouse=file_uri(f"{settings.lake_root.rstrip('/')}/gold"),
        init_catalog_tables="true",
    )


def ensure_catalog(settings: Settings) -> None:
    """Create the catalog's tables (Trino does not) in the form that knows views.

    Idempotent; retried while PostgreSQL starts.

    Raises:
        WeirError: PostgreSQL cannot be reached.
    """
    from sqlalchemy.exc import OperationalError

    try:
        _ensure(settings)
    except OperationalError as error:
        raise WeirError(
            f"the Iceberg catalog's PostgreSQL at {settings.postgres_host}:"
            f"{settings.postgres_port} (database iceberg) cannot be reached",
            "see `weir status`",
        ) from error


def _ensure(settings: Settings) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import OperationalError

    @Retry(5, longest=3).on(OperationalError).wraps
    def attempt() -> None:
        catalog = open_catalog(settings)
        try:
            with catalog.engine.begin() as connection:
                # pyiceberg makes the first form; views need the second (record type).
                connection.execute(
                    text(
                        "alter table iceberg_tables "
                        "add column if not exists iceberg_type varchar(5)"
                    )
                )
        finally:
            catalog.engine.dispose()

    attempt()
