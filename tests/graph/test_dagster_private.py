"""Dagster's private names: in one module, checked with the version that is installed."""

from __future__ import annotations

import re
from importlib.metadata import version

from platform_assets.graph import dagster_private
from tests import graph_of_imports as imports

PRIVATE = re.compile(r"^\s*(?:from|import) dagster\w*\._|^\s*(?:from|import) dagster_shared", re.M)


def test_they_were_checked_with_the_version_that_runs():
    assert version("dagster") == dagster_private.CHECKED_WITH, (
        "read platform_assets/graph/dagster_private.py against the new version, run "
        "tests/unit/test_maintenance_runs.py and tests/graph, then name it there"
    )


def test_one_module_imports_them():
    importers = {
        name for name, path in imports.modules().items() if PRIVATE.search(path.read_text())
    }

    assert importers == {"platform_assets.graph.dagster_private"}
