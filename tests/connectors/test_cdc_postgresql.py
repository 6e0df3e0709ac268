"""Changes of a real PostgreSQL through Debezium on a real Kafka Connect."""

from __future__ import annotations

import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import httpx
import psycopg
import pytest
import yaml

from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.kinds.cdc.reader import CdcReader
from platform_assets.connectors.kinds.cdc.undo import drop_source
from platform_assets.connectors.seam import cursors
from platform_assets.connectors.seam.pull import StreamOutcome, open_reader, pull
from platform_assets.connectors.seam.reader import SourceRefusedError
from platform_assets.connectors.seam.types import Maturity
from platform_assets.contracts.load import load_contracts
from platform_assets.core.settings import Settings
from platform_assets.local import supervise
from platform_assets.local.wait import wait_until
from platform_assets.streaming.plan import Broker
from tests.connectors.behaviour import Behaviour
from tests.connectors.scene import Scene, committed, new_source
from tests.integration.lake import Lake

PROVES = {"postgresql_cdc": Maturity.REAL}

FIELDS = {"id": "integer", "amount": "number", "city": "string", "day": "date", "note": "string"}
TABLE = "id bigint primary key, amount numeric(12,2), city text, day date, note text"
CHANGE: dict[str, Any] = {"identity": ["_position"], "occurred_at": "_committed_at"}


class Shop:
    """A database of its own with a user of its own, who may replicate."""

    def __init__(self, settings: Settings) -> None:
        self.name = self.user = f"shop_{uuid.uuid4().hex[:8]}"
        self.settings, self.password = settings, uuid.uuid4().hex
        with psycopg.connect(settings.postgres_dsn("postgres"), autocommit=True) as connection:
            connection.execute(
                f"create role {self.user} login replication password '{self.password}'"
            )
            connection.execute(f"create database {self.name} owner {self.user}")
        self.db = psycopg.connect(settings.postgres_dsn(self.name), autocommit=True)
        self.run(f"set role {self.user}")

    def run(self, statement: str) -> None:
        self.db.execute(statement)

    def table(self, name: str, columns: str = TABLE) -> None:
        self.run(f"create table {name} ({columns})")
        self.run(f"alter table {name} replica identity full")

    @property
    def config(self) -> dict[str, Any]:
        s = self.settings
        return {
            "host": s.postgres_host, "port": s.postgres_port, "user": self.user,
            "password": "SHOP_PASSWORD", "database": self.name,
        }  # fmt: skip


@pytest.fixture(scope="module")
def shop(stack: Settings) -> Iterator[Shop]:
    with pytest.MonkeyPatch.context() as patch:
        made = Shop(stack)
        patch.setenv("SHOP_PASSWORD", made.password)
        yield made
        made.db.close()


def reader_of(scene: Scene) -> CdcReader:
    reader = open_reader(scene.settings, scene.source)
    assert isinstance(reader, CdcReader)
    return reader


def as_change_topic(folder: Path, scene: Scene) -> None:
    """Make the scene's contract one of changes, its key the first field."""
    path = folder / scene.name / f"{scene.topic}.yaml"
    text = yaml.safe_load(path.read_text())
    text["customProperties"][0]["value"] = "change"
    properties = text["schema"][0]["properties"]
    properties[0].pop("primaryKey")
    properties[1]["primaryKey"] = True
    path.write_text(yaml.safe_dump(text, sort_keys=False))


@contextmanager
def changes(
    shop: Shop, folder: Path, table: str, *, settings: dict[str, Any] | None = None,
    fields: dict[str, str] = FIELDS, columns: dict[str, str] | None = None, **options: Any,
) -> Iterator[Scene]:  # fmt: skip
    """A source of one table, whose topic is one of changes."""
    config = shop.config | ({"settings": settings} if settings else {})
    with new_source(
        shop.settings, folder, "postgresql_cdc", config=config, options=options,
        stream=f"public.{table}", fields=fields, columns=columns, **CHANGE,
    ) as scene:  # fmt: skip
        as_change_topic(folder, scene)
        try:
            yield scene
        finally:
            with closing(reader_of(scene)) as reader:
                reader.drop()


