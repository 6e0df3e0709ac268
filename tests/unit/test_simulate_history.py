"""The simulator: reproducible, believable, and wrong exactly where it says so."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.connectors.produce import Record
from platform_assets.connectors.simulate import (
    DEFAULT_TOPICS,
    Shares,
    SimulationResult,
    records,
)
from platform_assets.connectors.simulate.clickstream import LiveClickstream
from platform_assets.connectors.simulate.generic import Generic
from platform_assets.contracts.avro import value_schema
from platform_assets.contracts.load import load_contract, load_contracts
from platform_assets.contracts.model import Contract, Rule
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TopicName
from tests.unit.test_contracts_load import MINIMAL

UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
CLEAN = Shares(0, 0, 0, 0)
FAR = 4_000_000_000_000_000


def made(events: int, seed: int = 7, **options: Any) -> tuple[list[Record], SimulationResult]:
    result = SimulationResult(seed, UNTIL)
    return list(records(seed, events, until=UNTIL, result=result, **options)), result


def contract_of(name: str) -> Contract:
    return load_contracts()[TopicName.parse(name)]


@lru_cache
def schema_of(contract: Contract) -> Any:
    """The schema without logical types, so that numbers come back as they went in."""
    plain = re.sub(r', "logicalType": "[a-z-]+"', "", json.dumps(value_schema(contract)))
    return fastavro.parse_schema(json.loads(plain))


def decoded(contract: Contract, value: bytes | None) -> dict[str, Any] | None:
    """The envelope with times as numbers, or None where the bytes make no sense."""
    if value is None or value[:5] != b"\x00\x00\x00\x00\x01":
        return None
    buffer = io.BytesIO(value[5:])
    try:
        row = fastavro.schemaless_reader(buffer, schema_of(contract), None)
    except (EOFError, IndexError, ValueError, UnicodeDecodeError):
        return None
    return row if not buffer.read() else None


def breaks(rule: Rule, row: dict[str, Any]) -> bool:  # noqa: PLR0911
    """The contract's rules, spelt out once more, as plainly as can be."""
    if rule.when is not None and row[rule.when.column] != rule.when.equals:
        return False
    value = row[rule.column]
    if rule.check == "not_null":
        return value is None
    if value is None:
        return False
    if rule.check == "one_of":
        return value not in rule.values
    if rule.check == "matches":
        return re.fullmatch(rule.pattern or "", value) is None
    if rule.check == "not_after_arrival":
        return bool(value > FAR)
    low, high = rule.minimum, rule.maximum
    below = low is not None and (value <= low if rule.exclusive_minimum else value < low)
    return bool(below or (high is not None and value > high))


def verdict(contract: Contract, envelope: dict[str, Any]) -> str | None:
    """The first rule that the record breaks."""
    payload = envelope["after"] or envelope["before"]
    row = {**payload, "event_id": envelope["event_id"]}
    row[contract.event_time] = envelope["occurred_at"]
    if any(row[name] is None for name in contract.key):
        return "key_missing"
    if row[contract.event_time] is None:
        return "event_time_missing"
    return next((rule.name for rule in contract.rules if breaks(rule, row)), None)


@settings(max_examples=5)
@given(seed=st.integers(0, 2**32), events=st.integers(0, 400))
def test_same_arguments_same_bytes(seed: int, events: int) -> None:
    assert made(events, seed)[0] == made(events, seed)[0]


def test_other_arguments_other_ids() -> None:
    one = {record.key for record in made(500)[0]} - {None}
    assert not one & {record.key for record in made(500, seed=8, topics=None)[0]}
    assert not one & {record.key for record in made(500, weeks=4)[0]} - _entity_keys(one)


def _entity_keys(keys: set[bytes | None]) -> set[bytes | None]:
    """Keys of change topics are the entities', the same in every history."""
    return {key for key in keys if key and key.isdigit()}


@pytest.fixture(scope="module")
def twenty_thousand() -> tuple[list[Record], SimulationResult]:
    return made(20_000)


