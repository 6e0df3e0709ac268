"""The one transformation from bronze to silver, over Narwhals frames."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from platform_assets.contracts.model import Contract, Rule, TopicKind

Frame = Any
"""A ``narwhals.LazyFrame`` of any backend."""

EVENT_DATE = "event_date"
RULE = "_rule"
RULES = "_rules"
LOG_ORDER = ("_micro_batch", "kafka_partition", "kafka_offset")
"""The order in which the first record of a key wins, by bronze's names."""
ORDER = ("_micro_batch", "_kafka_partition", "_kafka_offset")
"""The same by silver's names."""

TYPE_RULE = "type"
EVENT_TIME_MISSING = "event_time_missing"
KEY_MISSING = "key_missing"

QUARANTINE_COLUMNS = (
    "_micro_batch",
    "ingest_date",
    "rule",
    "rules",
    "reason",
    "kafka_partition",
    "kafka_offset",
    "kafka_timestamp",
    "kafka_key",
    "kafka_headers",
    "kafka_value",
    "event_id",
)


def identity(contract: Contract) -> tuple[str, ...]:
    """Columns that tell one record from another: the key, or a change topic's event id."""
    return ("event_id",) if contract.kind is TopicKind.CHANGE else contract.key


def dedupe_by(contract: Contract) -> tuple[str, ...]:
    """Columns within which the first record in the log wins.

    Append topics look for duplicates within an event date, whatever the batch boundaries;
    so the same records give the same rows however they were cut into micro-batches.
    """
    if contract.kind is TopicKind.CHANGE:
        return ("event_id",)
    return (EVENT_DATE, *contract.key)


def _required(contract: Contract) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*identity(contract), *contract.key)))


def _conditions(contract: Contract) -> list[tuple[str, Any]]:
    """Each rule as its name and an expression that is true where it is broken."""
    required = _required(contract)
    missing = nw.any_horizontal(*(nw.col(name).is_null() for name in required), ignore_nulls=False)
    conditions: list[tuple[str, Any]] = [
        (TYPE_RULE, ~nw.col("type_errors").is_null()),
        (EVENT_TIME_MISSING, nw.col(contract.event_time).is_null()),
        (KEY_MISSING, missing),
    ]
    for rule in contract.rules:
        broken = _broken(contract, rule)
        if rule.when is not None:
            broken = (nw.col(rule.when.column) == rule.when.equals) & broken
        conditions.append((rule.name, broken))
    return conditions


def _broken(contract: Contract, rule: Rule) -> Any:
    column = nw.col(rule.column)
    if rule.check == "not_null":
        return column.is_null()
    if rule.check == "one_of":
        return ~column.is_in(list(rule.values))
    if rule.check == "matches":
        # \A and \z, not ^ and $: Java's $ also matches before a final newline, Rust's does not.
        return ~column.str.contains(rf"\A(?:{rule.pattern})\z")
    if rule.check == "not_after_arrival":
        seconds = int(rule.maximum or 0)
        return column > nw.col("kafka_timestamp").dt.offset_by(f"{seconds}s")
    if rule.check == "between":
        bounds = []
        if rule.minimum is not None:
            below = column <= rule.minimum if rule.exclusive_minimum else column < rule.minimum
            bounds.append(below)
        if rule.maximum is not None:
            bounds.append(column > rule.maximum)
        if bounds:
            return nw.any_horizontal(*bounds, ignore_nulls=True)
    raise ValueError(
        f"contract {contract.topic}: rule {rule.name!r}: check {rule.check!r} is not one that "
        "engines know with these arguments; use not_null, one_of, between, matches or "
        "not_after_arrival"
    )


