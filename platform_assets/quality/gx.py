"""The only importer of Great Expectations: contract -> suite -> what the suite found.

The import takes seconds of CPU, so it happens inside functions; :func:`warm` does it early.
One ephemeral context serves the process, behind a lock: Great Expectations keeps the context
in global state and is not thread-safe, so validations take turns. Nothing leaves the machine:
analytics are switched off before the import.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.model import Contract, LogicalType, Rule, TopicKind
from platform_assets.quality.frames import (
    EVENT_DATE,
    arrow_to_pandas,
    limit_column,
    prepared,
    to_pandas,
)
from platform_assets.quality.outcomes import HIDDEN, RuleOutcome, SuiteResult

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from great_expectations.core.expectation_suite import ExpectationSuite

EVENT_ID = "event_id"
KEY_UNIQUE = "key_unique"
EXAMPLES = 5
SLICE_ROWS = 500_000
"""Rows validated at a time: pandas and Great Expectations hold a few copies of a slice."""
COLLECT_AFTER_ROWS = 500_000
"""Great Expectations leaves frames in reference cycles; collect them after so many rows
(a collection costs about as much as a small suite, so not after each)."""
_LOCK = threading.RLock()
_rows_since_collection = 0

_TYPES: Mapping[LogicalType, tuple[str, str]] = {
    LogicalType.STRING: ("ExpectColumnTypeToBe", "string"),
    LogicalType.INTEGER: ("ExpectColumnValuesToBeOfType", "int64"),
    LogicalType.NUMBER: ("ExpectColumnTypeToBe", "float64"),
    LogicalType.BOOLEAN: ("ExpectColumnValuesToBeOfType", "bool"),
    LogicalType.DATE: ("ExpectColumnTypeToBe", "datetime64[us]"),
    LogicalType.TIMESTAMP: ("ExpectColumnTypeToBe", "datetime64[us, UTC]"),
}
"""pandas dtypes of the logical types. ``OfType`` where the dtype depends on nulls: integers
without nulls are numpy's (the quick path of ``between``), with nulls pandas' ``Int64``."""


def warm() -> None:
    """Import Great Expectations and make the context, so that no batch has to wait for it."""
    with _LOCK:
        _context()


def build_suite(contract: Contract, *, history: bool = False) -> ExpectationSuite:
    """Generate the suite of a contract's silver table.

    Args:
        contract: the contract; one expectation comes from each of its rules, and implicit
            ones from its columns (existence, type), key and event time.
        history: of a change topic, the history table: one row for each change event, so the
            event and not the entity is unique.

    Returns:
        The suite; each expectation's ``meta`` names its rule.

    Raises:
        ValueError: a rule's check is unknown; names contract and rule.
    """
    with _LOCK:
        gx = _ready()
        suite: ExpectationSuite = gx.ExpectationSuite(name=_suite_name(contract, history))
        for expectation in [
            *_structure(contract),
            *_identity(contract, history),
            *(_from_rule(contract, rule) for rule in contract.rules),
        ]:
            suite.add_expectation(expectation)
        return suite


def validate_frame(
    contract: Contract, frame: pl.DataFrame, *, history: bool = False
) -> SuiteResult:
    """Validate rows in the silver layout against the contract's suite.

    Args:
        contract: the contract.
        frame: rows of the silver (or history) table; columns beyond the contract's and the
            broker's time are not looked at.
        history: the rows are of the history table.

    Returns:
        One outcome for each expectation.
    """
    started = time.monotonic()
    hidden = {column.name for column in contract.columns if column.pii}
    name = _suite_name(contract, history)
    slices = []
    for start in range(0, max(frame.height, 1), SLICE_ROWS):
        pandas = to_pandas(contract, frame.slice(start, SLICE_ROWS))
        with _LOCK:
            suite = _cached_suite(contract, history)
            slices.append(_in_order(suite, _validate(name, pandas, suite, hidden)))
    outcomes = tuple(merge_slices(parts) for parts in zip(*slices, strict=True))
    if len(slices) > 1:
        unique = _unique_columns(contract, history)
        outcomes = tuple(
            _over_slices(outcome, contract, frame, unique)
            if outcome.rule == KEY_UNIQUE
            else outcome
            for outcome in outcomes
        )
    return SuiteResult(name, frame.height, time.monotonic() - started, outcomes)


def merge_slices(parts: Sequence[RuleOutcome]) -> RuleOutcome:
    """One expectation's outcome over all slices of a frame."""
    worst = next((part for part in parts if not part.success), parts[0])
    return replace(worst, unexpected=sum(part.unexpected for part in parts))


