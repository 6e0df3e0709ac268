"""Sources that change under the stream, and logs that lose their beginning."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import fastavro
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from deltalake import DeltaTable

from platform_assets.connectors.avro_codec import FRAME, Encoder
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.registry import SchemaRefusedError
from platform_assets.contracts.avro import value_schema
from platform_assets.contracts.model import Column, Contract, LogicalType
from platform_assets.core.settings import Settings
from platform_assets.graph.runs import stream as stream_run
from platform_assets.streaming import microbatch
from platform_assets.streaming.halts import Reason
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.ledger_database import ledger_database
from platform_assets.streaming.topics import NothingToAcceptError, TopicStates
from platform_assets.streaming.whole import ReplayError
from platform_assets.streaming.windows import Windows
from tests.integration.lake import START, Lake, forget, open_lake

CHANNEL = Column("channel", LogicalType.STRING, "Where the visitor came from.")


def deploy(lake: Lake, **changes: Any) -> None:
    """A changed contract, registered and taken over by source and stream."""
    contract = replace(lake.contract, **changes)
    ids = ensure_topics(lake.settings, [contract])
    lake.contract, lake.encoder = contract, Encoder(contract, ids[contract.topic], "test")


def without(lake: Lake, name: str) -> dict[str, Any]:
    """The changes that take a column out of a contract."""
    contract = lake.contract
    return {
        "columns": tuple(column for column in contract.columns if column.name != name),
        "rules": tuple(rule for rule in contract.rules if rule.column != name),
    }


def foreign_value(
    lake: Lake, subject: str, types: dict[str, Any]
) -> Callable[[str, dict[str, Any]], bytes]:
    """Registers the envelope with other types of payload fields under a subject; encodes it."""
    schema = json.loads(json.dumps(value_schema(lake.contract)))
    for image in ("before", "after"):
        (field,) = [field for field in schema["fields"] if field["name"] == image]
        for payload in field["type"][1]["fields"]:
            if payload["name"] in types:
                payload["type"] = ["null", types[payload["name"]]]
    client = SchemaRegistryClient({"url": lake.settings.registry_url})
    schema_id = client.register_schema(subject, Schema(json.dumps(schema), "AVRO"))
    parsed = fastavro.parse_schema(schema)

    def encode(event_id: str, payload: dict[str, Any]) -> bytes:
        fields = {"user_id": 1, "product_id": 2, "event_type": "view", "price": 0.0, **payload}
        body = io.BytesIO()
        body.write(FRAME.pack(0, schema_id))
        fastavro.schemaless_writer(
            body,
            parsed,
            {
                "event_id": event_id, "source": "test", "entity": "e", "op": "c",
                "occurred_at": START, "ingested_at": START, "before": None, "after": fields,
            },
        )  # fmt: skip
        return body.getvalue()

    return encode


def test_a_column_that_the_source_adds(stack: Settings) -> None:
    lake = open_lake(stack)
    lake.send_events(range(50))
    lake.run()
    before, old = lake.published(), lake.contract
    deploy(lake, columns=(*lake.contract.columns, CHANNEL))
    lake.send(
        [
            (f"n{n}", lake.value(f"n{n}", START, channel="mail" if n % 2 else None))
            for n in range(20)
        ]
    )
    lake.contract, new = old, lake.contract
    lake.run()  # the source is ahead of the contract: the field waits in the bytes
    assert "channel" not in lake.rows().columns
    assert len(lake.rows()) == 70
    lake.contract = new
    lake.send([("later", lake.value("later", START, channel="shop"))])
    lake.run()
    assert lake.rows().filter(event_id="later")["channel"].to_list() == ["shop"]
    assert set(before) <= set(lake.published())
    processor = lake.processor()
    for key in Windows(stack).keys(lake.topic):
        processor.replay_bronze(lake.contract, key)
        for _ in processor.replay_silver(lake.contract, processor.ledger.batches(lake.topic, key)):
            pass
    assert lake.rows()["channel"].value_counts(sort=True).rows() == [
        (None, 60), ("mail", 10), ("shop", 1),
    ]  # fmt: skip
    lake.assert_balanced()


def test_a_column_that_the_source_stops_sending(stack: Settings) -> None:
    lake = open_lake(stack)
    lake.send_events(range(50))
    lake.run()
    full = lake.contract
    deploy(lake, **without(lake, "price"))
    lake.send([(f"n{n}", lake.value(f"n{n}", START)) for n in range(10)])
    slim, lake.contract = lake.contract, full
    lake.run()  # the contract still requires it: rows are kept aside, with the rule's name
    assert set(lake.rows(lake.topic.quarantine)["rule"]) == {"price_not_null"}
    lake.contract = slim
    lake.send([("later", lake.value("later", START))])
    lake.run()
    processor = lake.processor()
    for _ in processor.replay_silver(
        slim, processor.ledger.batches_with_rejects(lake.topic), accept=True
    ):
        pass
    assert len(lake.rows()) == 61
    assert lake.rows()["price"].null_count() == 11, "what is there stays, what is not is null"
    assert len(lake.rows(lake.topic.quarantine)) == 0
    lake.assert_balanced()


def test_a_column_that_the_source_widens(stack: Settings) -> None:
    lake = open_lake(stack)
    narrow = foreign_value(lake, f"{lake.topic}-narrow", {"user_id": "int", "price": "float"})
    lake.send([(f"i{n}", narrow(f"i{n}", {"user_id": n + 1})) for n in range(20)])
    lake.send([(f"l{n}", lake.value(f"l{n}", START, user_id=n + 1)) for n in range(20)])
    lake.run()
    assert sorted(lake.rows()["user_id"].to_list()) == sorted([*range(1, 21)] * 2)
    lake.assert_balanced()


def test_the_registry_takes_int_to_long_and_refuses_number_to_string(stack: Settings) -> None:
    lake = open_lake(stack)
    narrow = value_schema(lake.contract)
    text = json.dumps(narrow).replace('{"name": "user_id", "type": ["null", "long"]',
                                      '{"name": "user_id", "type": ["null", "int"]')  # fmt: skip
    assert '"int"' in text
    subject = f"{lake.topic}-widened"
    client = SchemaRegistryClient({"url": stack.registry_url})
    client.register_schema(subject, Schema(text, "AVRO"))
    assert client.test_compatibility(subject, Schema(json.dumps(narrow), "AVRO"))
    columns = tuple(
        replace(column, type=LogicalType.STRING) if column.name == "price" else column
        for column in lake.contract.columns
    )
    with pytest.raises(SchemaRefusedError, match="not BACKWARD compatible") as refusal:
        ensure_topics(stack, [replace(lake.contract, columns=columns)])
    assert lake.topic.subject in str(refusal.value)
    assert "price was double and is to be string" in str(refusal.value)
    lake.send_events(range(10))
    lake.run()
    assert len(lake.rows()) == 10, "a refused change leaves the topic as it was"


def test_a_producer_that_goes_around_the_registry(stack: Settings) -> None:
    lake = open_lake(stack)
    rogue = foreign_value(lake, f"{lake.topic}-rogue", {"price": "string", "user_id": "double"})
    lake.send_events(range(30))
    lake.send(
        [
            ("fits", rogue("fits", {"price": "0.0", "user_id": 7.0})),
            ("text", rogue("text", {"price": "cheap", "user_id": 7.0})),
            ("half", rogue("half", {"price": "0.0", "user_id": 7.5})),
        ]
    )
    lake.run()
    assert lake.rows().filter(event_id="fits").select("user_id", "price").rows() == [(7, 0.0)]
    rejected = {row["event_id"]: row for row in lake.rows(lake.topic.quarantine).to_dicts()}
    assert {row["rule"] for row in rejected.values()} == {"type"}
    assert "price: 'cheap' is not a number" in rejected["text"]["reason"]
    assert "user_id: '7.5' is not an integer" in rejected["half"]["reason"]
    assert all(row["kafka_value"] for row in rejected.values())
    lake.assert_balanced()


def test_poison_in_the_middle_of_a_batch_takes_nothing_with_it(stack: Settings) -> None:
    lake = open_lake(stack)
    good = lake.value("e1", START)
    poison = {
        "empty": b"",
        "unframed": b"{'json': 1}",
        "unknown schema": FRAME.pack(0, 999_999) + good[5:],
        "cut off": good[:-3],
        "too long": good + b"tail",
        "a length of petabytes": good[:5] + b"\x02" + b"\xfe" * 8 + b"\x01" + good[14:],
        "no such branch": good[:5] + b"\x10" + good[6:],
        "only a frame": good[:5],
    }
    around = [(f"e{n}", lake.value(f"e{n}", START)) for n in range(200)]
    bad = [(f"p{n}", value) for n, value in enumerate(poison.values())]
    lake.send([*around[:100], *bad, *around[100:]])
    lake.run()
    bronze = lake.rows(lake.topic.bronze)
    lost = bronze.filter(~bronze["decode_error"].is_null())
    assert sorted(lost["kafka_value"].to_list()) == sorted(poison.values())
    assert all(lost["decode_error"].str.len_chars() > 5)
    assert len(lake.rows()) == 200
    assert Ledger(stack).totals(lake.topic).dead_letters == len(poison)
    lake.assert_balanced()


def test_records_hours_late_land_on_their_own_day_and_wake_gold(stack: Settings) -> None:
    lake = open_lake(stack)
    lake.send_events(range(100))
    lake.run()
    ledger = Ledger(stack)
    before = ledger.totals(lake.topic).late
    _, cursors = ledger.changed_dates("test-late", [lake.topic], 1000)
    ledger.advance("test-late", cursors)
    at = START - timedelta(hours=40)
    lake.send([("late", lake.value("late", at)), ("again", lake.value("e5", START))])
    lake.run()
    assert lake.rows().filter(event_id="late")["event_date"].to_list() == [at.date()]
    dates, _ = ledger.changed_dates("test-late", [lake.topic], 1000)
    assert at.date() in dates[lake.topic]
    assert ledger.totals(lake.topic).late == before + 1
    lake.assert_balanced()


def test_a_clock_that_steps_back_changes_no_order(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, calm = open_lake(stack, window_seconds=60), open_lake(stack, window_seconds=60)
    shown = [0, 61, 130, -300, 20, 131, 400]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return START + timedelta(seconds=shift)

    monkeypatch.setattr(microbatch, "datetime", Clock)
    for turn, shift in enumerate(shown):  # noqa: B007 - read by the clock
        lake.send_events(range(turn * 10, turn * 10 + 10))
        lake.run()
    monkeypatch.undo()
    with ledger_database(stack).borrow() as connection:
        rows = connection.execute(
            """SELECT id, window_key, opened_at FROM micro_batch JOIN stream_window
               USING (topic, window_key) WHERE topic = %s ORDER BY id""",
            (str(lake.topic),),
        ).fetchall()
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    opened = [row[2] for row in rows]
    assert opened == sorted(opened)
    assert [at - START for at in sorted(set(opened))] == [
        timedelta(seconds=seconds) for seconds in (0, 60, 120, 360)
    ]
    calm.send_events(range(70))
    calm.run()
    assert lake.published() == calm.published()
    lake.assert_balanced()


def test_a_clock_that_jumps_and_returns_pins_nothing(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = open_lake(stack, window_seconds=60)
    windows, far = Windows(stack), 400 * 86_400
    shown = [0, 61, far, far + 61, 62, 130, -far, 131, 190]
    used: list[int] = []

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return START + timedelta(seconds=shift)

    monkeypatch.setattr(microbatch, "datetime", Clock)
    for turn, shift in enumerate(shown):  # noqa: B007 - read by the clock
        lake.send_events(range(turn * 10, turn * 10 + 10))
        lake.run()
        windows.close_due(lake.topic, Clock.now())
        with ledger_database(stack).borrow() as connection:
            (row,) = connection.execute(
                """SELECT opened_at FROM micro_batch JOIN stream_window USING (topic, window_key)
                   WHERE topic = %s ORDER BY id DESC LIMIT 1""",
                (str(lake.topic),),
            ).fetchall()
        used.append(round((row[0] - START).total_seconds()))
    monkeypatch.undo()
    assert used == [shift // 60 * 60 for shift in shown]
    windows.close_due(lake.topic, START + timedelta(seconds=1000))
    closed = {key for topic, key in windows.unchecked(100_000) if topic == lake.topic}
    assert closed == set(windows.keys(lake.topic)), "those of the jumps are checked, too"
    for key in windows.keys(lake.topic):
        assert lake.processor().replay_bronze(lake.contract, key) >= 10
    assert len(lake.rows()) == 10 * len(shown)
    lake.assert_balanced()


def test_a_replay_of_what_the_log_has_lost_comes_from_bronze(stack: Settings) -> None:
    lake = open_lake(stack)
    lake.send_events(range(200))
    lake.run()
    before, bronze = lake.published(), lake.rows(lake.topic.bronze).sort("kafka_value")
    forget(lake, {p: extent.high for p, extent in lake.broker.extents(lake.topic).items()})
    (key,) = Windows(stack).keys(lake.topic)
    processor = lake.processor()
    assert processor.replay_bronze(lake.contract, key) == 200
    for _ in processor.replay_silver(lake.contract, processor.ledger.batches(lake.topic, key)):
        pass
    assert lake.published() == before
    assert lake.rows(lake.topic.bronze).sort("kafka_value").equals(bronze)
    lake.assert_balanced()


def test_what_neither_log_nor_bronze_hold_is_said_and_nothing_is_touched(stack: Settings) -> None:
    lake = open_lake(stack)
    lake.send_events(range(100))
    lake.run()
    DeltaTable(f"{stack.lake_root}/{lake.topic.bronze.path}").delete("kafka_offset < 3")
    left = len(lake.rows(lake.topic.bronze))
    assert left < 100
    forget(lake, {p: extent.high for p, extent in lake.broker.extents(lake.topic).items()})
    before = lake.published()
    (key,) = Windows(stack).keys(lake.topic)
    with pytest.raises(ReplayError, match=f" holds {left} of the 100 records"):
        lake.processor().replay_bronze(lake.contract, key)
    assert len(lake.rows(lake.topic.bronze)) == left
    assert lake.published() == before


def test_records_lost_before_they_were_taken_halt_until_a_person_accepts(stack: Settings) -> None:
    lake = open_lake(stack)
    lake.send_events(range(100))
    lake.run()
    taken = {p: extent.high for p, extent in lake.broker.extents(lake.topic).items()}
    lake.send_events(range(100, 200))
    forget(lake, {p: at + 10 for p, at in taken.items()})
    reason = lake.halted()
    for partition, at in taken.items():
        assert f"partition {partition}: offsets {at} to {at + 9}" in reason
    assert f"weir streams resume {lake.topic} --accept" in reason
    assert len(lake.rows()) == 100
    states = TopicStates(stack)
    states.set_paused(lake.topic, paused=False)
    assert "never taken" in lake.halted(), "resuming alone accepts no loss"
    states.accept(lake.topic)
    loop, lease = lake.loop()
    wanted = 200 - 10 * len(taken)
    with lease:
        for _ in loop.steps(0.2):
            totals = Ledger(stack).totals(lake.topic)
            if totals.records - totals.open_records >= wanted:
                loop.stop()
    assert len(lake.rows()) == wanted
    assert states.read(lake.topic).error is None
    assert states.read(lake.topic).accepted is None
    lake.assert_balanced()


def test_an_empty_topic_beside_time_is_still_no_micro_batch(stack: Settings) -> None:
    lake = open_lake(stack)
    assert lake.run() == 0
    assert Windows(stack).keys(lake.topic) == []
    assert Windows(stack).close_due(lake.topic, datetime.now(UTC) + timedelta(days=1)) == []
    assert Ledger(stack).progress(lake.topic).last_id == 0


def test_a_refused_contract_halts_its_own_topic_alone(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine, refused = open_lake(stack), open_lake(stack)
    columns = tuple(
        replace(column, type=LogicalType.STRING) if column.name == "price" else column
        for column in refused.contract.columns
    )
    bad = replace(refused.contract, columns=columns)
    monkeypatch.setattr(
        stream_run, "load_contracts", lambda: {fine.topic: fine.contract, bad.topic: bad}
    )
    context = SimpleNamespace(log=logging.getLogger("test"))
    both = [fine.contract, bad]
    assert stream_run.refused_topics(stack, context, both) == {refused.topic}
    state = TopicStates(stack).read(refused.topic)
    assert state.halted_contract == bad.fingerprint
    assert "refused: not BACKWARD compatible" in (state.error or "")
    assert TopicStates(stack).read(fine.topic).halted_contract is None


def test_a_refused_topic_takes_its_records_once_it_is_resumed_and_accepted(stack: Settings) -> None:
    lake, refusing, states = open_lake(stack), [True], TopicStates(stack)
    lake.send_events(range(10))

    def prepare(contract: Contract) -> None:
        if refusing:
            raise SchemaRefusedError(f"{contract.topic} is refused", "fix it")

    def resume_and_run(until: Callable[[], bool]) -> None:
        states.set_paused(lake.topic, paused=False)
        loop, lease = lake.loop(unready=[lake.topic], prepare=prepare)
        with lease:
            for _ in loop.steps(0.2):
                if until():
                    loop.stop()

    resume_and_run(lambda: states.read(lake.topic).halted_contract is not None)
    halt = states.read(lake.topic).halt
    assert halt is not None
    assert halt.reason is Reason.REFUSED
    assert "registered again" in halt.resuming()
    with pytest.raises(NothingToAcceptError, match="cannot be accepted"):
        states.accept(lake.topic)
    refusing.clear()
    resume_and_run(lake.caught_up)
    assert len(lake.rows()) == 10
