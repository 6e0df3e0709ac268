"""The walls between the rooms: what the import graph says, and that a wall falls when broken."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import graph_of_imports as imports

DAGSTER_ROOMS = {
    "platform_assets.definitions",
    "platform_assets.graph",
    "ml.assets",
    "reports.assets",
}


def test_no_package_imports_itself_by_way_of_others():
    assert imports.all_cycles(imports.module_graph()) == {}


def test_a_cycle_between_packages_is_found():
    graph = {"ml.a": {"ml.b.x"}, "ml.b.x": {"ml.c"}, "ml.c": {"ml.a"}, "ml.d": {"ml.a"}}

    assert imports.all_cycles(graph) == {"ml": [["ml.a", "ml.b", "ml.c"]]}


def test_dagster_is_imported_in_its_rooms_alone():
    importers = imports.dagster_importers(imports.module_graph())

    outside = {
        module
        for module in importers
        if imports.room(module) not in DAGSTER_ROOMS and not module.startswith("sensors")
    }
    assert outside == DAGSTER_EXCEPTIONS


# The shell talks to Dagster's web server with Dagster's own client.
DAGSTER_EXCEPTIONS = {"platform_assets.cli.launch"}


BREAKS = {
    "core knows a room": ("platform_assets/core/naming.py", "platform_assets.contracts.model"),
    "a room below knows one above": ("platform_assets/engines/base.py", "platform_assets.gold"),
    "a room without Dagster": ("platform_assets/streaming/plan.py", "dagster"),
    "Dagster at second hand": ("platform_assets/quality/gx.py", "platform_assets.graph.specs"),
    "definitions imported back": ("reports/assets/report.py", "platform_assets.definitions"),
    "a command imported": ("sensors/health.py", "platform_assets.cli.launch"),
    "the guard knows another room": ("reports/guard/claims.py", "reports.document"),
    "a model knows a report": ("ml/drift/compare.py", "reports.document"),
    "a second importer": ("ml/canary/share.py", "torch"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    place = tmp_path_factory.mktemp("walls")
    for top in imports.TOPS:
        shutil.copytree(
            imports.ROOT / top, place / top, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(imports.ROOT / ".importlinter", place)
    return place


def lint(place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_walls_stand(copy):
    done = lint(copy)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("wall", BREAKS)
def test_a_forbidden_import_breaks_a_wall(copy, wall):
    file, target = BREAKS[wall]
    path = copy / file
    whole = path.read_text()
    path.write_text(f"{whole}\n\ndef _forbidden() -> None:\n    import {target}\n")
    try:
        assert "BROKEN" in lint(copy).stdout
    finally:
        path.write_text(whole)
