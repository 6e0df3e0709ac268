"""The connectors ``sqs``, ``kinesis`` and ``dynamodb`` against moto, an emulator."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest

from platform_assets.connectors.kinds.aws.config import KinesisStream
from platform_assets.connectors.kinds.aws.kinesis import _Shards
from platform_assets.connectors.messages.decode import decoder
from platform_assets.connectors.seam.pull import open_reader, pull
from platform_assets.connectors.seam.reader import ConnectorError, SourceAwayError
from platform_assets.connectors.seam.types import Maturity
from platform_assets.core.settings import Settings
from platform_assets.local.wait import wait_until
from tests.connectors.behaviour import FIELDS, Behaviour
from tests.connectors.reading import read_until
from tests.connectors.scene import Scene, new_source
from tests.connectors.servers import Server, running
from tests.ports import free_port_base

PROVES = dict.fromkeys(("dynamodb", "kinesis", "sqs"), Maturity.EMULATOR)
EXACT = {"dynamodb": False, "kinesis": True, "sqs": False}


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port_base()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port, tmp_path_factory.mktemp("moto") / "log", 120) as server:
        yield server


class _Aws:
    """A client of the emulator, and a source's configuration."""

    stream = "orders"
    connector = ""
    options: dict[str, Any]
    entry: ClassVar[dict[str, Any]] = {}

    def __init__(self, server: Server) -> None:
        endpoint = f"http://127.0.0.1:{server.port}"
        self.name = f"orders-{uuid.uuid4().hex[:8]}"
        self.config = {
            "region": "eu-central-1", "endpoint": endpoint,
            "access_key": "weir", "secret_key": "AWS_TEST_SECRET",
        }  # fmt: skip
        self.client = boto3.client(
            self.connector, region_name="eu-central-1", endpoint_url=endpoint,
            aws_access_key_id="weir", aws_secret_access_key="s3cret",
        )  # fmt: skip

    def put(self, rows: list[dict[str, Any]]) -> None:
        raise NotImplementedError

    def add(self, ids: range) -> None:
        self.put([{"id": n, "city": "Ulm"} for n in ids])

    def spoil(self, number: int) -> None:
        self.put([{"id": f"{number}x", "city": "Ulm"}])


class Queue(_Aws):
    connector = "sqs"

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        made = self.client.create_queue(QueueName=self.name, Attributes={"VisibilityTimeout": "3"})
        self.url = made["QueueUrl"]
        self.options = {"queue": self.name, "page_messages": 10, "wait_seconds": 1}

    def put(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            self.send(json.dumps(row))

    def send(self, body: str) -> None:
        kind = {"kind": {"DataType": "String", "StringValue": "order"}}
        self.client.send_message(QueueUrl=self.url, MessageBody=body, MessageAttributes=kind)

    def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(value) for value in told["Attributes"].values())


