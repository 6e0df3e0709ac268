"""Sources in the portal: for administrators; one of PostgreSQL tried and saved from its form."""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from fastapi.testclient import TestClient

from platform_assets import sources
from platform_assets.connectors.seam.state import SourceStates
from platform_assets.connectors.seam.types import connector_types
from platform_assets.contracts.load import load_contracts
from platform_assets.core.settings import Settings
from reports.portal.app import create_app
from reports.portal.sources import fields
from reports.portal.users import User, Users
from tests.integration.test_portal_http import login

pytestmark = pytest.mark.usefixtures("quick_hashes")


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    app = create_app(settings)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as made:
        yield made


def sign_in(client: TestClient, *, admin: bool) -> None:
    user = User(f"u-{uuid.uuid4().hex[:8]}", admin, frozenset())
    client.cookies.clear()
    password = Users(client.app.state.portal.database).add(user)
    assert login(client, user.name, password).status_code == 303


@pytest.fixture
def form(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What one fills in for a table of a new database."""
    database = f"shop_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(settings.postgres_dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {database}")
    with psycopg.connect(settings.postgres_dsn(database), autocommit=True) as connection:
        connection.execute("create table orders (id bigint primary key, town text, at timestamptz)")
        connection.execute("insert into orders values (1, 'Ulm & <b>Bonn</b>', now())")
    monkeypatch.setenv("SHOP_PASSWORD", settings.postgres_password())
    s = settings
    return {
        "name": database,
        "owner": "team:shop",
        "topic": f"test.{database}",
        "stream": "orders",
        "config.url": f"postgresql+psycopg://{s.postgres_user}@{s.postgres_host}:"
        f"{s.postgres_port}/{database}",
        "config.password": "SHOP_PASSWORD",
        "options.table": "orders",
        "options.cursor": "at",
        "options.key": "[id]",
    }


def press(client: TestClient, action: str, form: dict[str, str]) -> tuple[int, str]:
    page = client.get("/sources/new/sql").text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf
    answer = client.post("/sources/new/sql", data={**form, "action": action, "csrf": csrf[1]})
    return answer.status_code, answer.text


def test_only_administrators_see_them(client: TestClient) -> None:
    for path in ("/sources", "/sources/new/sql"):
        client.cookies.clear()
        assert client.get(path).status_code == 303
        sign_in(client, admin=False)
        assert client.get(path).status_code == 404
    assert "/sources" not in client.get("/").text
    assert client.post("/sources/new/sql", data={"action": "test"}).status_code == 404
    sign_in(client, admin=True)
    shown = client.get("/sources")
    assert shown.status_code == 200
    for words in ("online_retail", "simulator", "/sources/new/sql", "on demand"):
        assert words in shown.text
    assert client.get("/sources/new/nothing").status_code == 404


@pytest.mark.parametrize("name", sorted(connector_types()))
def test_each_type_draws_its_form(name: str) -> None:
    kind = connector_types()[name]
    drawn = [*fields(kind.config, "config", {}), *fields(kind.stream, "options", {})]
    assert len({one.name for one in drawn}) == len(drawn)
    required = [n for n, f in kind.config.model_fields.items() if f.is_required()]
    assert {one.label for one in drawn if one.required} >= set(required)


def test_a_source_is_tested_previewed_and_saved(
    client: TestClient, settings: Settings, form: dict[str, str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    sign_in(client, admin=True)
    status, text = press(client, "test", form)
    assert (status, "1 tables can be read" in text) == (200, True)
    status, text = press(client, "preview", form)
    assert status == 200
    assert "Ulm &amp; &lt;b&gt;Bonn" in text
    assert "logicalType: timestamp" in text
    assert not list(tmp_path.iterdir())
    status, text = press(client, "save", form)
    assert (status, "Saved in" in text) == (200, True)
    folder = tmp_path / form["name"]
    assert "password: SHOP_PASSWORD" in (folder / "defs.yaml").read_text()
    states = SourceStates(settings)
    (action,) = states.audit(form["name"])
    states.close()
    assert (action.action, "in the portal" in action.detail) == ("add", True)
    status, text = press(client, "save", form)
    assert (status, "is there already" in text) == (400, True)
    load_contracts.cache_clear()
    row = f">{form['name']}</a></td><td>sql</td><td>new</td>"
    assert row in client.get("/sources").text
    load_contracts.cache_clear()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"config.url": ""}, "url: Field required"),
        ({"config.timeout_seconds": "soon"}, "valid number"),
        ({"options.key": "[id"}, "expected a list of text"),
        ({"stream": "nothing"}, "no stream 'nothing'"),
        ({"topic": "shop"}, "expected domain.entity"),
        ({"config.password": "NO_SUCH_SECRET"}, "no secret in NO_SUCH_SECRET"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_filled_in_is_kept(
    client: TestClient, form: dict[str, str], changes: dict[str, str], reason: str
) -> None:
    sign_in(client, admin=True)
    status, text = press(client, "preview", {**form, **changes})
    assert status == 400
    assert reason in html.unescape(text)
    assert 'value="team:shop"' in text


def test_a_form_of_another_session_does_nothing(client: TestClient, form: dict[str, str]) -> None:
    sign_in(client, admin=True)
    answer = client.post("/sources/new/sql", data={**form, "action": "save", "csrf": "x"})
    assert answer.status_code == 403
    assert "too old" in answer.text


def test_where_it_is_not_allowed_nobody_adds_any(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"portal_sources": False}))
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as client:
        sign_in(client, admin=True)
        shown = client.get("/sources")
        assert (shown.status_code, "/sources/new/" in shown.text) == (200, False)
        assert client.get("/sources/new/sql").status_code == 404
        assert client.post("/sources/new/sql", data={"action": "test"}).status_code == 404