def reason(rule: Rule) -> str:
    """Say in words what a rule asks; equal on every engine, so it quotes no value."""
    if rule.check == "not_null":
        text = f"{rule.column} must not be null"
    elif rule.check == "one_of":
        text = f"{rule.column} must be one of {', '.join(str(value) for value in rule.values)}"
    elif rule.check == "matches":
        text = f"{rule.column} must match {rule.pattern}"
    elif rule.check == "not_after_arrival":
        text = f"{rule.column} must be at most {int(rule.maximum or 0)} s after the broker's time"
    else:
        low = "above" if rule.exclusive_minimum else "at least"
        bounds = [] if rule.minimum is None else [f"{low} {rule.minimum:g}"]
        bounds += [] if rule.maximum is None else [f"at most {rule.maximum:g}"]
        text = f"{rule.column} must be {' and '.join(bounds)}"
    if rule.when is not None:
        text += f" when {rule.when.column} is {rule.when.equals}"
    return text


def judge(contract: Contract, bronze: Frame) -> Frame:
    """Add ``_rule``, ``_rules`` and ``event_date`` to bronze rows.

    Columns that the contract takes from the envelope get their contract's name too. The
    rule is null for a row that passes, and for one that could not be decoded (that one is
    a dead letter, not a rejected row).

    Raises:
        ValueError: a rule has a check that is not known.
    """
    from_envelope = [
        nw.col(column.source).alias(column.name)
        for column in contract.columns
        if column.source not in {"payload", column.name}
    ]
    decoded = nw.col("decode_error").is_null()
    found = {
        f"_broken_{place}": nw.when(decoded & broken).then(nw.lit(name))
        for place, (name, broken) in enumerate(_conditions(contract))
    }
    every = nw.concat_str([nw.col(name) for name in found], separator=",", ignore_nulls=True)
    named = bronze.with_columns(*from_envelope) if from_envelope else bronze
    return (
        named.with_columns(**found)
        .with_columns(
            nw.coalesce(*found).alias(RULE),
            every.alias(RULES),
            nw.col(contract.event_time).dt.date().alias(EVENT_DATE),
        )
        .drop(*found)
    )


def accepted(judged: Frame) -> Frame:
    """Keep the rows that were decoded and break no rule."""
    return judged.filter(nw.col("decode_error").is_null() & nw.col(RULE).is_null())


def first_in_log(contract: Contract, rows: Frame) -> Frame:
    """Keep the first record in the log of each key (see :func:`dedupe_by`).

    Takes rows in the shape of :func:`silver_rows` or :func:`change_events`.
    """
    return rows.unique(subset=list(dedupe_by(contract)), keep="first", order_by=list(ORDER))


def silver_rows(contract: Contract, rows: Frame) -> Frame:
    """Bring accepted rows into the shape of an append topic's silver table."""
    return rows.select(
        *(nw.col(column.name) for column in contract.columns),
        nw.col(EVENT_DATE),
        *_provenance(),
    )


def change_events(contract: Contract, rows: Frame) -> Frame:
    """Bring accepted rows into the shape of change events, the input of the history."""
    return rows.select(
        *(nw.col(column.name) for column in contract.columns),
        nw.col("op"),
        nw.col(contract.event_time).alias("valid_from"),
        *_provenance(),
    )


def quarantine_rows(contract: Contract, judged: Frame) -> Frame:
    """Bring rejected rows into the shape of the quarantine table, bytes included."""
    texts = {
        EVENT_TIME_MISSING: f"{contract.event_time} is missing",
        KEY_MISSING: f"a key column is missing (key: {', '.join(_required(contract))})",
        **{rule.name: reason(rule) for rule in contract.rules},
    }
    rule = nw.col(RULE)
    said = [nw.when(rule == name).then(nw.lit(text)) for name, text in texts.items()]
    why = nw.coalesce(*said, nw.when(rule == TYPE_RULE).then(nw.col("type_errors")))
    return (
        judged.filter(~rule.is_null())
        .with_columns(rule.alias("rule"), nw.col(RULES).alias("rules"), why.alias("reason"))
        .select(*QUARANTINE_COLUMNS)
    )


def _provenance() -> tuple[Any, ...]:
    return (
        nw.col("_micro_batch"),
        nw.col("kafka_partition").alias("_kafka_partition"),
        nw.col("kafka_offset").alias("_kafka_offset"),
        nw.col("kafka_timestamp").alias("_kafka_timestamp"),
    )