class Shards(_Aws):
    connector = "kinesis"

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.client.create_stream(StreamName=self.name, ShardCount=1)
        wait_until(self.active, what="the stream", timeout=20)
        self.options = {"name": self.name, "page_messages": 10, "page_milliseconds": 200}

    def active(self) -> bool:
        told = self.client.describe_stream_summary(StreamName=self.name)
        return bool(told["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE")

    def put(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            data, key = json.dumps(row).encode(), str(row["id"])
            self.client.put_record(StreamName=self.name, Data=data, PartitionKey=key)


class Items(_Aws):
    connector = "dynamodb"

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.client.create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.options = {"table": self.name, "page_messages": 10}

    def put(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            kind = "N" if isinstance(row["id"], int) else "S"
            item = {
                "key": {"S": str(row["id"])},
                "id": {kind: str(row["id"])},
                "city": {"S": row["city"]},
                "tags": {"SS": ["b", "a"]},
                "price": {"M": {"net": {"N": "1.5"}}},
            }
            self.client.put_item(TableName=self.name, Item=item)


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_TEST_SECRET", "s3cret")


@pytest.fixture
def queue(moto: Server) -> Queue:
    return Queue(moto)


class TestSqs(Behaviour):
    """The queue keeps its own place."""

    exact = False
    keeps = False

    @pytest.fixture
    def peer(self, queue: Queue) -> Queue:
        return queue


class TestKinesis(Behaviour):
    """The sequence numbers are the cursor: exactly once."""

    @pytest.fixture
    def peer(self, moto: Server) -> Shards:
        return Shards(moto)


class TestDynamo(Behaviour):
    """A read goes over the table again."""

    exact = False

    @pytest.fixture
    def peer(self, moto: Server) -> Items:
        return Items(moto)


@pytest.fixture
def scene(stack: Settings, queue: Queue, tmp_path: Path) -> Iterator[Scene]:
    with new_source(
        stack, tmp_path, "sqs", config=queue.config, options=queue.options, fields=FIELDS,
        identity=["_id"], occurred_at="_at",
    ) as made:  # fmt: skip
        yield made


def test_a_poisoned_message_is_a_dead_letter_and_leaves_the_queue(
    scene: Scene, queue: Queue
) -> None:
    queue.send("{broken")
    queue.add(range(1, 4))
    outcome = read_until(scene, 4)
    assert (outcome.records, outcome.dead_letters, outcome.error) == (3, 1, None)
    assert queue.left() == 0
    assert all(event["occurred_at"] for event in scene.events())


def test_a_message_that_was_not_deleted_comes_again_under_its_id(
    scene: Scene, queue: Queue
) -> None:
    queue.add(range(1, 4))
    reader = open_reader(scene.settings, scene.source)
    (unacknowledged,) = [next(iter(reader.read("rows", None)))]
    assert unacknowledged.rows.num_rows == 3
    assert unacknowledged.acknowledge is not None
    outcome = read_until(scene, 3)
    assert (outcome.records, queue.left()) == (3, 0)
    given = sorted(unacknowledged.rows.column("_id").to_pylist())
    assert len(set(given)) == 3
    again = {one["event_id"] for one in scene.events()}
    assert len(again) == 3


class _Split:
    """A stream whose one shard was split, as the service tells it; moto keeps on using the old."""

    shards: ClassVar[dict[str, list[int]]] = {"old": [1, 2, 3], "left": [4], "right": [5, 6]}

    def list_shards(self, **_: Any) -> dict[str, Any]:
        children = [{"ShardId": name, "ParentShardId": "old"} for name in ("left", "right")]
        return {"Shards": [*children, {"ShardId": "old", "ParentShardId": "forgotten"}]}

    def get_shard_iterator(self, **asked: Any) -> dict[str, Any]:
        return {"ShardIterator": f"{asked['ShardId']} {asked.get('StartingSequenceNumber', 0)}"}

    def get_records(self, **asked: Any) -> dict[str, Any]:
        shard, after = asked["ShardIterator"].split()
        left = [n for n in self.shards[shard] if n > int(after)][: asked["Limit"]]
        records = [
            {"SequenceNumber": str(n), "Data": b'{"id": 1}', "PartitionKey": "k"} for n in left
        ]
        answer: dict[str, Any] = {"Records": records, "MillisBehindLatest": 0}
        if shard != "old" or (left and left[-1] < 3):
            answer["NextShardIterator"] = f"{shard} {left[-1] if left else after}"
        return answer


def test_a_shard_that_was_split_is_read_to_its_end_before_its_children() -> None:
    def read(place: dict[str, Any], pages: int) -> tuple[list[str], dict[str, Any]]:
        options = KinesisStream(name="orders", page_messages=2)
        shards = _Shards(_Split(), options, "a stream", place)
        ids: list[str] = []
        for _ in range(pages):
            for shard in shards.open()[:1]:
                if (page := shards.page(shard, decoder("json"))) is not None:
                    ids += page.rows.column("_id").to_pylist() if page.rows.num_rows else []
                    assert page.cursor is not None
                    place = dict(page.cursor)
        return ids, place

    ids, place = read({"shards": {}}, 2)
    assert ids == ["old/1", "old/2", "old/3"]
    assert place == {"shards": {"old": None}}
    ids, place = read(place, 1)
    assert ids == ["left/4"]
    assert place == {"shards": {"old": None, "left": "4"}}
    ids, _ = read({"shards": {"old": "1"}}, 1)
    assert ids == ["old/2", "old/3"]


def test_items_that_changed_since(stack: Settings, moto: Server, tmp_path: Path) -> None:
    peer = Items(moto)
    options = {**peer.options, "changed": "id"}
    with new_source(
        stack, tmp_path, "dynamodb", config=peer.config, options=options,
        fields={**FIELDS, "net": "number"},
        columns={"id": "id", "city": "city", "net": "price.net"},
    ) as made:  # fmt: skip
        peer.add(range(25))
        (outcome,) = pull(stack, made.source)
        assert (outcome.records, outcome.error) == (25, None)
        assert {row["net"] for row in made.rows()} == {1.5}
        peer.add(range(25, 28))
        (outcome,) = pull(stack, made.source)
        assert outcome.records == 4  # and the one that was there: another may have its value


def test_who_is_away_and_what_is_not_there(stack: Settings, queue: Queue, tmp_path: Path) -> None:
    away = {**queue.config, "endpoint": "http://127.0.0.1:9"}
    for number, name in enumerate(("sqs", "kinesis", "dynamodb")):
        options = {"sqs": {"queue": "none"}, "kinesis": {"name": "none"}}.get(
            name, {"table": "none"}
        )
        with new_source(
            stack, tmp_path / f"a{number}", name, config=away, options=options, fields=FIELDS
        ) as made, pytest.raises(SourceAwayError, match="does not answer"):  # fmt: skip
            open_reader(stack, made.source).check()
        with new_source(
            stack, tmp_path / f"b{number}", name, config=queue.config, options=options,
            fields=FIELDS,
        ) as made:  # fmt: skip
            reader = open_reader(stack, made.source)
            assert name in reader.check().lower()
            reader.discover()
            with pytest.raises(ConnectorError, match="none"):
                list(reader.read("rows", None))
