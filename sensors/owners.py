"""Whose matter an asset is: the address of a message about it."""

from __future__ import annotations

from collections.abc import Iterable

from dagster import AssetKey, RepositoryDefinition


def owner_of(repository: RepositoryDefinition | None, assets: Iterable[AssetKey]) -> str:
    """The owner that these assets share; empty where there is none, or more than one.

    Args:
        repository: the code location's definitions, as a sensor's context knows them.
        assets: keys; unknown ones have no owner.
    """
    if repository is None:
        return ""
    graph = repository.asset_graph
    owners = {next(iter(graph.get(key).owners), "") if graph.has(key) else "" for key in assets}
    return owners.pop() if len(owners) == 1 else ""
