"""The page on database changes, followed to the letter: from its SQL to silver."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from platform_assets import sources
from platform_assets.cli.app import build
from platform_assets.connectors.kinds.cdc.undo import drop_source
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import REPOSITORY, Settings
from tests.connectors.scene import Scene
from tests.connectors.test_cdc_postgresql import lake_of, reading
from tests.documents import fenced, saved

PAGE = REPOSITORY / "docs" / "how-to" / "database-changes.md"


@pytest.fixture
def scene(stack: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """What the page says to run and to save; names of databases are of the whole server."""
    name, password = f"shop_{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    role = f"weir_{name}"
    (statements,) = fenced(PAGE, "postgresql")
    with psycopg.connect(stack.postgres_dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    with psycopg.connect(stack.postgres_dsn(name), autocommit=True) as connection:
        connection.execute(
            "create table orders (id int primary key, amount numeric(9, 2), city text)"
        )
        connection.execute("insert into orders values (1, 9.5, 'Ulm')")
        connection.execute(statements.replace("choose one", password).replace("weir_reader", role))
    blocks = fenced(PAGE, "yaml")
    for place in saved(PAGE):
        (text,) = [block for block in blocks if place in block.splitlines()[0]]
        text = text.replace("port: 5432", f"port: {stack.postgres_port}")
        text = text.replace("weir_reader", role).replace("database: shop", f"database: {name}")
        # A topic of this test's own.
        text = text.replace("shop.orders", f"shop.{name}").replace("name: orders", f"name: {name}")
        path = place.replace("shop.orders", f"shop.{name}")
        target = tmp_path / Path(path).relative_to("platform_assets/sources")
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
    monkeypatch.setenv("SHOP_PASSWORD", password)
    monkeypatch.setattr(sources, "__path__", list(sources.__path__))
    monkeypatch.setenv(sources.VARIABLE, str(tmp_path))
    load_contracts.cache_clear()
    made = Scene(stack, "shop_orders", TopicName("shop", name))
    yield made
    drop_source(stack, made.source)
    monkeypatch.undo()
    load_contracts.cache_clear()


def test_a_database_is_read_as_the_page_says(scene: Scene) -> None:
    (block,) = fenced(PAGE, "sh")
    lines = block.splitlines()
    assert [line.split()[1] for line in lines] == ["check", "sources", "restart"]
    told = []
    for line in lines[:2]:
        done = CliRunner().invoke(build(), shlex.split(line)[1:], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        told.append(" ".join(done.output.split()))
    assert "public.orders: whole rows before a change" in told[1]
    dsn = scene.settings.postgres_dsn(str(scene.source.config.database))  # type: ignore[attr-defined]
    with reading(scene) as source, psycopg.connect(dsn, autocommit=True) as connection:
        source.until(1)
        connection.execute("update orders set city = 'Bonn' where id = 1")
        source.until(2)
        assert source.end().error is None
    lake = lake_of(scene)
    lake.run(until=2)
    assert lake.rows().select("id", "amount", "city").rows() == [(1, 9.5, "Bonn")]
    history = lake.rows(scene.topic.history).sort("_kafka_offset")
    assert history.select("city", "op").rows() == [("Ulm", "r"), ("Bonn", "u")]
