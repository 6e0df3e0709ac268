"""What is wrong between contracts and gold's models, each fault with its file and line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from platform_assets.contracts.document import ContractError
from platform_assets.contracts.model import Contract
from platform_assets.core.broken import BrokenFile
from platform_assets.core.naming import TableName
from platform_assets.core.yaml_lines import read
from platform_assets.gold.bounds import misfits
from platform_assets.gold.columns import MODELS, read_models
from platform_assets.gold.mart_units import gold_units
from platform_assets.gold.project import DbtError

KIND = "gold model"


def review(contracts: Iterable[Contract], folder: Path = MODELS) -> list[BrokenFile]:
    """Bounds that do not fit, units that are mixed, models that cannot be followed.

    None of them stops anything: each becomes an asset that says what is wrong.
    """
    contracts = list(contracts)
    models = read_models(contracts, folder)
    found = []
    for table, model in models.items():
        if model.problem:
            message = f"{model.path}: {model.problem}; analysts cannot read {table.sql}"
            found.append(BrokenFile(KIND, model.path, DbtError(message)))
    for table, units in gold_units(contracts, folder).items():
        for problem in units.problems.values():
            hint = "state the unit that it has, or make a column for each unit"
            found.append(BrokenFile(KIND, models[table].path, DbtError(problem, hint)))
    return [*found, *misfitting(contracts, folder)]


def misfitting(contracts: Iterable[Contract], folder: Path = MODELS) -> list[BrokenFile]:
    """The contracts whose bounds do not fit what gold does with their columns."""
    contracts = list(contracts)
    owners: dict[TableName, Contract] = {
        table: contract for contract in contracts for table in contract.tables
    }
    found = []
    for misfit in misfits(contracts, read_models(contracts, folder).values()):
        path = Path(owners[misfit.table].path)
        document = read(path, ContractError, "contract")
        names = [one.get("name") for one in document.data["schema"][0]["properties"]]
        place = ("schema", 0, "properties", names.index(misfit.column))
        error = ContractError(f"contract {document.where(place)}: {misfit.message}")
        found.append(BrokenFile(KIND, path, error))
    return found
