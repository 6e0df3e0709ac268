"""dbt's sources and staging views, generated from the contracts (one fact, one place)."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from platform_assets.contracts.model import Column, Contract, LogicalType, TopicKind
from platform_assets.core.naming import TableName
from platform_assets.core.settings import REPOSITORY

STAGING = REPOSITORY / "dbt_project" / "models" / "staging"

_NOTICE = "Generated from the contracts by platform_assets.gold.dbt_sources; do not edit."
_TRINO = {
    LogicalType.STRING: "varchar",
    LogicalType.INTEGER: "bigint",
    LogicalType.NUMBER: "double",
    LogicalType.BOOLEAN: "boolean",
    LogicalType.DATE: "date",
    LogicalType.TIMESTAMP: "timestamp(6) with time zone",
}
_LAST_OF_DATE = (
    "with_timezone(cast(event_date as timestamp(6)) + interval '86399.999' second, 'UTC')"
)
_VALID = (
    Column("valid_from", LogicalType.TIMESTAMP, "When this version began (UTC)."),
    Column("valid_to", LogicalType.TIMESTAMP, "When the next version began; null: current."),
)


def render(contracts: Iterable[Contract]) -> dict[str, str]:
    """File name -> text, for every file of the staging folder."""
    contracts = sorted(contracts, key=lambda contract: contract.topic)
    files = {
        "sources.yml": _yaml({"version": 2, "sources": _sources(contracts)}),
        "staging.yml": _yaml(
            {
                "version": 2,
                "groups": _groups(contracts),
                "models": [_model(contract) for contract in contracts],
            }
        ),
    }
    for contract in contracts:
        files[f"{_staging_name(contract)}.sql"] = _view(contract)
    return files


def write(contracts: Iterable[Contract], folder: Path = STAGING) -> list[Path]:
    """Write the files and remove generated views whose contract is gone; returns what changed."""
    folder.mkdir(parents=True, exist_ok=True)
    files = render(contracts)
    changed = []
    for name, text in files.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed.append(path)
    for path in folder.glob("stg_*.sql"):
        if path.name not in files:
            path.unlink()
            changed.append(path)
    return changed


def _columns(contract: Contract) -> list[Column]:
    if contract.kind is TopicKind.APPEND:
        day = f"UTC date of {contract.event_time}; the table's partition."
        return [*contract.columns, Column("event_date", LogicalType.DATE, day)]
    return [*contract.columns, _VALID[0]]


def _sources(contracts: list[Contract]) -> list[dict[str, Any]]:
    domains: dict[str, list[dict[str, Any]]] = {}
    for contract in contracts:
        tables = domains.setdefault(contract.topic.domain, [])
        tables.append(_source_table(contract, contract.topic.silver, contract.description))
        if contract.kind is TopicKind.CHANGE:
            history = f"Every version of: {contract.description}"
            tables.append(_source_table(contract, contract.topic.history, history))
    return [
        {
            "name": f"silver_{domain}",
            "database": "silver",
            "schema": domain,
            "description": f"Silver tables of {domain}: typed, checked, deduplicated.",
            "tables": tables,
        }
        for domain, tables in domains.items()
    ]


def _source_table(contract: Contract, table: TableName, description: str) -> dict[str, Any]:
    columns = _columns(contract)
    if table == contract.topic.history:
        operation = Column("op", LogicalType.STRING, "Kind of change: c, u or d.")
        columns = [*columns[:-1], operation, *_VALID]
    return {
        "name": table.entity,
        "description": description,
        "config": {
            "meta": {
                "owner": contract.owner,
                "contract_version": contract.version,
                "topic": str(contract.topic),
                "dagster": {"asset_key": table.asset_key},
            }
        },
        "columns": [_column(column) for column in columns],
    }


def _groups(contracts: list[Contract]) -> list[dict[str, Any]]:
    owners = {contract.topic.domain: contract.owner for contract in contracts}
    groups = [
        {"name": domain, "owner": {"name": domain, "email": owner}}
        for domain, owner in sorted(owners.items())
    ]
    return [*groups, {"name": "staging", "owner": {"name": "data platform",
                                                   "email": "platform@weir.example"}}]  # fmt: skip


def _model(contract: Contract) -> dict[str, Any]:
    return {
        "name": _staging_name(contract),
        "description": f"{contract.description} Times in microseconds, UTC.",
        "config": {"meta": {"owner": contract.owner}},
        "columns": [_column(column) for column in _columns(contract)],
    }


def _column(column: Column) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": column.name,
        "data_type": _TRINO[column.type],
        "description": column.description or f"{column.name.replace('_', ' ')}.",
    }
    meta = {"pii": column.pii, "unit": column.unit, "unit_column": column.unit_column}
    if meta := {name: value for name, value in meta.items() if value}:
        said["config"] = {"meta": meta}
    return said


def _staging_name(contract: Contract) -> str:
    return f"stg_{contract.topic.entity}"


def _view(contract: Contract) -> str:
    topic = contract.topic
    lines = [_staged(contract, column) for column in _columns(contract)]
    listed = ",\n    ".join(lines)
    return (
        f"{{#- {_NOTICE} -#}}\n"
        f"select\n    {listed}\n"
        f"from {{{{ source('silver_{topic.domain}', '{topic.entity}') }}}}\n"
    )


def _staged(contract: Contract, column: Column) -> str:
    """A column of a staging view.

    Trino reads Delta's microseconds as milliseconds, rounded. So an event of the last half
    millisecond of a day would be the next day's first, beside an ``event_date`` that says
    otherwise, and its hour would be there under two dates. It stays within its date.
    """
    if column.type is not LogicalType.TIMESTAMP:
        return column.name
    read = f"cast({column.name} as {_TRINO[column.type]})"
    if contract.kind is TopicKind.APPEND and column.name == contract.event_time:
        read = f"least({read}, {_LAST_OF_DATE})"
    return f"{read} as {column.name}"


def _yaml(content: dict[str, Any]) -> str:
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return f"# {_NOTICE}\n{text}"


def staged(asked: Iterable[str] = ()) -> list[Contract]:
    """Contracts that have staging views, for gold to build on.

    Those of ``contracts/`` all do, those of derived tables among them. The topic of one source does
    where it was asked for: a new source's folder must not change the dbt project.

    Args:
        asked: topics beside those.
    """
    from platform_assets.contracts.load import CONTRACTS, derived_contracts, load_contracts

    names = set(asked)
    own = [
        contract
        for contract in load_contracts().values()
        if Path(contract.path).parent == CONTRACTS
        or str(contract.topic) in names
        or (STAGING / f"{_staging_name(contract)}.sql").exists()
    ]
    return [*own, *derived_contracts()]


def main() -> None:
    """Write the staging folder and say what changed; arguments: topics of sources, staged, too."""
    for path in write(staged(sys.argv[1:])):
        print(path.relative_to(REPOSITORY))


if __name__ == "__main__":
    main()
