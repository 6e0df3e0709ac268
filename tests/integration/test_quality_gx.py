"""Suites generated from contracts: what they contain, and that they agree with the engine."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import narwhals as nw
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import (
    Column,
    Condition,
    Contract,
    LogicalType,
    Rule,
    TopicKind,
)
from platform_assets.core.naming import TopicName
from platform_assets.quality import gx
from platform_assets.quality.outcomes import HIDDEN, SuiteResult
from platform_assets.transform.rows import judge

ARRIVED = datetime(2026, 1, 5, 12, tzinfo=UTC)
TYPES = {
    LogicalType.STRING: pl.String,
    LogicalType.INTEGER: pl.Int64,
    LogicalType.NUMBER: pl.Float64,
    LogicalType.BOOLEAN: pl.Boolean,
    LogicalType.DATE: pl.Date,
    LogicalType.TIMESTAMP: pl.Datetime("us", "UTC"),
}
CONTRACT = Contract(
    topic=TopicName.parse("shop.events"),
    version="1.0.0",
    kind=TopicKind.APPEND,
    description="One rule of each kind.",
    owner="shop@weir.example",
    path="shop.events.yaml",
    key=("event_id",),
    event_time="at",
    columns=(
        Column("event_id", LogicalType.STRING, "", source="event_id"),
        Column("user_id", LogicalType.INTEGER, ""),
        Column("kind", LogicalType.STRING, ""),
        Column("price", LogicalType.NUMBER, ""),
        Column("email", LogicalType.STRING, "", pii=True),
        Column("member", LogicalType.BOOLEAN, ""),
        Column("born", LogicalType.DATE, ""),
        Column("at", LogicalType.TIMESTAMP, "", source="occurred_at"),
    ),
    rules=(
        Rule("user_id_missing", "not_null", "user_id"),
        Rule("user_id_range", "between", "user_id", minimum=1, maximum=100),
        Rule("kind_known", "one_of", "kind", values=("view", "cart", "purchase")),
        Rule("price_missing", "not_null", "price"),
        Rule("price_least", "between", "price", minimum=0),
        Rule("price_most", "between", "price", maximum=500.0),
        Rule(
            "purchase_price",
            "between",
            "price",
            minimum=0,
            exclusive_minimum=True,
            when=Condition("kind", "purchase"),
        ),
        Rule("view_free", "between", "price", minimum=0, maximum=0, when=Condition("kind", "view")),
        Rule("member_email", "not_null", "email", when=Condition("member", True)),
        Rule("seven_kind", "one_of", "kind", values=("view",), when=Condition("user_id", 7)),
        Rule("email_pattern", "matches", "email", pattern=r"[^@\s]+@[^@\s]+|none"),
        Rule("at_in_future", "not_after_arrival", "at", maximum=3600),
    ),
)

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "event_id": st.sampled_from(["a", "b", "c", None]),
            "user_id": st.sampled_from([None, -1, 0, 1, 7, 100, 101, 2**53 + 1]),
            "kind": st.sampled_from([None, "", "view", "cart", "purchase", "View", "view\n"]),
            "price": st.sampled_from(
                [None, -0.01, -0.0, 0.0, 0.01, 500.0, 500.5, float("nan"), float("inf")]
            ),
            "email": st.sampled_from(
                [None, "", "none", "nones", "a@b", "a@b\n", "x a@b", "ü@é", "<script>"]
            ),
            "member": st.sampled_from([None, True, False]),
            "born": st.sampled_from([None, datetime(2000, 1, 1).date()]),  # noqa: DTZ001
            "at": st.sampled_from(
                [
                    None,
                    ARRIVED,
                    ARRIVED + timedelta(seconds=3600),
                    ARRIVED + timedelta(seconds=3600, microseconds=1),
                    ARRIVED - timedelta(days=9000),
                ]
            ),
        }
    ),
    min_size=0,
    max_size=80,
)


def silver(rows: list[dict[str, object]], contract: Contract = CONTRACT) -> pl.DataFrame:
    schema = {column.name: TYPES[column.type] for column in contract.columns}
    return pl.DataFrame(rows, schema=schema).with_columns(
        pl.lit(ARRIVED).cast(pl.Datetime("us", "UTC")).alias("_kafka_timestamp")
    )


def good(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "event_id": "a",
        "user_id": 5,
        "kind": "purchase",
        "price": 2.5,
        "email": "a@b",
        "member": True,
        "born": None,
        "at": ARRIVED,
    }
    return {**row, **changes}


def broken(result: SuiteResult) -> dict[str, int]:
    return {outcome.rule: outcome.unexpected for outcome in result.failures}


@given(rows=ROWS)
# A suite costs a constant: few examples of many rows find as much as many of few.
@settings(max_examples=6, suppress_health_check=list(HealthCheck))
def test_suite_and_engine_agree_on_every_rule(rows: list[dict[str, object]]) -> None:
    frame = silver(rows)
    # The engine takes the event time from the envelope.
    bronze = frame.rename({"_kafka_timestamp": "kafka_timestamp"}).with_columns(
        occurred_at=pl.col("at"),
        decode_error=pl.lit(None, pl.String),
        type_errors=pl.lit(None, pl.String),
    )
    judged = judge(CONTRACT, nw.from_native(bronze.lazy())).to_native().collect()
    by_engine = Counter(
        rule for rules in judged["_rules"].drop_nulls() for rule in rules.split(",")
    )

    result = gx.validate_frame(CONTRACT, frame)

    assert [outcome.error for outcome in result.outcomes if outcome.error] == []
    by_suite = {outcome.rule: outcome.unexpected for outcome in result.outcomes}
    for rule in CONTRACT.rules:
        assert by_suite[rule.name] == by_engine.get(rule.name, 0), rule
        outcome = next(o for o in result.outcomes if o.rule == rule.name)
        assert outcome.success == (rule.name not in by_engine)
    assert by_suite["key_missing:event_id"] == by_engine.get("key_missing", 0)
    assert by_suite["event_time_missing"] == by_engine.get("event_time_missing", 0)


def test_good_rows_meet_every_expectation() -> None:
    rows = [good(event_id=f"e{number}") for number in range(20)]
    result = gx.validate_frame(CONTRACT, silver(rows))
    assert result.success, result.failures
    assert result.rows == 20
    assert result.suite == "shop.events"


def test_no_rows_meet_every_expectation() -> None:
    assert gx.validate_frame(CONTRACT, silver([])).success


def test_every_contract_gives_a_suite_that_names_each_of_its_rules() -> None:
    for contract in load_contracts().values():
        suite = gx.build_suite(contract)
        rules = [expectation.meta["rule"] for expectation in suite.expectations]
        assert len(rules) == len(set(rules))
        assert {rule.name for rule in contract.rules} <= set(rules)
        assert {f"column:{column.name}" for column in contract.columns} <= set(rules)


def test_a_key_is_unique_within_its_event_date_as_in_the_engine() -> None:
    other_day = good(at=ARRIVED - timedelta(days=1))
    assert gx.validate_frame(CONTRACT, silver([good(), other_day])).success
    result = gx.validate_frame(CONTRACT, silver([good(), good(price=3.0)]))
    assert broken(result) == {"key_unique": 2}


def test_history_is_unique_by_event_and_not_by_entity() -> None:
    contract = replace(CONTRACT, kind=TopicKind.CHANGE, key=("user_id",))
    rows = [good(event_id="a"), good(event_id="b")]
    assert gx.validate_frame(contract, silver(rows), history=True).success
    assert broken(gx.validate_frame(contract, silver(rows))) == {"key_unique": 2}
    doubled = gx.validate_frame(contract, silver([good(), good()]), history=True)
    assert broken(doubled) == {"key_unique": 2}


def test_a_column_that_is_gone_is_named_once_for_each_expectation_on_it() -> None:
    result = gx.validate_frame(CONTRACT, silver([good()]).drop("price"))
    assert {outcome.rule for outcome in result.failures} == {
        "column:price",
        "type:price",
        "price_missing",
        "price_least",
        "price_most",
        "purchase_price",
        "view_free",
    }
    assert all(outcome.error == "no column price in the rows" for outcome in result.failures)


@pytest.mark.parametrize("column", ["user_id", "kind", "price", "member", "born", "at"])
def test_a_column_of_another_type_breaks_its_type_rule(column: str) -> None:
    wrong = pl.lit("7") if column != "kind" else pl.lit(7)
    result = gx.validate_frame(CONTRACT, silver([good()]).with_columns(wrong.alias(column)))
    outcome = next(o for o in result.outcomes if o.rule == f"type:{column}")
    assert not outcome.success


def test_examples_of_a_pii_column_are_hidden_and_others_are_shown() -> None:
    result = gx.validate_frame(CONTRACT, silver([good(email="secret", user_id=555)]))
    examples = {outcome.rule: outcome.examples for outcome in result.failures}
    assert examples == {"email_pattern": (HIDDEN,), "user_id_range": ("555",)}
    assert "secret" not in repr(result)


def test_slices_of_a_large_frame_are_one_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gx, "SLICE_ROWS", 4)
    rows = [good(event_id=f"e{number % 9}", user_id=number * 20) for number in range(10)]
    result = gx.validate_frame(CONTRACT, silver(rows))
    # e0 is in the first slice and in the last one: no slice sees both.
    assert broken(result) == {"key_unique": 2, "user_id_range": 5}
    assert result.rows == 10


def test_an_unknown_check_names_contract_and_rule() -> None:
    contract = replace(CONTRACT, rules=(Rule("odd", "is_odd", "user_id"),))
    with pytest.raises(ValueError, match=r"shop\.events: rule 'odd': unknown check 'is_odd'"):
        gx.build_suite(contract)


def test_an_unknown_expectation_names_the_table() -> None:
    with pytest.raises(ValueError, match=r"gold\.a\.b: rule 'r': no expectation 'ExpectMagic'"):
        gx.validate_table(
            "gold.a.b", pl.DataFrame({"x": [1]}), [{"expectation": "ExpectMagic", "rule": "r"}]
        )
