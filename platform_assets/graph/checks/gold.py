"""Suites of gold's tables, and their asset checks.

Trino computes one row of aggregates a table (rows, repeated grains, nulls, least and
greatest values), and Great Expectations validates that row: the cost does not follow the
table's size into this process.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec, AssetKey

from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TableName
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.core.yaml_lines import read
from platform_assets.graph.checks.silver import describe, suite_metadata
from platform_assets.quality.data_docs import write_docs

GOLD_CHECK = "suite"
KEPT_FRESH = "kept_fresh"
BOUNDS = Path(__file__).with_name("gold.yaml")
MODELS = REPOSITORY / "dbt_project" / "models" / "marts"
SCOPE = "event_date"
ROWS_PRESENT = "rows_present"


@dataclass(frozen=True)
class GoldModel:
    """What a gold table must satisfy.

    Attributes:
        table: the table.
        columns: its columns.
        grain: columns that identify a row.
        required: columns that are never null.
        bounds: column -> least and greatest value; None is open.
    """

    table: TableName
    columns: tuple[str, ...]
    grain: tuple[str, ...]
    required: tuple[str, ...]
    bounds: tuple[tuple[str, float | None, float | None], ...]


class BoundsError(WeirError, ValueError):
    """``gold.yaml`` or a model file cannot be used; names file and rule."""


@lru_cache(maxsize=4)
def gold_models(models: Path = MODELS, bounds: Path | None = BOUNDS) -> tuple[GoldModel, ...]:
    """Read what gold's tables must satisfy; ``models`` holds one folder a domain.

    Args:
        models: dbt's model files.
        bounds: the file of bounds; None for the tables without bounds.

    Raises:
        BoundsError: a file cannot be read, or a bound names a table or column that no model file
            describes, or is no pair of finite numbers.
    """
    limits = _limits(bounds) if bounds else {}
    found = []
    for file in sorted(models.glob("*/*.yml")):
        content = read(file, BoundsError).data or {}
        for model in content.get("models", []):
            table = TableName("gold", file.parent.name, model["name"])
            columns = tuple(column["name"] for column in model.get("columns", []))
            own = limits.pop(f"{table.domain}.{table.entity}", {})
            if unknown := sorted(set(own) - set(columns)):
                raise BoundsError(
                    f"{bounds}: {table.domain}.{table.entity}: no column "
                    f"{', '.join(unknown)} in {file}; fix the name"
                )
            found.append(
                GoldModel(
                    table,
                    columns,
                    grain=_test_columns(model, "unique_grain"),
                    required=_test_columns(model, "complete"),
                    bounds=tuple((name, low, high) for name, (low, high) in own.items()),
                )
            )
    if limits:
        raise BoundsError(f"{bounds}: no model for {', '.join(sorted(limits))} below {models}")
    return tuple(found)


def _limits(bounds: Path) -> dict[str, dict[str, list[float | None]]]:
    document = read(bounds, BoundsError)
    limits: dict[str, dict[str, list[float | None]]] = {}
    for table, columns in (document.data or {}).items():
        if not isinstance(columns, dict):
            raise BoundsError(f"{document.where((table,))}: {table}: expected columns and bounds")
        for column, pair in columns.items():
            if not _is_pair(pair):
                raise BoundsError(
                    f"{document.where((table, column))}: {table}.{column}: expected the least "
                    f"and the greatest value, finite numbers or null, got {pair!r}"
                )
        limits[str(table)] = dict(columns)
    return limits


def _is_pair(pair: Any) -> bool:
    if not isinstance(pair, list) or len(pair) != 2:
        return False
    known = [value for value in pair if value is not None]
    numbers = [v for v in known if isinstance(v, int | float) and not isinstance(v, bool)]
    return (
        len(numbers) == len(known)
        and all(map(math.isfinite, numbers))
        and (len(numbers) < 2 or numbers[0] <= numbers[1])
    )


def gold_check_specs(models: Iterable[GoldModel]) -> list[AssetCheckSpec]:
    """One blocking check a gold table: its suite."""
    return [
        AssetCheckSpec(
            GOLD_CHECK,
            asset=AssetKey(model.table.asset_key),
            blocking=True,
            description=(
                "Rows present, grain unique, required columns complete, measures in bounds "
                "(Great Expectations)."
            ),
        )
        for model in models
    ]


def aggregate_sql(model: GoldModel, dates: Sequence[date] = ()) -> str:
    """The query of the one row that the suite looks at.

    Args:
        model: the table.
        dates: look at these event dates only, where the table has them; empty for all.
    """
    name = ".".join(
        f'"{part}"' for part in (model.table.layer, model.table.domain, model.table.entity)
    )
    where = ""
    if dates and SCOPE in model.columns:
        listed = ", ".join(f"DATE '{day.isoformat()}'" for day in sorted(set(dates)))
        where = f" WHERE {SCOPE} IN ({listed})"
    grain = ", ".join(f'"{column}"' for column in model.grain)
    parts = ['count(*) AS "rows"']
    if model.grain:
        parts.append(
            f"(SELECT count(*) FROM (SELECT 1 FROM {name}{where} GROUP BY {grain} "  # noqa: S608
            'HAVING count(*) > 1)) AS "grain_repeated"'
        )
    parts += [f'count_if("{column}" IS NULL) AS "nulls__{column}"' for column in _complete(model)]
    for column, low, high in model.bounds:
        if low is not None:
            parts.append(f'CAST(min("{column}") AS double) AS "min__{column}"')
        if high is not None:
            parts.append(f'CAST(max("{column}") AS double) AS "max__{column}"')
    return f"SELECT {', '.join(parts)} FROM {name}{where}"  # noqa: S608


def expectations(model: GoldModel) -> list[Mapping[str, Any]]:
    """The expectations on the row of :func:`aggregate_sql`."""

    def between(rule: str, column: str, low: float | None, high: float | None) -> dict[str, Any]:
        return {
            "expectation": "ExpectColumnValuesToBeBetween",
            "rule": rule,
            "column": column,
            "min_value": low,
            "max_value": high,
        }

    made: list[Mapping[str, Any]] = [between(ROWS_PRESENT, "rows", 1, None)]
    if model.grain:
        rule = f"unique:{','.join(model.grain)}"
        made.append(between(rule, "grain_repeated", None, 0))
    made += [
        between(f"complete:{column}", f"nulls__{column}", None, 0) for column in _complete(model)
    ]
    for column, low, high in model.bounds:
        if low is not None:
            made.append(between(f"least:{column}", f"min__{column}", low, None))
        if high is not None:
            made.append(between(f"greatest:{column}", f"max__{column}", None, high))
    return made


def gold_suite_check(
    settings: Settings, model: GoldModel, dates: Sequence[date] = ()
) -> AssetCheckResult:
    """Check one gold table through Trino.

    A table that never had data is as it should be: nothing was published to its topics yet. One
    that is empty although something was is a warning and blocks nothing; one that has lost its
    rows, and anything else that is not met, is an error.

    Args:
        settings: where Trino is; data documents go below its home.
        model: the table.
        dates: event dates that the run changed; empty for the whole table.

    Raises:
        platform_assets.core.trino.TrinoQueryError: Trino refused the query, e.g. because the
            table is not there.
        platform_assets.core.trino.TrinoUnreachableError: Trino does not answer.
    """
    import polars as pl

    from platform_assets.core.trino import execute
    from platform_assets.quality.gx import validate_table

    answer = execute(settings, aggregate_sql(model, dates))
    values = dict(zip(answer.columns, answer.rows[0], strict=True))
    frame = pl.DataFrame(
        {name: [value] for name, value in values.items()},
        schema={
            name: pl.Float64 if name.startswith(("min__", "max__")) else pl.Int64 for name in values
        },
    )
    lost = values["rows"] == 0 and not dates and most_rows(settings, model.table) > 0
    new = values["rows"] == 0 and not lost and never_had_data(settings, model.table)
    made = [one for one in expectations(model) if not (new and one["rule"] == ROWS_PRESENT)]
    found = write_docs(settings.home, validate_table(model.table.sql, frame, made), "latest")
    serious = [outcome for outcome in found.failures if outcome.rule != ROWS_PRESENT]
    description = "no data yet: nothing was published to its topics" if new else describe(found)
    if lost:
        description = f"it had rows and has none now: {description}"
    return AssetCheckResult(
        passed=found.success,
        asset_key=AssetKey(model.table.asset_key),
        check_name=GOLD_CHECK,
        severity=AssetCheckSeverity.ERROR if serious or lost else AssetCheckSeverity.WARN,
        description=description,
        metadata={
            **suite_metadata(found),
            "rows": int(values["rows"]),
            "scope": ", ".join(day.isoformat() for day in dates) or "whole table",
        },
    )


def never_had_data(settings: Settings, table: TableName) -> bool:
    """Whether nothing was ever published to the topics that a gold table is made of."""
    from platform_assets.contracts.load import load_contracts
    from platform_assets.gold.columns import leaves, read_models
    from platform_assets.streaming.ledger import Ledger

    contracts = load_contracts()
    model = read_models(contracts.values()).get(table)
    if model is None or model.problem:
        return False
    read = {one for definition in model.columns.values() for one, _ in leaves(definition)}
    ledger = Ledger(settings)
    return not any(
        ledger.totals(topic).published
        for topic, contract in contracts.items()
        if read.intersection(contract.tables)
    )


def most_rows(settings: Settings, table: TableName) -> int:
    """The most rows that any snapshot of a gold table had, of those that are kept."""
    from platform_assets.core.trino import execute

    sql = (
        "SELECT max(TRY_CAST(element_at(summary, 'total-records') AS bigint)) "  # noqa: S608
        f'FROM "{table.layer}"."{table.domain}"."{table.entity}$snapshots"'
    )
    return int(execute(settings, sql).rows[0][0] or 0)


def _complete(model: GoldModel) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*model.grain, *model.required)))


def _test_columns(model: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The ``columns`` argument of one of the model's dbt tests."""
    for test in model.get("data_tests", []):
        if isinstance(test, Mapping) and name in test:
            return tuple(test[name].get("arguments", {}).get("columns", ()))
    return ()
