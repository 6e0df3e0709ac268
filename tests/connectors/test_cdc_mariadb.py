"""Changes of a real MariaDB through Debezium on a real Kafka Connect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from platform_assets.connectors.kinds.cdc.undo import drop_source
from platform_assets.connectors.seam.pull import open_reader
from platform_assets.connectors.seam.reader import SourceRefusedError
from platform_assets.connectors.seam.types import Maturity
from platform_assets.core.settings import Settings
from tests.connectors.mariadb import MariaDb, mariadb
from tests.connectors.scene import Scene, new_source
from tests.connectors.test_cdc_postgresql import CHANGE, FIELDS, as_change_topic, reading

PROVES = {"mariadb_cdc": Maturity.REAL}


@pytest.fixture(scope="module")
def server(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    with mariadb(stack, tmp_path_factory.mktemp("m")) as made:
        yield made


@pytest.fixture
def scene(
    stack: Settings, server: MariaDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    server.run(
        "create or replace table shop.orders (id bigint primary key, amount decimal(12,2),"
        " city varchar(40), day date, note text)"
    )
    monkeypatch.setenv("SHOP_PASSWORD", server.password)
    config = {
        "host": "127.0.0.1", "port": server.port, "user": "weir", "password": "SHOP_PASSWORD",
        "database": "shop", "settings": {"database.ssl.mode": "disable"},
    }  # fmt: skip
    with new_source(
        stack, tmp_path, "mariadb_cdc", config=config, options={}, fields=FIELDS,
        stream="shop.orders", **CHANGE,
    ) as made:  # fmt: skip
        as_change_topic(tmp_path, made)
        yield made
        drop_source(stack, made.source)


def test_a_snapshot_and_what_follows(
    scene: Scene, server: MariaDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_reader(scene.settings, scene.source)) as reader:
        assert "Debezium reaches it" in reader.check()
    server.run("insert into shop.orders values (1, 1.50, 'Köln', '2026-03-01', 'x')")
    with reading(scene) as source:
        source.until(1)
        server.run("insert into shop.orders (id, city) values (2, 'Bonn'), (3, 'Ulm')")
        server.run("update shop.orders set city = 'Mainz' where id = 1")
        server.run("delete from shop.orders where id = 2")
        source.until(5)
        server.run("alter table shop.orders add column colour text default 'red'")
        server.run("insert into shop.orders (id, amount) values (4, -0.25)")
        source.until(6)
        assert source.end().error is None
    first = {"id": 1, "amount": 1.5, "city": "Köln", "day": date(2026, 3, 1), "note": "x"}
    events = scene.events()
    assert events[0]["after"] == first
    assert [(one["op"], (one["before"] or {}).get("city")) for one in events] == [
        ("r", None), ("c", None), ("c", None), ("u", "Köln"), ("d", "Bonn"), ("c", None),
    ]  # fmt: skip
    assert events[-1]["after"]["amount"] == -0.25
    assert len({one["event_id"] for one in events}) == 6
    monkeypatch.setenv("SHOP_PASSWORD", "revoked")
    refused = pytest.raises(SourceRefusedError, match=r"(?i)access denied")
    with closing(open_reader(scene.settings, scene.source)) as reader, refused:
        reader.check()
