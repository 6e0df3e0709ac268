"""A source added in a real browser: its type's form, the connection, ten rows, the saved folder."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Page, ViewportSize, expect

from platform_assets import sources
from platform_assets.contracts.load import load_contracts
from platform_assets.core.settings import Settings
from reports.portal.users import User
from tests.e2e.browser import chromium
from tests.e2e.portal import signed_in

ROWS = 12
pytestmark = pytest.mark.skipif(chromium() is None, reason="needs a Chromium on PATH")


@pytest.fixture
def shop(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with a table of orders; the name of its password's variable is SHOP_PASSWORD."""
    name = f"shop_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(settings.postgres_dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    with psycopg.connect(settings.postgres_dsn(name), autocommit=True) as connection:
        connection.execute("create table orders (id bigint primary key, town text, at timestamptz)")
        connection.execute(
            "insert into orders select n, 'Ulm & <b>Bonn</b>', now() from generate_series(1, %s) n",
            (ROWS,),
        )
    monkeypatch.setenv("SHOP_PASSWORD", settings.postgres_password())
    return name


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where new sources go."""
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    load_contracts.cache_clear()
    yield tmp_path
    load_contracts.cache_clear()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser says on its console."""
    return []


@pytest.fixture
def page(settings: Settings, complaints: list[str]) -> Iterator[Page]:
    """The portal's page of sources, as an administrator sees it."""
    user = User("sources-admin", admin=True, reports=frozenset())
    window: ViewportSize = {"width": 1100, "height": 900}
    with signed_in(settings, user, "/sources", window, complaints) as found:
        yield found


def test_a_source_is_tried_and_saved_from_its_form(
    page: Page, complaints: list[str], settings: Settings, shop: str, folder: Path
) -> None:
    _require_bar_within_a_phone(page)
    page.get_by_role("link", name="sql", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New source: sql")
    # Drawn from the type's models: an explained field each, a choice where there is one.
    url = page.get_by_label("url required")
    expect(url).to_have_accessible_description(re.compile("text: .*without a password"))
    address = f"{settings.postgres_user}@{settings.postgres_host}:{settings.postgres_port}/{shop}"
    given = {
        "name": shop, "owner": "team:shop", "topic": f"test.{shop}", "stream": "orders",
        "config.url": f"postgresql+psycopg://{address}", "config.password": "NO_SUCH_SECRET",
        "options.table": "orders", "options.cursor": "at", "options.key": "[id]",
    }  # fmt: skip
    for name, value in given.items():
        page.locator(f"[name='{name}']").fill(value)
    page.get_by_role("button", name="Test the connection").click()
    expect(page.get_by_role("alert")).to_contain_text("no secret in NO_SUCH_SECRET")
    page.locator("[name='config.password']").fill("SHOP_PASSWORD")
    page.get_by_role("button", name="Test the connection").click()
    expect(page.get_by_role("status")).to_contain_text("1 tables can be read")
    expect(url).to_have_value(given["config.url"])
    page.get_by_role("button", name="Preview ten rows").click()
    table = page.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(1 + 10)
    expect(table).to_contain_text("Ulm & <b>Bonn</b>")
    assert not list(folder.iterdir())
    page.get_by_role("button", name="Save as defs.yaml").click()
    expect(page.get_by_role("status")).to_contain_text("weir restart dagster-code")
    assert "password: SHOP_PASSWORD" in (folder / shop / "defs.yaml").read_text()
    page.get_by_role("link", name="Sources", exact=True).first.click()
    expect(page.get_by_role("row", name=shop)).to_contain_text("new")
    assert [one for one in complaints if "status of 400" not in one] == []


def _require_bar_within_a_phone(page: Page) -> None:
    """An administrator has the longest bar of all."""
    before = page.viewport_size
    assert before is not None
    page.set_viewport_size({"width": 360, "height": 700})
    expect(page.get_by_role("button", name="Sign out")).to_be_in_viewport()
    bar = page.get_by_role("banner").bounding_box()
    last = page.get_by_role("button", name="Sign out").bounding_box()
    page.set_viewport_size(before)
    assert bar is not None
    assert last is not None
    assert bar["width"] <= 360
    assert last["x"] + last["width"] <= 360