def test_number_of_records_is_exact(
    twenty_thousand: tuple[list[Record], SimulationResult],
) -> None:
    sent, result = twenty_thousand
    assert len(sent) == result.events == 20_000
    assert Counter(record.topic for record in sent) == {
        name: counts.events for name, counts in result.topics.items()
    }
    assert set(result.topics) == set(DEFAULT_TOPICS)


@pytest.mark.parametrize("topic", DEFAULT_TOPICS)
def test_each_record_is_what_it_was_counted_as(
    topic: str, twenty_thousand: tuple[list[Record], SimulationResult]
) -> None:
    sent, result = twenty_thousand
    contract, counts = contract_of(topic), result.topics[topic]
    seen: set[bytes] = set()
    verdicts: Counter[str] = Counter()
    for record in sent:
        if record.topic != topic:
            continue
        envelope = decoded(contract, record.value)
        if envelope is None:
            verdicts["undecodable"] += 1
        elif (rule := verdict(contract, envelope)) is not None:
            verdicts[rule] += 1
        elif record.value in seen:
            verdicts["duplicate"] += 1
        else:
            assert record.value is not None
            seen.add(record.value)
            verdicts["good"] += 1
    expected = {**counts.broken, "duplicate": counts.duplicates, "good": counts.good}
    assert verdicts == {name: count for name, count in expected.items() if count}
    every = {"key_missing", "event_time_missing", "undecodable"}
    assert set(counts.broken) == every | {rule.name for rule in contract.rules}
    assert counts.dead_letters == counts.broken["undecodable"]
    assert counts.late > 0


def test_clean_history_breaks_nothing_and_is_in_order() -> None:
    sent, result = made(3000, shares=CLEAN)
    assert all(counts.good == counts.events for counts in result.topics.values())
    contract = contract_of("energy.meter_readings")
    times = [
        (decoded(contract, record.value) or {})["occurred_at"]
        for record in sent
        if record.topic == str(contract.topic)
    ]
    disorder = sum(later < earlier for earlier, later in pairwise(times))
    assert disorder < len(times) / 20  # transport alone, a fraction of a second