def lake_of(scene: Scene) -> Lake:
    """The scene's topic as a lake that can be run."""
    contract = load_contracts()[scene.topic]
    encoder = Encoder(contract, 0, scene.name)
    return Lake(scene.settings, contract, encoder, Broker(scene.settings))


class Reading:
    """A source being read beside the test."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.stop = scene, threading.Event()
        self.outcome: StreamOutcome | None = None
        self.error: BaseException | None = None
        self.seen = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            (self.outcome,) = pull(
                self.scene.settings, self.scene.source, stop=self.stop, told=self._told
            )
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.error = error

    def _told(self, outcome: StreamOutcome) -> None:
        self.outcome = replace(outcome)
        self.seen = outcome.records

    def until(self, records: int, seconds: float = 90) -> None:
        """Wait until so many records were committed by this reading."""
        self.when(lambda: self.seen >= records, f"{records} records", seconds)

    def when(self, condition: Callable[[], object], what: str, seconds: float = 90) -> None:
        def seen() -> bool:
            if self.error is not None:
                pytest.fail(f"it failed: {self.error}")
            if not self._thread.is_alive() and not condition():
                pytest.fail(f"it ended: {self.outcome}")
            return bool(condition())

        wait_until(seen, what=what, timeout=seconds, every=0.05)

    def end(self) -> StreamOutcome:
        self.stop.set()
        self._thread.join(60)
        if self.error is not None:
            raise self.error
        assert self.outcome is not None
        return self.outcome


@contextmanager
def reading(scene: Scene) -> Iterator[Reading]:
    made = Reading(scene)
    try:
        yield made
    finally:
        made.stop.set()
        made._thread.join(60)


def test_a_snapshot_and_what_follows(shop: Shop, tmp_path: Path) -> None:
    shop.table("orders")
    shop.run(
        "insert into orders values (1, 1.50, 'Ulm', '2026-03-01', 'x'), (2, 2, null, null, '')"
    )
    with changes(shop, tmp_path, "orders") as scene:
        with reading(scene) as source:
            source.until(2)
            shop.run("insert into orders values (3, -0.25, 'Bonn', '1999-12-31', 'y')")
            shop.run("begin; update orders set city = 'Köln' where id = 1;"
                     " update orders set amount = 7 where id = 3; commit")  # fmt: skip
            shop.run("update orders set id = 20 where id = 2")
            shop.run("delete from orders where id = 3")
            source.until(8)
            outcome = source.end()
        assert (outcome.error, outcome.dead_letters) == (None, 0)
        assert outcome.lag is not None
        assert outcome.lag < 60
        told = [
            (one["op"], (one["before"] or {}).get("city"), one["after"] and one["after"]["id"])
            for one in scene.events()
        ]
        assert told == [
            ("r", None, 1), ("r", None, 2), ("c", None, 3), ("u", "Ulm", 1), ("u", "Bonn", 3),
            ("d", None, None), ("c", None, 20), ("d", "Bonn", None),
        ]  # fmt: skip
        first = {"id": 1, "amount": 1.5, "city": "Ulm", "day": date(2026, 3, 1), "note": "x"}
        assert scene.rows()[0] == first
        times = [one["occurred_at"] for one in scene.events()]
        assert times[2:] == sorted(times[2:])
        assert len({one["event_id"] for one in scene.events()}) == 8
        with reading(scene) as again:
            shop.run("insert into orders (id) values (4)")
            again.until(1)
            assert again.end().records == 1
        assert len(scene.events()) == 9
        lake = lake_of(scene)
        lake.run(until=9)
        current = lake.rows().sort("id").select("id", "city", "amount").rows()
        assert current == [(1, "Köln", 1.5), (4, None, None), (20, None, 2.0)]
        history = lake.rows(scene.topic.history).sort("id", "_kafka_offset")
        assert history.select("id", "city", "op").rows() == [
            (1, "Ulm", "r"), (1, "Köln", "u"), (2, None, "r"), (2, None, "d"), (3, "Bonn", "c"),
            (3, "Bonn", "u"), (3, "Bonn", "d"), (4, None, "c"), (20, None, "c"),
        ]  # fmt: skip
        # The next read begins after the last change, also in a new process.
        assert cursors.read(shop.settings)[scene.name, "public.orders"]["offset"] == 9


def test_large_values_and_tombstones(shop: Shop, tmp_path: Path) -> None:
    """A large value that an update leaves alone is not in the log."""
    shop.table("bare")
    shop.table("whole")
    big = "".join(uuid.uuid4().hex for _ in range(400))
    for name in ("bare", "whole"):
        shop.run(f"alter table {name} alter note set storage external")
    shop.run("alter table bare replica identity default")
    fields = FIELDS | {"missing": "string"}
    columns = {name: name for name in FIELDS} | {"missing": "_missing"}
    for table, note, missing in (("bare", None, "note"), ("whole", big, None)):
        with changes(
            shop, tmp_path, table, fields=fields, columns=columns,
            settings={"tombstones.on.delete": True},
        ) as scene, reading(scene) as source:  # fmt: skip
            shop.run(f"insert into {table} (id, city, note) values (1, 'Ulm', '{big}')")
            source.until(1)
            shop.run(f"update {table} set city = 'Bonn' where id = 1")
            shop.run(f"delete from {table} where id = 1")
            shop.run(f"insert into {table} (id) values (2)")
            source.until(4)
            assert source.end().error is None
            rows = scene.rows()
            assert rows[0]["note"] == big
            assert (rows[1]["city"], rows[1]["note"], rows[1]["missing"]) == ("Bonn", note, missing)
            assert [one["op"] for one in scene.events()][1:] == ["u", "d", "c"]
            raw = committed(shop.settings, f"_weir_cdc.{scene.name}.public.{table}")
            assert [value == b"" for _, value, _ in raw] == [False, False, False, True, False]


def test_a_table_that_changes_its_shape_or_is_truncated(shop: Shop, tmp_path: Path) -> None:
    shop.table("shapes")
    with changes(shop, tmp_path, "shapes") as scene:
        with reading(scene) as source:
            shop.run("insert into shapes (id, city) values (1, 'Ulm')")
            source.until(1)
            shop.run("alter table shapes add column colour text default 'red'")
            shop.run("insert into shapes (id, city) values (2, 'Bonn')")
            source.until(2)
            shop.run("truncate shapes")
            source.when(lambda: source.outcome and source.outcome.dead_letters, "a dead letter")
            shop.run("alter table shapes rename column city to town")
            shop.run("insert into shapes (id) values (3)")
            source.when(lambda: source.outcome and source.outcome.error, "an error")
            outcome = source.end()
        assert "the source gives no column 'city'" in str(outcome.error)
        assert [row["id"] for row in scene.rows()] == [1, 2]
        ((_, headers),) = scene.letters()
        assert "was truncated: the rows that it held stay current" in headers["reason"]


def test_check_says_what_is_amiss(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.table("checked")
    shop.table("keys")
    shop.run("alter table keys replica identity default")
    with changes(shop, tmp_path, "keys") as scene:
        with closing(reader_of(scene)) as reader:
            told = reader.check()
            assert "public.keys: warning: the key alone before a change" in told
            assert "slot weir_" in told
            assert "not made yet" in told
            names = {one.name: one for one in reader.discover()}
            assert names["public.keys"].primary_key == ("id",)
            assert names["public.checked"].schema.names == list(FIELDS)
        with reading(scene) as source:
            shop.run("insert into keys (id) values (1)")
            source.until(1)
            source.end()
            with closing(reader_of(scene)) as reader:
                told = reader.check()
            assert "read, 0." in told.split("slot weir_")[1]
            assert "MiB of WAL retained" in told
        with monkeypatch.context() as patch:
            patch.setenv("SHOP_PASSWORD", "revoked")
            with closing(reader_of(scene)) as reader, pytest.raises(SourceRefusedError):
                reader.check()
            (outcome,) = pull(scene.settings, scene.source)
            assert "refuses" in str(outcome.error)
            assert shop.password not in str(outcome.error)
        definition = tmp_path / scene.name / "defs.yaml"
        before = definition.read_text()
        definition.write_text(before.replace("stream: public.keys", "stream: public.checked"))
        (outcome,) = pull(scene.settings, scene.source)
        assert "public.checked: added to a source that is being read" in str(outcome.error)
        definition.write_text(before)
        dropped = drop_source(scene.settings, scene.source)
        assert dropped[0] == "connector"
        assert any(one.startswith("topic _weir_cdc.") for one in dropped)
        assert dropped[-2:] == [f"slot weir_{scene.name}", f"publication weir_{scene.name}"]
        assert not list((scene.settings.home / "secrets" / "connect").glob(f"{scene.name}.*"))
        assert (scene.name, "public.keys") not in cursors.read(scene.settings)
        with reading(scene) as source:
            source.until(1)
        assert [one["op"] for one in scene.events()][1:] == ["r"]


def _is_past_snapshot(scene: Scene) -> bool:
    """Whether Connect has stored a place behind the snapshot."""
    address = f"{scene.settings.connect_url}/connectors/{scene.name}/offsets"
    places = [one["offset"] for one in httpx.get(address, timeout=10).json()["offsets"]]
    past = [one.get("last_snapshot_record") or not one.get("snapshot") for one in places if one]
    return bool(past) and all(past)


def test_a_killed_worker_loses_and_doubles_nothing(shop: Shop, tmp_path: Path) -> None:
    shop.table("many")
    with changes(shop, tmp_path, "many") as scene, reading(scene) as source:
        shop.run("insert into many (id, city) select n, 'a' from generate_series(1, 50) n")
        source.until(50)
        # A snapshot that a kill breaks off is taken again, as the documentation says.
        wait_until(partial(_is_past_snapshot, scene), what="Debezium keeps its place", timeout=60)
        done = threading.Event()

        def write() -> None:
            with psycopg.connect(shop.settings.postgres_dsn(shop.name), autocommit=True) as other:
                for number in range(51, 1051):
                    other.execute("insert into many (id, city) values (%s, 'b')", (number,))
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        source.until(400)
        (connect,) = supervise.status(shop.settings, ["connect"])
        assert connect.pid is not None
        os.kill(connect.pid, signal.SIGKILL)
        writer.join(120)
        assert done.is_set()
        source.until(1050, seconds=180)
        assert source.end().error is None
        ids = [row["id"] for row in scene.rows()]
        assert ids == list(range(1, 1051))
        raw = committed(shop.settings, f"_weir_cdc.{scene.name}.public.many")
        assert len(raw) >= 1050


class _Table:
    """The peer of the suite: a table of its own, and how many rows it was given."""

    connector = "postgresql_cdc"
    entry: ClassVar[dict[str, Any]] = CHANGE
    options: ClassVar[dict[str, Any]] = {"page_rows": 10}

    def __init__(self, shop: Shop) -> None:
        self._shop, self.config, self.given = shop, shop.config, 0
        self.name = f"t_{uuid.uuid4().hex[:8]}"
        self.stream = f"public.{self.name}"
        shop.table(self.name, "id bigint primary key, city text")

    def add(self, ids: range) -> None:
        self.given += len(ids)
        values = ", ".join(f"({n}, 'Ulm')" for n in ids)
        self._shop.run(f"insert into {self.name} values {values}")

    def spoil(self, number: int) -> None:
        raise NotImplementedError(number)


class TestBehaviour(Behaviour):
    typed = True

    @pytest.fixture
    def peer(self, shop: Shop) -> _Table:
        return _Table(shop)

    @pytest.fixture(autouse=True)
    def _dropped(self, scene: Scene, peer: _Table) -> Iterator[None]:
        self._peer = peer
        yield
        with closing(reader_of(scene)) as reader:
            reader.drop()

    def read(self, scene: Scene, wanted: int = 0) -> StreamOutcome:
        """Until all that the table was given is in the log."""
        begun = any(source == scene.name for source, _ in cursors.read(scene.settings))
        left = self._peer.given - (len(scene.events()) if begun else 0)
        with reading(scene) as source, closing(reader_of(scene)) as reader:
            if left:
                source.until(left)
            else:
                source.when(lambda: "read, " in reader.check(), "the slot being read")
            return source.end()
