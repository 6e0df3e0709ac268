"""Dagster of the test's stack, from outside: its instance and its web server.

Belongs here: opening the instance, asking GraphQL. Does not belong here: any test.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from dagster import DagsterInstance

from platform_assets.core.settings import Settings
from platform_assets.local.dagster import environment
from platform_assets.local.wait import wait_until

LOCATION = "weir"


@contextmanager
def instance(settings: Settings) -> Iterator[DagsterInstance]:
    """The stack's instance, as the daemon sees it."""
    values = environment(settings)
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        with DagsterInstance.from_config(str(settings.dagster_home)) as opened:
            yield opened
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def ask(settings: Settings, query: str, **variables: Any) -> dict[str, Any]:
    """One GraphQL request."""
    answer = httpx.post(
        f"{settings.dagster_url}/graphql",
        json={"query": query, "variables": variables},
        timeout=60,
    )
    answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    assert "errors" not in document, document["errors"]
    data: dict[str, Any] = document["data"]
    return data


def sensors(settings: Settings) -> dict[str, dict[str, Any]]:
    """Name to state of every sensor."""
    found = ask(
        settings,
        """query { workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
             ... on RepositoryLocation { repositories { name sensors {
               name id sensorState { id selectorId status } } } } } } } } }""",
    )
    entries = found["workspaceOrError"]["locationEntries"]
    return {
        sensor["name"]: {**sensor["sensorState"], "repository": repository["name"]}
        for entry in entries
        for repository in (entry["locationOrLoadError"] or {}).get("repositories", [])
        for sensor in repository["sensors"]
    }


def ticks(settings: Settings) -> tuple[int, list[str]]:
    """How many ticks of sensors and schedules ended well, and why the others failed."""
    told = "ticks(limit: 1000) { status error { message } }"
    found = ask(
        settings,
        """query { workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
             ... on RepositoryLocation { repositories {
               sensors { name sensorState { TICKS } }
               schedules { name scheduleState { TICKS } } } } } } } } }""".replace("TICKS", told),
    )
    well, failed = 0, []
    for entry in found["workspaceOrError"]["locationEntries"]:
        for repository in (entry["locationOrLoadError"] or {}).get("repositories", []):
            for one in (*repository["sensors"], *repository["schedules"]):
                state = one.get("sensorState") or one.get("scheduleState")
                for tick in state["ticks"]:
                    if tick["status"] == "FAILURE":
                        failed.append(f"{one['name']}: {tick['error']['message']}")
                    well += tick["status"] in ("SUCCESS", "SKIPPED")
    return well, failed


def stop_sensor(settings: Settings, name: str) -> None:
    """Switch a sensor off and end what it started."""
    state = wait_until(
        lambda: sensors(settings).get(name), what=f"sensor {name}", timeout=120, every=0.5
    )
    stopped = ask(
        settings,
        """mutation ($id: String!) { stopSensor(id: $id) { __typename
             ... on PythonError { message } } }""",
        id=state["id"],
    )
    assert stopped["stopSensor"]["__typename"] == "StopSensorMutationResult", stopped
