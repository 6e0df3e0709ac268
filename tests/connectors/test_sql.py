"""The connector ``sql`` against a real PostgreSQL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import psycopg
import pytest

from platform_assets.connectors.seam import cursors
from platform_assets.connectors.seam.pull import open_reader, pull
from platform_assets.connectors.seam.reader import SourceRefusedError
from platform_assets.connectors.seam.types import Maturity
from platform_assets.core.settings import Settings
from tests.connectors.behaviour import Behaviour
from tests.connectors.scene import Scene, new_source

PROVES = {"sql": Maturity.REAL}

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIELDS = {"id": "integer", "amount": "number", "city": "string", "paid": "boolean"}


class Shop:
    """A database with a table of orders."""

    def __init__(self, settings: Settings) -> None:
        self.name = f"shop_{uuid.uuid4().hex[:8]}"
        self.settings, self.password = settings, settings.postgres_password()
        with self._connect("postgres") as connection:
            connection.execute(f"create database {self.name}")
        with self._connect(self.name) as connection:
            connection.execute("create table towns (id text primary key, city text)")
            connection.execute(
                "create table orders (id bigint primary key, amount numeric(12,2), city text,"
                " paid boolean, changed timestamptz not null)"
            )

    def _connect(self, name: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.settings.postgres_dsn(name), autocommit=True)

    def add(self, ids: range, at: datetime = NOON, city: str | None = "Ulm") -> None:
        with self._connect(self.name) as connection, connection.cursor() as cursor:
            cursor.executemany(
                "insert into orders values (%s, %s, %s, %s, %s)",
                [(n, n / 4, city, n % 2 == 0, at + timedelta(seconds=n)) for n in ids],
            )

    def run(self, statement: str) -> None:
        with self._connect(self.name) as connection:
            connection.execute(statement)

    @property
    def config(self) -> dict[str, object]:
        s = self.settings
        url = f"postgresql+psycopg://{s.postgres_user}@{s.postgres_host}:{s.postgres_port}/{self.name}"
        return {"url": url, "password": "SHOP_PASSWORD"}


def orders_of(shop: Shop, folder: Path) -> AbstractContextManager[Scene]:
    """A source of the shop's orders, in pages of ten."""
    options = {"table": "orders", "cursor": "changed", "key": ["id"], "page_rows": 10}
    return new_source(
        shop.settings, folder, "sql", config=shop.config, options=options, fields=FIELDS,
        identity=["id", "changed"], occurred_at="changed",
    )  # fmt: skip


@pytest.fixture
def shop(stack: Settings, monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop(stack)
    monkeypatch.setenv("SHOP_PASSWORD", made.password)
    return made


@pytest.fixture
def scene(shop: Shop, tmp_path: Path) -> Iterator[Scene]:
    with orders_of(shop, tmp_path) as made:
        yield made


def test_rows_come_once_in_pages_and_later_ones_after(scene: Scene, shop: Shop) -> None:
    shop.add(range(25))
    (outcome,) = pull(scene.settings, scene.source)
    assert (outcome.records, outcome.pages, outcome.error) == (25, 3, None)
    assert [row["id"] for row in scene.rows()] == list(range(25))
    assert scene.rows()[3] == {"id": 3, "amount": 0.75, "city": "Ulm", "paid": False}
    (outcome,) = pull(scene.settings, scene.source)
    assert (outcome.records, outcome.pages) == (0, 0)
    shop.add(range(25, 30))
    shop.run("update orders set city = 'Bonn', changed = changed + interval '1 day' where id = 3")
    (outcome,) = pull(scene.settings, scene.source)
    assert outcome.records == 6
    assert [(row["id"], row["city"]) for row in scene.rows()][-1] == (3, "Bonn")
    assert len({one["event_id"] for one in scene.events()}) == 31
    place = cursors.read(scene.settings)[scene.name, "rows"]
    assert place["id"] == 3


def test_a_changed_table_and_a_revoked_password(
    scene: Scene, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add(range(3))
    pull(scene.settings, scene.source)
    shop.run("alter table orders rename column city to town")
    shop.add(range(3, 6))
    (outcome,) = pull(scene.settings, scene.source)
    assert "the source gives no column 'city'" in str(outcome.error)
    assert len(scene.rows()) == 3
    shop.run("alter table orders rename column town to city")
    (outcome,) = pull(scene.settings, scene.source)
    assert (outcome.records, outcome.error) == (3, None)
    monkeypatch.setenv("SHOP_PASSWORD", "wrong")
    with pytest.raises(SourceRefusedError, match="refuses"):
        open_reader(scene.settings, scene.source).check()


def test_check_and_discover_say_what_is_there(scene: Scene, shop: Shop) -> None:
    reader = open_reader(scene.settings, scene.source)
    assert "2 tables" in reader.check()
    assert shop.password not in reader.check()
    stream, _ = reader.discover()
    assert (stream.name, stream.primary_key) == ("orders", ("id",))
    assert stream.schema.names == ["id", "amount", "city", "paid", "changed"]
    reader.close()


class _Towns:
    """The peer of the suite: ids are padded text, so that they grow and may be spoiled."""

    connector = "sql"
    stream = "towns"
    options: ClassVar[dict[str, object]] = {
        "table": "towns",
        "cursor": "id",
        "key": ["id"],
        "page_rows": 10,
    }
    entry: ClassVar[dict[str, object]] = {}

    def __init__(self, shop: Shop) -> None:
        self._shop, self.config = shop, shop.config

    def add(self, ids: range) -> None:
        for n in ids:
            self._shop.run(f"insert into towns values ('{n:06}', 'Ulm')")

    def spoil(self, number: int) -> None:
        self._shop.run(f"insert into towns values ('{number:06}x', 'Ulm')")


class TestBehaviour(Behaviour):
    @pytest.fixture
    def peer(self, shop: Shop) -> _Towns:
        return _Towns(shop)
