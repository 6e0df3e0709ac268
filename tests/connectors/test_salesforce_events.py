"""The connector ``salesforce_events`` against an event bus over real gRPC."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import grpc
import pytest

from platform_assets.connectors.kinds.salesforce.changes import EventSchema
from platform_assets.connectors.kinds.salesforce.protocol import CUSTOM, messages
from platform_assets.connectors.messages.decode import PayloadError
from platform_assets.connectors.seam.pull import open_reader
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    SourceAwayError,
    SourceRefusedError,
)
from platform_assets.connectors.seam.types import Maturity, connector_type
from platform_assets.core.settings import Settings
from tests.connectors.api_peer import loopback
from tests.connectors.api_suite import HttpBehaviour
from tests.connectors.behaviour import FIELDS
from tests.connectors.pubsub_peer import CHANGE, Bus
from tests.connectors.reading import read_until
from tests.connectors.salesforce_peer import Org
from tests.connectors.scene import Scene, new_source

PROVES = {"salesforce_events": Maturity.EMULATOR}

TOPIC, CHANGES = "/event/Order_Paid__e", "/data/AccountChangeEvent"
LOGIN = {"kind": "client_credentials", "client_id": "weir", "client_secret": "SF_SECRET"}

# What the code that is generated from the API's own definition makes of the same messages.
GENERATED = {
    "FetchRequest": "0a0b2f6576656e742f415f5f6510021a0201022007",
    "FetchResponse": "0a100a0b0a026531120273311a01ff1201031201041a01722006",
    "TopicInfo": "0a0b2f6576656e742f415f5f65120174180120012a027331320172",
    "SchemaInfo": "0a027b7d1201731a0172",
}


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_SECRET", "s3cret")


@pytest.fixture
def org() -> Iterator[Org]:
    with Org().serving() as made:
        yield made


@pytest.fixture
def bus() -> Iterator[Bus]:
    with Bus().serving() as made:
        made.events = {TOPIC: [], CHANGES: [], "/event/Secret__e": []}
        yield made


def config(org: Org, bus: Bus) -> dict[str, Any]:
    return {
        "instance": org.url, "login": LOGIN, "endpoint": f"http://127.0.0.1:{bus.port}",
        "attempts": 2, "timeout_seconds": 5,
    }  # fmt: skip


def reader(
    org: Org, bus: Bus, topic: str = TOPIC, networks: str = "127.0.0.0/8", **more: Any
) -> Any:
    kind = connector_type("salesforce_events")
    options = kind.stream.model_validate({"topic": topic, **more})
    stop = threading.Event()
    context = Context(
        Settings(source_networks=networks), "sf_events", streams={"rows": options}, stop=stop
    )
    return kind.open(kind.config.model_validate(config(org, bus)), context)


def paid(number: Any, city: str = "Ulm") -> dict[str, Any]:
    return {
        "CreatedDate": 1_772_366_400_000, "CreatedById": "005", "Number__c": str(number),
        "City__c": city,
    }  # fmt: skip


def change(kind: str, changed: list[str], *records: str, **fields: Any) -> dict[str, Any]:
    header = {
        "entityName": "Account", "recordIds": list(records), "changeType": kind,
        "commitTimestamp": 1_772_366_400_000, "nulledFields": [], "diffFields": [],
        "changedFields": changed,
    }  # fmt: skip
    return {
        "ChangeEventHeader": header,
        "Name": None,
        "Phone": None,
        "AnnualRevenue": None,
        **fields,
    }


def read(one: Any, rows: int, cursor: Any = None) -> tuple[list[dict[str, Any]], Any]:
    """So many rows and the cursor after them."""
    found: list[dict[str, Any]] = []
    with closing(one.read("rows", cursor)) as pages:
        for page in pages:
            found += page.rows.to_pylist()
            cursor = page.cursor
            if len(found) >= rows:
                break
    one.close()
    return found, cursor


def test_the_messages_are_those_of_the_api() -> None:
    made = messages()
    event = made.ProducerEvent(id="e1", schema_id="s1", payload=b"\xff")
    written = {
        "FetchRequest": made.FetchRequest(
            topic_name="/event/A__e", replay_preset=CUSTOM, replay_id=b"\1\2", num_requested=7
        ),
        "FetchResponse": made.FetchResponse(
            events=[made.ConsumerEvent(event=event, replay_id=b"\3")], latest_replay_id=b"\4",
            rpc_id="r", pending_num_requested=6,
        ),
        "TopicInfo": made.TopicInfo(
            topic_name="/event/A__e", tenant_guid="t", can_publish=True, can_subscribe=True,
            schema_id="s1", rpc_id="r",
        ),
        "SchemaInfo": made.SchemaInfo(schema_json="{}", schema_id="s", rpc_id="r"),
    }  # fmt: skip
    assert {name: one.SerializeToString().hex() for name, one in written.items()} == GENERATED


def test_events_are_rows_and_are_read_on_from_the_replay_id(org: Org, bus: Bus) -> None:
    for n in range(1, 26):
        bus.publish(TOPIC, "s1", paid(n))
    rows, cursor = read(reader(org, bus, page_messages=10), 20)
    assert [row["Number__c"] for row in rows] == [str(n) for n in range(1, 21)]
    assert (rows[0]["_id"], rows[0]["_at"].isoformat()) == ("event-1", "2026-03-01T12:00:00+00:00")
    rows, _ = read(reader(org, bus, page_messages=10), 5, cursor)
    assert [row["Number__c"] for row in rows] == [str(n) for n in range(21, 26)]
    assert bus.firsts[-1].replay_preset == CUSTOM
    assert bus.schema_calls == 2, "one for each reader"
    assert bus.most_open <= 10, "never more under way than a page"
    assert bus.tenants == {"00D000000000001AAA"}


def test_a_first_read_may_begin_now(org: Org, bus: Bus) -> None:
    bus.publish(TOPIC, "s1", paid(1))
    one = reader(org, bus, start="latest")
    pages = one.read("rows", None)
    empty = next(pages)
    assert (empty.rows.num_rows, bool(empty.cursor)) == (0, True), "a keepalive moves the cursor"
    bus.publish(TOPIC, "s1", paid(2))
    assert next(pages).rows.to_pylist()[0]["Number__c"] == "2"
    pages.close()
    one.close()


def test_changes_name_their_fields_and_records(org: Org, bus: Bus) -> None:
    name = {"Salutation": None, "FirstName": "Ann", "LastName": "Lee"}
    bus.publish(CHANGES, "c1", change("UPDATE", ["0x0C", "1-0x06"], "001A", "001B", Name=name))
    bus.publish(CHANGES, "c1", change("DELETE", [], "001C"))
    rows, _ = read(reader(org, bus, CHANGES), 3)
    first, second, gone = rows
    assert first["ChangeEventHeader"]["changedFields"] == [
        "Phone", "AnnualRevenue", "Name.FirstName", "Name.LastName"
    ]  # fmt: skip
    assert [row["_record"] for row in rows] == ["001A", "001B", "001C"]
    assert [row["_id"] for row in rows] == ["event-1/001A", "event-1/001B", "event-2"]
    assert (first["Name"]["LastName"], second["Name"]["FirstName"]) == ("Lee", "Ann")
    assert gone["ChangeEventHeader"]["changeType"] == "DELETE"


@pytest.mark.parametrize("wrong", ["0x100", "9-0x01", "2-0x01", "x"])
def test_a_bitmap_that_the_schema_cannot_hold_is_refused(wrong: str) -> None:
    schema = EventSchema(json.dumps(CHANGE))
    with pytest.raises(PayloadError, match="names a field that the schema lacks"):
        list(schema.named([wrong]))


def test_an_event_that_cannot_be_read_is_refused(org: Org, bus: Bus) -> None:
    bus.publish(TOPIC, "s1", b"\xff\xff")
    bus.publish(TOPIC, "s1", paid(2))
    one = reader(org, bus)
    page = next(one.read("rows", None))
    one.close()
    assert [(each.reason[:18], each.raw) for each in page.refused] == [
        ("not of its schema:", b"\xff\xff")
    ]
    assert page.rows.to_pylist()[0]["Number__c"] == "2"


def test_a_session_that_ends_is_renewed(org: Org, bus: Bus) -> None:
    bus.publish(TOPIC, "s1", paid(1))
    one = reader(org, bus)
    pages = (page for page in one.read("rows", None) if page.rows.num_rows)
    assert next(pages).rows.num_rows == 1
    bus.token = org.token = "t2"
    bus.hang_up(grpc.StatusCode.UNAUTHENTICATED)
    bus.publish(TOPIC, "s1", paid(2))
    assert next(pages).rows.to_pylist()[0]["Number__c"] == "2"
    one.close()


def test_errors_say_what_to_do(org: Org, bus: Bus) -> None:
    bus.publish(TOPIC, "s1", paid(1))
    _, cursor = read(reader(org, bus), 1)
    bus.forgotten = 1
    with pytest.raises(ConnectorError, match=r"no events after the cursor.*three days.*reset sf_"):
        read(reader(org, bus), 1, cursor)
    with pytest.raises(ConnectorError, match="no topic /event/None__e"):
        reader(org, bus, "/event/None__e").check()
    with pytest.raises(SourceRefusedError, match="may not be subscribed to"):
        reader(org, bus, "/event/Secret__e").check()
    with pytest.raises(ConnectorError, match="which is internal"):
        reader(org, bus, networks="").check()
    bus.token = "other"
    with pytest.raises(SourceRefusedError, match="the session has ended"):
        reader(org, bus).check()
    bus.stop()
    with pytest.raises(SourceAwayError, match="does not answer"):
        reader(org, bus).check()
    bus.start()


def test_channels_are_discovered_with_their_fields(org: Org, bus: Bus) -> None:
    one = reader(org, bus, CHANGES)
    assert CHANGES in one.check()
    (stream,) = one.discover()
    assert stream.schema.names[:4] == ["_id", "_record", "_at", "_schema"]
    assert str(stream.schema.field("AnnualRevenue").type) == "double"
    assert str(stream.schema.field("Name").type) == "string"
    one.close()


class Channel:
    """A channel as the suite's peer."""

    connector, stream = "salesforce_events", "rows"
    options: ClassVar[dict[str, Any]] = {"topic": TOPIC, "page_messages": 10}
    entry: ClassVar[dict[str, Any]] = {
        "columns": {"id": "Number__c", "city": "City__c"}, "identity": ["_id"],
        "occurred_at": "_at",
    }  # fmt: skip

    def __init__(self, org: Org, bus: Bus) -> None:
        self.config, self._bus = config(org, bus), bus

    def add(self, ids: range) -> None:
        for n in ids:
            self._bus.publish(TOPIC, "s1", paid(n))

    def spoil(self, number: int) -> None:
        self._bus.publish(TOPIC, "s1", paid(f"{number}x"))


