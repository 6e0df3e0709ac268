"""Weir's databases: passwords of any kind, and tables that are upgraded by revisions."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as law
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy import create_engine, text

from ml.anomaly.revisions import REVISIONS as ANOMALY
from ml.drift.revisions import REVISIONS as DRIFT
from ml.rollout.revisions import REVISIONS as ROLLOUT
from ml.serving.revisions import REVISIONS as SERVING
from ml.store.registry import Registry
from ml.trials.revisions import REVISIONS as TRIALS
from platform_assets.connectors.registry import SchemaRegistry
from platform_assets.connectors.revisions import REVISIONS as CONNECTORS
from platform_assets.core.databases import (
    SHORT,
    Database,
    DatabaseAwayError,
    DatabaseError,
    connect,
)
from platform_assets.core.migrations import MigrationError, Revisions
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.core.trino import execute
from platform_assets.gold.catalog import ensure_catalog
from platform_assets.local import supervise
from platform_assets.streaming.revisions import REVISIONS as STREAMING
from platform_assets.streaming.topics import StreamRow, TopicStates
from reports.delivery.revisions import REVISIONS as DELIVERY
from reports.portal.revisions import REVISIONS as PORTAL
from tests.conftest import new_home

OWNERS = (STREAMING, CONNECTORS, DELIVERY, PORTAL, ANOMALY, DRIFT, ROLLOUT, SERVING, TRIALS)
BEFORE = Path(__file__).with_name("schemas")
"""The tables as they were made before there were revisions."""

HOSTILE = "p@s:/?#%& '\"\\$%41é漢🙂"
passwords = st.text(
    st.one_of(st.sampled_from("@:/?#%& '\"\\$"), st.characters(exclude_categories=("C",))),
    min_size=1,
    max_size=30,
)
# PostgreSQL cuts a longer name, and says so only in a notice.
users = passwords.map(lambda name: f"test {name}").filter(lambda name: len(name.encode()) <= 63)


@pytest.fixture
def name(settings: Settings) -> Iterator[str]:
    """A name of no database yet."""
    chosen = f"test_{uuid4().hex}"
    yield chosen
    with connect(settings, "postgres") as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(chosen))
        )


@law(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(password=passwords, user=users)
@example(password=HOSTILE, user=f"test {HOSTILE}")
def test_any_user_and_password_connect(
    settings: Settings, password: str, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    role, secret = sql.Identifier(user), sql.Literal(password)
    monkeypatch.delenv("WEIR_POSTGRES_PASSWORD", raising=False)
    with connect(settings, "postgres") as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, secret))
        try:
            monkeypatch.setenv("WEIR_POSTGRES_PASSWORD", password)
            there = settings.model_copy(update={"postgres_user": user})
            with connect(there, "postgres") as connection:
                assert connection.execute("SELECT current_user").fetchone() == (user,)
            for driver in ("psycopg", "psycopg2"):
                engine = create_engine(there.postgres_dsn("postgres", driver=driver))
                with engine.connect() as bound:
                    assert bound.execute(text("SELECT current_user")).scalar() == user
                engine.dispose()
        finally:
            monkeypatch.delenv("WEIR_POSTGRES_PASSWORD")
            admin.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.mark.soak
def test_every_server_starts_with_a_password_of_any_kind() -> None:
    """The Iceberg catalog's and the registry's JDBC, Dagster's and MLflow's SQLAlchemy."""
    with new_home() as own:
        file = own.home / "secrets" / "postgres_password"
        file.parent.mkdir(parents=True)
        file.write_text(HOSTILE + "${HOME}$$\\$\n", encoding="utf-8")
        supervise.start(own, ("postgres", "kafka", "registry", "trino", "dagster-webserver"))
        assert SchemaRegistry(own).schema(999_999) is None
        ensure_catalog(own)
        assert execute(own, "SELECT count(*) FROM gold.information_schema.tables").rows
        assert Registry(own).models() == []


@pytest.mark.parametrize("revisions", OWNERS, ids=lambda revisions: revisions.room)
def test_tables_made_before_revisions_are_taken_over_with_their_rows(
    settings: Settings, name: str, revisions: Revisions, tmp_path: Path
) -> None:
    first = Revisions(revisions.room, tmp_path)
    shutil.copy(next(revisions.folder.glob("v0001_*.py")), tmp_path)
    Database(settings, name, first).prepare()
    with connect(settings, name) as connection:
        new = _shape(connection)
        for table in new:
            connection.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(table)))
        connection.execute("DROP SEQUENCE IF EXISTS drift_serial")
        connection.execute((BEFORE / f"{revisions.room}.sql").read_bytes())
        before = _shape(connection)
        assert new.pop(revisions.table)
        assert new == before  # the first revision makes what there was
        columns = {table: _columns(connection, table) for table in before}
        kept = _fill(connection, before)
        assert set(kept) == set(before)
    Database(settings, name, revisions).prepare()
    with connect(settings, name) as connection:
        for table, row in kept.items():
            statement = sql.SQL("SELECT {} FROM {}").format(
                sql.SQL(", ").join(map(sql.Identifier, columns[table])), sql.Identifier(table)
            )
            assert connection.execute(statement).fetchall() == [row]
        version = connection.execute(f"SELECT version_num FROM {revisions.table}").fetchall()
        assert version == [(revisions.names[-1],)]


def test_a_later_revision_keeps_the_rows_and_runs_once_for_all(
    settings: Settings, name: str, tmp_path: Path
) -> None:
    folder = _copy(tmp_path)
    Database(settings, name, Revisions("trials", folder)).prepare()
    with connect(settings, name) as connection:
        kept = _fill(connection, {"trials": _shape(connection)["trials"]})["trials"]
    _revision(folder, 2, "ALTER TABLE trials ADD COLUMN note text NOT NULL DEFAULT 'a:b 50%'")
    later = Revisions("trials", folder)
    errors: list[BaseException] = []

    def prepare() -> None:
        try:
            Database(settings, name, later).prepare()
        except BaseException as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    threads = [threading.Thread(target=prepare) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with connect(settings, name) as connection:
        assert connection.execute("SELECT * FROM trials").fetchall() == [(*kept, "a:b 50%")]
        assert connection.execute("SELECT * FROM revision_trials").fetchall() == [("v0002",)]


def test_what_is_up_to_date_does_without_alembic(settings: Settings, name: str) -> None:
    Database(settings, name, TRIALS).prepare()
    script = (
        "import sys\n"
        "from ml.trials.revisions import REVISIONS\n"
        "from platform_assets.core.databases import Database\n"
        "from platform_assets.core.settings import get_settings\n"
        "Database(get_settings(), sys.argv[1], REVISIONS).prepare()\n"
        "print({'alembic', 'sqlalchemy'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, name], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "set()\n"


def test_a_failed_revision_is_named_and_leaves_nothing(
    settings: Settings, name: str, tmp_path: Path
) -> None:
    folder = _copy(tmp_path)
    Database(settings, name, Revisions("trials", folder)).prepare()
    _revision(folder, 2, "CREATE TABLE half (id int)")
    _revision(folder, 3, "CREATE TABLE whole (id int); SELECT 1/0")
    database = Database(settings, name, Revisions("trials", folder))
    with pytest.raises(MigrationError, match=rf"'{name}': revision v0003 of trials failed") as told:
        database.prepare()
    assert "division by zero" in told.value.message
    assert settings.postgres_password() not in str(told.value)
    with connect(settings, name) as connection:
        assert connection.execute("SELECT * FROM revision_trials").fetchall() == [("v0001",)]
        assert not {"half", "whole"} & set(_shape(connection))
    # A transient refusal is no lasting one: the same object works once the cause is gone.
    _revision(folder, 3, "CREATE TABLE whole (id int)")
    database.prepare()
    with connect(settings, name) as connection:
        assert {"half", "whole"} <= set(_shape(connection))


def test_a_database_ahead_of_the_code_is_refused(
    settings: Settings, name: str, tmp_path: Path
) -> None:
    folder = _copy(tmp_path)
    _revision(folder, 2, "SELECT 1")
    Database(settings, name, Revisions("trials", folder)).prepare()
    (folder / "v0002_later.py").unlink()
    with pytest.raises(MigrationError, match="trials is at revision v0002, this Weir knows v0001"):
        Database(settings, name, Revisions("trials", folder)).prepare()


def test_a_connection_that_broke_is_an_error_that_is_retried(settings: Settings, name: str) -> None:
    database = Database(settings, name, TRIALS, connections=2)
    attempts = []

    def fragile() -> int:
        with database.borrow() as connection:
            attempts.append(1)
            if len(attempts) == 1:
                mine = connection.execute("SELECT pg_backend_pid()").fetchone()
                with connect(settings, "postgres") as admin:
                    admin.execute("SELECT pg_terminate_backend(%s)", mine)
            row = connection.execute("SELECT 1").fetchone()
            return int(row[0]) if row else 0

    with pytest.raises(DatabaseAwayError, match=name):
        fragile()
    attempts.clear()
    assert SHORT.retrying(fragile)() == 1
    assert len(attempts) == 2
    database.close()


def test_a_topic_that_was_only_noted_has_a_row_of_zeros(settings: Settings) -> None:
    topic = TopicName("test", f"t{uuid4().hex[:8]}")
    states = TopicStates(settings)
    states.note(topic, lag=7)
    (row,) = [row for row in states.rows() if row.topic == str(topic)]
    assert row == StreamRow(str(topic), "running", 7, 0.0, 0, None, 0, 0, 0, 0, 0, 0, None)
    assert [type(value) for value in (row.lag, row.rate, row.records)] == [int, float, int]


def test_a_user_who_may_not_create_a_database_is_told(settings: Settings, name: str) -> None:
    role = sql.Identifier(name)
    with connect(settings, "postgres") as admin:
        password = settings.postgres_password()
        admin.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password))
        )
        try:
            there = settings.model_copy(update={"postgres_user": name})
            with pytest.raises(DatabaseError, match="permission denied") as told:
                Database(there, f"{name}_none", TRIALS).prepare()
            assert not isinstance(told.value, DatabaseAwayError)
            assert "administrator" in told.value.hint
        finally:
            admin.execute(sql.SQL("DROP ROLE {}").format(role))


def _copy(folder: Path) -> Path:
    return Path(shutil.copytree(TRIALS.folder, folder / "revisions"))


def _revision(folder: Path, number: int, statements: str) -> None:
    (folder / f"v{number:04}_later.py").write_text(
        "from platform_assets.core.migrations import run_sql\n"
        f'revision = "v{number:04}"\ndown_revision = "v{number - 1:04}"\n'
        f"def upgrade():\n    run_sql({statements!r})\n"
    )


def _shape(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, list[object]]:
    """Columns, constraints and indexes of each table."""
    found: dict[str, list[object]] = {}
    for table, *what in connection.execute(
        """SELECT table_name, column_name, ordinal_position, data_type, is_nullable,
             column_default FROM information_schema.columns WHERE table_schema = 'public'
           UNION ALL SELECT conrelid::regclass::text, conname, 0,
             pg_get_constraintdef(oid), '', '' FROM pg_constraint
             WHERE connamespace = 'public'::regnamespace
           UNION ALL SELECT tablename, indexname, 0, indexdef, '', '' FROM pg_indexes
             WHERE schemaname = 'public'
           ORDER BY 1, 3, 2, 4"""
    ):
        found.setdefault(str(table), []).append(tuple(what))
    return found


def _columns(connection: psycopg.Connection[tuple[object, ...]], table: str) -> list[str]:
    rows = connection.execute(
        """SELECT column_name FROM information_schema.columns
           WHERE table_schema = 'public' AND table_name = %s ORDER BY ordinal_position""",
        (table,),
    )
    return [str(row[0]) for row in rows]


_ROWS = {
    "micro_batch": {"status": "taken"},
    "deliveries": {"state": "sent"},
    "incident_events": {"kind": "opened"},
    "deployments": {"champion": 1, "challenger": 2, "share": 0.5, "model": "m"},
    "predictions": {"arm": "champion"},
    "trials": {"kind": "trial", "verdict": None, "decided_at": None, "model": "m"},
}
_VALUES: dict[str, object] = {
    "text": "x", "bigint": 1, "integer": 1, "smallint": 1, "boolean": True, "date": "2026-01-02",
    "timestamp with time zone": "2026-01-02 03:04:05+00", "double precision": 1.5,
    "uuid": "01900000-0000-7000-8000-000000000000", "jsonb": "{}", "json": "{}", "bytea": b"x",
    "ARRAY": [1, 2, 3, 4],
}  # fmt: skip


def _fill(
    connection: psycopg.Connection[tuple[object, ...]], tables: dict[str, list[object]]
) -> dict[str, tuple[object, ...]]:
    """Put a row into every table; those that another refers to come first."""
    kept: dict[str, tuple[object, ...]] = {}
    waiting = list(tables)
    for _ in range(2 * len(tables)):
        if not waiting:
            break
        table = waiting.pop(0)
        columns = connection.execute(
            """SELECT column_name, data_type FROM information_schema.columns
               WHERE table_schema = 'public' AND table_name = %s AND is_identity = 'NO'""",
            (table,),
        ).fetchall()
        values = {str(c): _ROWS.get(table, {}).get(str(c), _VALUES[str(t)]) for c, t in columns}
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(sql.Placeholder() * len(values)),
        )
        try:
            row = connection.execute(statement, list(values.values())).fetchone()
        except psycopg.errors.ForeignKeyViolation:
            waiting.append(table)
            continue
        assert row is not None
        kept[table] = row
    assert not waiting
    return kept


def test_threads_that_upgrade_several_databases_at_once_do_not_mix_them(
    settings: Settings, name: str
) -> None:
    made = {owner: Database(settings, f"{name}_{owner.room}", owner) for owner in OWNERS}
    together = threading.Barrier(len(made))

    def prepare(database: Database) -> None:
        together.wait()
        database.prepare()

    threads = [threading.Thread(target=prepare, args=(one,)) for one in made.values()]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for owner, database in made.items():
            with connect(settings, database.name) as connection:
                found = {
                    row[0]
                    for row in connection.execute(
                        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                    )
                }
            assert {table for table in found if table.startswith("revision_")} == {owner.table}
            assert len(found) > 1, f"the tables of {owner.room} are elsewhere"
    finally:
        for database in made.values():
            database.close()
            with connect(settings, "postgres") as connection:
                connection.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
                        sql.Identifier(database.name)
                    )
                )
