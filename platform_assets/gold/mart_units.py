"""The unit of each column of gold, from the contracts by way of the models' SQL.

Where a conversion leaves the unit open (``kW`` times hours), the model's YAML says it in the
column's ``config.meta.unit``; where the SQL leaves no doubt, YAML may only say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TableName
from platform_assets.core.yaml_lines import read
from platform_assets.gold.columns import MODELS, leaf_of, read_models
from platform_assets.gold.project import DbtError
from platform_assets.gold.units import (
    BARE,
    Measure,
    UnitError,
    check_stated,
    measure_of,
    measured_in,
    silver_units,
)


@dataclass(frozen=True)
class TableUnits:
    """The units of one gold table.

    Attributes:
        columns: column -> what it is measured in.
        problems: column -> why it has none: it mixes units, or YAML says another.
    """

    columns: Mapping[str, Measure] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    def of(self, column: str) -> Measure:
        """What a column is measured in.

        Raises:
            UnitError: it mixes units.
        """
        if column in self.problems:
            raise UnitError(self.problems[column])
        return self.columns.get(column, BARE)


def gold_units(contracts: Iterable[Contract], folder: Path = MODELS) -> dict[TableName, TableUnits]:
    """The units of every gold table whose model can be followed."""
    contracts = list(contracts)
    silver = silver_units(contracts)
    declared = _declared(folder)
    found = {}
    for table, model in read_models(contracts, folder).items():
        if model.problem:
            continue
        columns: dict[str, Measure] = {}
        problems: dict[str, str] = {}
        for name, definition in model.columns.items():
            where, stated = declared.get((model.path.stem, name), ("", ""))
            try:
                measure = measure_of(definition, lambda leaf: silver(*leaf_of(leaf)))
                if stated:
                    check_stated(stated, measure)
                    measure = measured_in(stated)
            except UnitError as error:
                problems[name] = f"{where or model.path}: column {name}: {error}"
            else:
                columns[name] = measure
        found[table] = TableUnits(columns, problems)
    return found


def _declared(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """(model, column) -> where its unit is stated, and the unit."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for path in sorted(folder.rglob("*.yml")):
        document = read(path, DbtError)
        for number, model in enumerate((document.data or {}).get("models") or ()):
            for place, column in enumerate(model.get("columns") or ()):
                unit = (column.get("config") or {}).get("meta", {}).get("unit")
                if unit:
                    where = ("models", number, "columns", place, "config", "meta", "unit")
                    found[model["name"], column["name"]] = (document.where(where), str(unit))
    return found
