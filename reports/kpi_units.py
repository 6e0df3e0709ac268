"""The unit of a KPI: that of the contract's columns, by way of gold and the KPI's SQL.

Also what a KPI may not read: columns that are computed from personal data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TableName
from platform_assets.gold.access import hidden_columns, personal_leaves
from platform_assets.gold.columns import UnknownSqlError, definitions, leaf, leaf_of, read_models
from platform_assets.gold.mart_units import TableUnits, gold_units
from platform_assets.gold.units import BARE, Measure, UnitError, check_stated, measure_of
from reports.kpi_sql import render_sql, tables_of

if TYPE_CHECKING:
    from sqlglot import exp


def check_columns(statement: str, value: str, by: str, stated: str) -> str:
    """The unit of a KPI's value; the one that is stated where the SQL leaves it open.

    Tables that no dbt model makes are taken as they are.

    Args:
        statement: the text of its SQL file.
        value: its aggregate.
        by: the column of its breakdown; empty without one.
        stated: the unit that the report's definition states; empty if none.

    Raises:
        ValueError: the SQL mixes two units, states another one than its columns have, or shows
            what is computed from personal data.
    """
    gold = _gold(tuple(load_contracts().values()))
    names = {name: TableName("gold", *name.split(".")[1:]) for name in tables_of(statement)}
    if not all(table in gold.columns for table in names.values()):
        return stated
    flat = {name: name.replace(".", "__") for name in names}
    known = {
        flat[name]: {column: leaf(table, column) for column in gold.columns[table]}
        for name, table in names.items()
    }
    outputs = f"{value} as value" + (f", {by} as member" if by else "")
    rows = render_sql(statement, flat)
    sql = f"select {outputs} from (\n{rows}\n) as kpi_rows"  # noqa: S608 (parsed, not run)
    try:
        found = definitions(sql, known)
    except UnknownSqlError:
        return stated  # lineage that is guessed would be worse than none
    for name, definition in found.items():
        if personal_leaves(definition, gold.personal):
            what = value if name == "value" else by
            raise ValueError(f"{what} shows personal data, which no report may")
    measure = measure_of(found["value"], gold.measure)
    if stated:
        check_stated(stated, measure)
    return stated or measure.unit


@dataclass(frozen=True)
class _Gold:
    columns: Mapping[TableName, tuple[str, ...]]
    units: Mapping[TableName, TableUnits]
    personal: frozenset[tuple[TableName, str]]

    def measure(self, read: exp.Column) -> Measure:
        table, column = leaf_of(read)
        try:
            return self.units[table].of(column) if table in self.units else BARE
        except UnitError as error:
            raise UnitError(f"{table.sql}: {error}") from None


@lru_cache(maxsize=2)
def _gold(contracts: tuple[Contract, ...]) -> _Gold:
    models = read_models(contracts)
    hidden = hidden_columns(contracts, models.values())
    columns = {table: tuple(model.columns) for table, model in models.items() if not model.problem}
    personal = {
        (table, name)
        for table, names in columns.items()
        for name in (names if hidden[table] is None else hidden[table] or ())
    }
    return _Gold(columns, gold_units(contracts), frozenset(personal))