class TestBehaviour(HttpBehaviour):
    @pytest.fixture
    def peer(self, org: Org, bus: Bus) -> Channel:
        return Channel(org, bus)

    @pytest.mark.soak
    def test_an_empty_source_gives_nothing(self, scene: Scene) -> None:
        super().test_an_empty_source_gives_nothing(scene)

    @pytest.mark.soak
    def test_a_row_that_cannot_be_mapped_is_a_dead_letter(self, scene: Scene, peer: Any) -> None:
        super().test_a_row_that_cannot_be_mapped_is_a_dead_letter(scene, peer)


def test_a_server_that_goes_away_is_told_and_read_on(
    stack: Settings, org: Org, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, peer = loopback(stack, monkeypatch), Channel(org, bus)
    with new_source(
        settings, tmp_path, peer.connector, config=peer.config, options=peer.options,
        fields=FIELDS, **peer.entry,
    ) as made:  # fmt: skip
        peer.add(range(1, 4))
        assert read_until(made, 3).records == 3
        bus.stop()
        assert "does not answer" in str(read_until(made, 1).error)
        bus.start()
        peer.add(range(4, 6))
        assert read_until(made, 2).records == 2
        assert sorted(row["id"] for row in made.rows()) == list(range(1, 6))
        assert open_reader(settings, made.source).check()