def test_funnel_season_and_popularity_are_believable() -> None:
    sent, _ = made(10_000, topics=["commerce.clickstream"], shares=CLEAN)
    contract = contract_of("commerce.clickstream")
    rows = [decoded(contract, record.value) or {} for record in sent]
    kinds = Counter(row["after"]["event_type"] for row in rows)
    assert 0.07 < kinds["cart"] / kinds["view"] < 0.11
    assert 0.02 < kinds["purchase"] / kinds["view"] < 0.04
    hours = Counter(row["occurred_at"] // 3_600_000_000 % 24 for row in rows)
    assert hours[20] > 5 * hours[3]
    products = Counter(row["after"]["product_id"] for row in rows)
    top = sum(count for _, count in products.most_common(500))
    assert top > 0.4 * len(rows)
    assert all(
        (row["after"]["price"] > 0) == (row["after"]["event_type"] == "purchase") for row in rows
    )


def test_reviews_say_what_the_stars_say_in_twelve_languages() -> None:
    from platform_assets.connectors.simulate.phrases import REVIEWS, TICKETS

    sent, _ = made(2000, topics=["feedback.reviews"], shares=CLEAN)
    contract = contract_of("feedback.reviews")
    rows = [(decoded(contract, record.value) or {})["after"] for record in sent]
    assert {row["language"] for row in rows} == set(REVIEWS) == set(TICKETS)
    assert len(REVIEWS) == 12
    for row in rows:
        mood = ("negative", "negative", "neutral", "positive", "positive")[row["rating"] - 1]
        assert any(sentence in row["text"] for sentence in REVIEWS[row["language"]][mood])


def test_faults_of_sensors_are_labelled() -> None:
    for topic, faults in (
        ("energy.meter_readings", {"stuck", "spike", "dropout", "drift"}),
        ("industry.machine_readings", {"bearing_wear", "overheating", "leak", "sensor_stuck"}),
    ):
        sent, _ = made(5000, topics=[topic], shares=CLEAN)
        rows = [(decoded(contract_of(topic), record.value) or {})["after"] for record in sent]
        labels = Counter(row["fault"] for row in rows)
        assert set(labels) == faults | {None}
        assert 0.01 < 1 - labels[None] / len(rows) < 0.1


def test_customers_changes_follow_one_another() -> None:
    sent, _ = made(3000, topics=["commerce.customers"], shares=CLEAN)
    contract = contract_of("commerce.customers")
    rows = sorted(
        (decoded(contract, record.value) or {} for record in sent),
        key=lambda row: (row["occurred_at"], int(row["event_id"].rpartition("-")[2], 16)),
    )
    state: dict[int, Any] = {}
    for row in rows:
        user = (row["after"] or row["before"])["user_id"]
        assert row["before"] == state.get(user)
        assert (row["op"] == "c") == (user not in state or state[user] is None)
        state[user] = row["after"]
    assert {row["op"] for row in rows} == {"c", "u", "d"}


def test_any_contract_can_be_simulated(tmp_path: Path) -> None:
    path = tmp_path / "shop.orders.yaml"
    pattern = "logicalTypeOptions: {pattern: 'O-[0-9]{4}[a-z]?'}"
    path.write_text(MINIMAL.replace("required: true", f"required: true, {pattern}"))
    contract = load_contract(path)
    drawn = Generic(contract).draw(np.random.default_rng(1), 300, 0, 10**12)
    for row in range(300):
        envelope = {
            "event_id": "x",
            "occurred_at": int(drawn.times[row]),
            "after": {name: values[row] for name, values in drawn.after.items()},
            "before": None,
        }
        assert verdict(contract, envelope) is None


def test_nonsense_is_refused() -> None:
    with pytest.raises(WeirError, match=r"no contract for topic 'shop.nothing'"):
        made(10, topics=["shop.nothing"])
    with pytest.raises(WeirError, match="share of broken"):
        Shares(broken=0.9)
    with pytest.raises(WeirError, match="events >= 0"):
        made(-1)


def test_live_sessions_last_and_keep_their_order() -> None:
    stream, rng = LiveClickstream(), np.random.default_rng(5)
    second, carts, seen = 1_000_000, 0, set()
    for number in range(10):
        start = number * 10 * second
        drawn = stream.draw(rng, 1000, start, start + 10 * second)
        assert len(drawn.times) == 1000
        columns = (drawn.after[name] for name in ("user_id", "product_id", "event_type"))
        for user, product, kind in zip(*columns, strict=True):
            if kind == "cart" and number > 3:
                carts += (user, product) in seen
            seen.add((user, product))
    assert carts > 100


def test_invoices_have_the_shape_of_a_wholesale_shop() -> None:
    contract = contract_of("retail.invoice_lines")
    sent, _ = made(6000, topics=[str(contract.topic)], shares=CLEAN)
    rows = [decoded(contract, record.value) for record in sent]
    lines = [{**row["after"], "at": row["occurred_at"]} for row in rows if row]
    assert len(lines) == 6000
    sizes = Counter(line["invoice_no"] for line in lines)
    cancelled = [line for line in lines if line["invoice_no"].startswith("C")]
    written_off = [line for line in lines if line["quantity"] < 0 and line["invoice_no"][0] != "C"]
    assert 6 < sum(sizes.values()) / len(sizes) < 20
    assert all(line["quantity"] < 0 for line in cancelled)
    assert 0.05 < len({line["invoice_no"] for line in cancelled}) / len(sizes) < 0.25
    assert written_off
    assert all(line["unit_price"] == 0 for line in written_off)
    # What comes back was sold before, to the same customer and at the same price.
    sold = {
        (line["customer_id"], line["stock_code"], line["unit_price"])
        for line in lines
        if line["quantity"] > 0
    }
    back = {(one["customer_id"], one["stock_code"], one["unit_price"]) for one in cancelled}
    assert back <= sold
    assert 0.1 < sum(line["customer_id"] is None for line in lines) / len(lines) < 0.4
    times = [datetime.fromtimestamp(line["at"] / 1e6, UTC) for line in lines]
    assert all(8 <= time.hour < 18 and time.weekday() != 5 for time in times)
    assert len({line["country"] for line in lines}) > 5
    for number, size in sizes.items():
        own = [line["line_no"] for line in lines if line["invoice_no"] == number]
        assert sorted(own) == list(range(1, size + 1))