def _over_slices(
    outcome: RuleOutcome, contract: Contract, frame: pl.DataFrame, unique: Sequence[str]
) -> RuleOutcome:
    """Uniqueness over the whole frame: a slice sees only its own rows."""
    if outcome.error:
        return outcome
    doubled = int(prepared(contract, frame).select(unique).is_duplicated().sum())
    return replace(outcome, success=not doubled, unexpected=doubled)


def validate_table(
    name: str, frame: pl.DataFrame, expectations: Sequence[Mapping[str, Any]]
) -> SuiteResult:
    """Validate a frame against expectations given as plain mappings (gold tables).

    Args:
        name: the table, for the result.
        frame: its rows.
        expectations: each with ``expectation`` (class name in Great Expectations), ``rule``
            and the expectation's own arguments.

    Raises:
        ValueError: no such expectation; names the table.
    """
    started = time.monotonic()
    with _LOCK:
        gx = _ready()
        suite = gx.ExpectationSuite(name=name)
        for spec in expectations:
            arguments = dict(spec)
            kind, rule = arguments.pop("expectation"), arguments.pop("rule")
            suite.add_expectation(_make(kind, rule, name, **arguments))
        outcomes = _validate(name, arrow_to_pandas(frame), suite, set())
    return SuiteResult(name, frame.height, time.monotonic() - started, outcomes)


def _gx() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    try:
        import great_expectations as gx
    except SystemExit as error:
        # Seen with pyspark installed but without what its Connect client needs.
        raise RuntimeError(
            "great_expectations ended the process while it was imported: install it with the "
            "spark-connect extra (pip install 'great-expectations[spark-connect]')"
        ) from error
    return gx


def _ready() -> Any:
    """The module, once the context that a suite needs is there."""
    _context()
    return _gx()


@lru_cache(maxsize=1)
def _context() -> Any:
    gx = _gx()
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


@lru_cache(maxsize=64)
def _cached_suite(contract: Contract, history: bool) -> ExpectationSuite:
    return build_suite(contract, history=history)


def _suite_name(contract: Contract, history: bool) -> str:
    return str(contract.topic) + ("_history" if history else "")


def _make(kind: str, rule: str, owner: str, **arguments: Any) -> Any:
    import great_expectations.expectations as gxe

    try:
        cls: Callable[..., Any] = getattr(gxe, kind)
    except AttributeError:
        raise ValueError(
            f"{owner}: rule {rule!r}: no expectation {kind!r} in Great Expectations"
        ) from None
    return cls(meta={"rule": rule}, **arguments)


def _structure(contract: Contract) -> list[Any]:
    made = []
    for column in contract.columns:
        kind, dtype = _TYPES[column.type]
        name = column.name
        owner = str(contract.topic)
        made.append(_make("ExpectColumnToExist", f"column:{name}", owner, column=name))
        made.append(_make(kind, f"type:{name}", owner, column=name, type_=dtype))
    return made


def _identity(contract: Contract, history: bool) -> list[Any]:
    owner = str(contract.topic)
    unique = _unique_columns(contract, history)
    made = [
        _make("ExpectColumnValuesToNotBeNull", f"key_missing:{name}", owner, column=name)
        for name in contract.key
    ]
    made.append(
        _make(
            "ExpectColumnValuesToNotBeNull",
            "event_time_missing",
            owner,
            column=contract.event_time,
        )
    )
    if len(unique) == 1:
        made.append(_make("ExpectColumnValuesToBeUnique", KEY_UNIQUE, owner, column=unique[0]))
    else:
        made.append(
            _make(
                "ExpectCompoundColumnsToBeUnique",
                KEY_UNIQUE,
                owner,
                column_list=list(unique),
                ignore_row_if="never",
            )
        )
    return made


def _unique_columns(contract: Contract, history: bool) -> tuple[str, ...]:
    """As the engines collapse duplicates: an append topic's within one event date."""
    if history:
        return (EVENT_ID,)
    return contract.key if contract.kind is TopicKind.CHANGE else (EVENT_DATE, *contract.key)


