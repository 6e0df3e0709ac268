"""Users of the portal: the command line and the server as people start them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from typer import Typer
from typer.testing import CliRunner

from platform_assets.cli import portal as cli
from platform_assets.core.databases import Database, DatabaseError
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.local.wait import wait_until
from reports.portal.audit import Action, Audit
from reports.portal.database import DATABASE, portal_database
from reports.portal.users import User, UserError, Users


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    found = portal_database(settings)
    yield found
    found.close()


def weir(*words: str) -> str:
    app = Typer()
    cli.register(app)
    app.command("other")(lambda: None)
    result = CliRunner().invoke(app, ["portal", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_life_of_a_user(database: Database) -> None:
    password = weir("users", "add", "hilde", "--report", "a", "--report", "b").split()[-1]
    user = Users(database).verify("hilde", password)
    assert user == User("hilde", reports=frozenset("ab"))
    assert Users(database).verify("hilde", password + "x") is None
    listed = json.loads(weir("users", "list", "--json"))
    assert {"name": "hilde", "reports": ["a", "b"]}.items() <= listed[0].items()
    assert "hilde" in weir("users", "list")
    Audit(database).write("hilde", "127.0.0.1", Action.READ, "a", "2010-12")
    weir("users", "remove", "hilde")
    assert Users(database).verify("hilde", password) is None
    assert "hilde" not in weir("users", "list")
    record = json.loads(weir("audit", "--user", "hilde", "--json"))
    assert [(line["action"], line["report"]) for line in record] == [("read", "a")]
    assert "hilde" in weir("audit")


def test_no_password_is_kept(database: Database, settings: Settings) -> None:
    password = weir("users", "add", "ida").split()[-1]
    with psycopg.connect(settings.postgres_dsn(DATABASE)) as connection:
        row = connection.execute("SELECT password_hash FROM portal_user WHERE name = 'ida'")
        stored = row.fetchone()
    weir("users", "remove", "ida")
    assert stored
    assert stored[0].startswith("$argon2id$")
    assert password not in stored[0]


def test_it_is_served(database: Database, settings: Settings) -> None:
    environment = {
        **os.environ, "WEIR_HOME": str(settings.home), "WEIR_PORT_BASE": str(settings.port_base),
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "reports.portal"], cwd=REPOSITORY, env=environment
    ) as process:
        try:

            def answers() -> bool:
                assert process.poll() is None
                try:
                    return httpx.get(f"{settings.portal_url}/login", timeout=5).status_code == 200
                except httpx.TransportError:
                    return False

            wait_until(answers, what="the portal", timeout=60)
            answer = httpx.get(f"{settings.portal_url}/", timeout=5)
            assert answer.headers["location"] == "/login?next=%2F"
            assert "server" not in answer.headers
        finally:
            process.terminate()
            assert process.wait(30) is not None


def test_users_are_checked(database: Database) -> None:
    users = Users(database)
    users.add(User("gerda"))
    with pytest.raises(UserError, match="gerda already exists"):
        users.add(User("gerda"))
    users.remove("gerda")
    with pytest.raises(UserError, match="no user gerda"):
        users.remove("gerda")
    with pytest.raises(UserError, match="read-only Trino user"):
        users.add(User("gerda", trino_user="weir"))
    for name in ("loader", "", " loader"):
        with pytest.raises(UserError, match="read-only Trino user"):
            Users(database, "loader").add(User("gerda", trino_user=name))


def test_without_a_database_it_says_so(tmp_path: Path, settings: Settings) -> None:
    password = tmp_path / "password"
    password.write_text("x")
    update = {"postgres_port": 1, "postgres_password_file": password}
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:1 cannot be used"):
        portal_database(settings.model_copy(update=update)).prepare()
