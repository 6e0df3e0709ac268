"""dbt's process for a build: begun without what would hold it up, told of with few questions.

What is named with an underscore is private to dagster-dbt: look here first after its next release.
"""

# No `from __future__ import annotations`: Dagster reads the fields of resources.
from collections.abc import Iterator, Sequence
from contextlib import chdir
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliInvocation, DbtCliResource
from dagster_dbt.core.dbt_cli_invocation import RelationData, RelationKey
from dagster_dbt.core.dbt_event_iterator import (
    _fetch_column_metadata,
    _fetch_row_count_metadata,
)
from packaging.version import Version


class Dbt(DbtCliResource):
    """dbt as Dagster runs it, but begun at once.

    Dagster's own starts a process to ask for the version, which also looks on the network for a
    newer one, and reads the project in this process; only then it starts the build. Here the
    version is that of the installed package, and the project is read while dbt starts.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:  # noqa: ARG002
        """None for now: :meth:`begin` makes it."""
        return None

    def begin(
        self, args: Sequence[str], context: dg.AssetExecutionContext, target: Path
    ) -> DbtCliInvocation:
        """Start dbt; what it tells can be streamed from what is returned.

        Args:
            args: command and options.
            context: of the step.
            target: folder for what dbt writes.
        """
        invocation = self.cli(args, context=context, target_path=target)
        try:
            # It asks Trino for columns and row counts, from this process.
            with chdir(self.project_dir):
                invocation.adapter = super()._initialize_dbt_core_adapter(args)
            _know_columns(invocation)
        except Exception as error:  # noqa: BLE001 (the build goes on without them)
            context.log.warning(f"columns and row counts of gold are not recorded: {error}")
        return invocation


def events(invocation: DbtCliInvocation) -> Iterator[Any]:
    """What dbt tells, as Dagster's events; models with rows, columns and their lineage.

    Dagster's own ``fetch_column_metadata`` also asks for the columns of tests, which have none.
    """
    yield from invocation.stream()._attach_metadata(_measured)


def _measured(invocation: DbtCliInvocation, event: Any) -> dict[str, Any] | None:
    if not isinstance(event, dg.AssetMaterialization | dg.Output):
        return None
    rows = _fetch_row_count_metadata(invocation, event)
    columns = _fetch_column_metadata(invocation, event, with_column_lineage=True)
    return {**(rows or {}), **(columns or {})}


def _know_columns(invocation: DbtCliInvocation) -> None:
    """Take the models' columns from their contracts, which dbt enforces, and ask for no others."""
    adapter: Any = invocation.adapter
    for node in invocation.manifest["nodes"].values():
        if node["resource_type"] != "model" or not node["columns"]:
            continue
        relation = adapter.Relation.create(
            database=node["database"], schema=node["schema"], identifier=node["alias"]
        )
        columns = [
            adapter.Column(column["name"], column["data_type"])
            for column in node["columns"].values()
        ]
        key = RelationKey(node["database"], node["schema"], node["alias"])
        invocation._relation_column_metadata_cache[key] = RelationData(str(relation), columns)
