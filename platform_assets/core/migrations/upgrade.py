"""Brings a room's tables in a database to their newest revision."""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from platform_assets.core.errors import DatabaseError

LONGEST_SECONDS = 600
"""A revision may rewrite a large table; a statement of it ends after ten minutes."""
_WAIT_SECONDS = 120
"""For another process that is upgrading, and for readers of a table that changes."""


_ONE_AT_A_TIME = threading.Lock()
"""Alembic's ``op`` and ``context`` are global: two threads at once run in each other's database."""


class MigrationError(DatabaseError):
    """The tables cannot be brought to the newest revision; nothing of the attempt is left."""


@dataclass(frozen=True)
class Revisions:
    """A room's tables.

    Attributes:
        room: names the version table ``revision_<room>``; never changes.
        folder: holds the files ``v<number>_<what>.py``.
    """

    room: str
    folder: Path

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All revisions, oldest first."""
        return tuple(sorted(path.stem.partition("_")[0] for path in self.folder.glob("v*.py")))

    @property
    def table(self) -> str:
        """The version table: one row, the revision that the database is at."""
        return f"revision_{self.room}"


def upgrade(
    connection: psycopg.Connection[tuple[Any, ...]], database: str, revisions: Revisions
) -> tuple[str, ...]:
    """Apply the revisions that are missing, all in one transaction.

    Args:
        connection: to the database, in autocommit; only good for being closed afterwards.
        database: its name, for errors.
        revisions: the room's.

    Returns:
        What was applied, oldest first; usually nothing.

    Raises:
        MigrationError: a revision failed, or the database is ahead of this code.
        psycopg.OperationalError: PostgreSQL went away; the same may be tried again.
    """
    if not _missing(connection, database, revisions):
        return ()
    return _run(connection, database, revisions)


def run_sql(script: str) -> None:
    """Run statements of a revision as they are: several, and ``%`` and ``:`` mean nothing."""
    from alembic import op

    driver = op.get_bind().connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - our own, see _run
    driver.execute(script.encode())


def _missing(
    connection: psycopg.Connection[tuple[Any, ...]], database: str, revisions: Revisions
) -> tuple[str, ...]:
    table = sql.Identifier(revisions.table)
    found = connection.execute("SELECT to_regclass(%s)", (revisions.table,)).fetchone()
    if found is None or found[0] is None:
        return revisions.names
    row = connection.execute(sql.SQL("SELECT version_num FROM {}").format(table)).fetchone()
    if row is None:
        return revisions.names
    if row[0] not in revisions.names:
        raise MigrationError(
            f"database {database!r}: {revisions.room} is at revision {row[0]}, "
            f"this Weir knows {revisions.names[0]} to {revisions.names[-1]}",
            "a newer Weir upgraded it: run that one",
        )
    return revisions.names[revisions.names.index(row[0]) + 1 :]


def _run(
    connection: psycopg.Connection[tuple[Any, ...]], database: str, revisions: Revisions
) -> tuple[str, ...]:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import StaticPool

    missing, applied = revisions.names, list[str]()

    def note(step: Any, **_: Any) -> None:
        applied.append(step.up_revision_id)

    connection.autocommit = False
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool
    )
    config = Config()
    for option, folder in (
        ("script_location", Path(__file__).parent),
        ("version_locations", revisions.folder),
    ):
        config.set_main_option(option, str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    try:
        with _ONE_AT_A_TIME, engine.begin() as bound:
            connection.execute(
                "SELECT set_config('statement_timeout', %s, true),"
                " set_config('lock_timeout', %s, true)",
                (f"{LONGEST_SECONDS}s", f"{_WAIT_SECONDS}s"),
            )
            # "IF NOT EXISTS" alone is no protection from two that create at once.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (zlib.crc32(database.encode()),))
            if missing := _missing(connection, database, revisions):
                config.attributes.update(
                    connection=bound, version_table=revisions.table, on_version_apply=note
                )
                command.upgrade(config, "head")
    except (DBAPIError, psycopg.Error, CommandError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, psycopg.OperationalError) and connection.broken:
            raise cause from error
        failed = next((name for name in missing if name not in applied), missing[-1])
        raise MigrationError(
            f"database {database!r}: revision {failed} of {revisions.room} failed: "
            f"{' '.join(str(cause).split())[:300]}",
            "nothing of the attempt is left; correct the cause and try again",
        ) from error
    return missing