def _from_rule(contract: Contract, rule: Rule) -> Any:
    kind, arguments = _check(contract, rule)
    if rule.when is not None:
        from great_expectations.expectations.row_conditions import Column as RowColumn

        arguments["row_condition"] = RowColumn(rule.when.column) == rule.when.equals
    return _make(kind, rule.name, str(contract.topic), **arguments)


def _check(contract: Contract, rule: Rule) -> tuple[str, dict[str, Any]]:
    column = {"column": rule.column}
    match rule.check:
        case "not_null":
            return "ExpectColumnValuesToNotBeNull", column
        case "one_of":
            return "ExpectColumnValuesToBeInSet", {**column, "value_set": list(rule.values)}
        case "between":
            return "ExpectColumnValuesToBeBetween", {
                **column,
                "min_value": rule.minimum,
                "max_value": rule.maximum,
                "strict_min": rule.exclusive_minimum and rule.minimum is not None,
            }
        case "matches":
            # \Z and not $: Python's $ also matches before a newline at the end.
            return "ExpectColumnValuesToMatchRegex", {
                **column,
                "regex": rf"\A(?:{rule.pattern})\Z",
            }
        case "not_after_arrival":
            return "ExpectColumnPairValuesAToBeGreaterThanB", {
                "column_A": limit_column(rule),
                "column_B": rule.column,
                "or_equal": True,
                "ignore_row_if": "either_value_is_missing",
            }
    raise ValueError(
        f"contract {contract.topic}: rule {rule.name!r}: unknown check {rule.check!r}; one of "
        "not_null, one_of, between, matches, not_after_arrival"
    )


def _validate(
    name: str, frame: pd.DataFrame, suite: ExpectationSuite, hidden: set[str]
) -> tuple[RuleOutcome, ...]:
    """Run a suite; the caller holds the lock."""
    context = _context()
    source = context.data_sources.add_or_update_pandas("weir")
    try:
        asset = source.add_dataframe_asset(name)
        batch = asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": frame})
        result = batch.validate(
            suite,
            result_format={"result_format": "BASIC", "partial_unexpected_count": EXAMPLES},
        )
    finally:
        # The source's engine holds the batch, and so the frame, until the source goes.
        context.data_sources.delete("weir")
    outcomes = tuple(_outcome(item, hidden, set(frame.columns)) for item in result.results)
    del source, asset, batch, result
    _collect(len(frame))
    return outcomes


def _collect(rows: int) -> None:
    global _rows_since_collection  # noqa: PLW0603 - one counter a process, under the lock
    _rows_since_collection += rows
    if _rows_since_collection >= COLLECT_AFTER_ROWS:
        _rows_since_collection = 0
        gc.collect()


def _in_order(suite: ExpectationSuite, outcomes: Sequence[RuleOutcome]) -> tuple[RuleOutcome, ...]:
    """Great Expectations puts expectations that could not be evaluated first."""
    place = {
        (expectation.meta or {}).get("rule"): index
        for index, expectation in enumerate(suite.expectations)
    }
    return tuple(sorted(outcomes, key=lambda outcome: place.get(outcome.rule, len(place))))


def _outcome(item: Any, hidden: set[str], present: set[str]) -> RuleOutcome:
    config = item.expectation_config
    arguments = config.kwargs
    columns = [
        str(value)
        for value in (
            arguments.get("column"),
            arguments.get("column_B"),
            *(arguments.get("column_list") or ()),
        )
        if value is not None
    ]
    found = item.result or {}
    examples = tuple(str(value) for value in (found.get("partial_unexpected_list") or ()))
    observed = found.get("observed_value")
    error = _error(item.exception_info)
    missing = [column for column in columns if column not in present]
    return RuleOutcome(
        rule=str((config.meta or {}).get("rule", config.type)),
        expectation=str(config.type),
        column=", ".join(columns),
        success=bool(item.success),
        unexpected=int(found.get("unexpected_count") or 0),
        observed="" if observed is None else str(observed),
        examples=(HIDDEN,) if examples and hidden.intersection(columns) else examples,
        error=f"no column {', '.join(missing)} in the rows" if missing else error,
    )


def _error(info: Any) -> str:
    """The message of the first exception; Great Expectations nests them by metric or not."""
    if not info:
        return ""
    parts = [info] if "raised_exception" in info else list(info.values())
    for part in parts:
        if part.get("raised_exception"):
            return str(part.get("exception_message") or "the expectation could not be evaluated")
    return ""
