"""A folder whose spec does not load, as an asset that says so."""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
import re
from typing import Any

import dagster as dg

from ml.assets.keys import GROUP, OWNER, part_key
from ml.discovery import Broken
from ml.spec import SpecError


def build_broken_definitions(broken: Broken) -> dg.Definitions:
    """One asset ``models/<name>/spec``: its description is the error; so is materialising it."""
    name = re.sub(r"\W", "_", broken.name)

    @dg.asset(
        key=part_key(name, "spec"),
        group_name=GROUP,
        owners=[OWNER],
        kinds={"python"},
        tags={"broken": "true"},
        metadata={"file": str(broken.file), "line": broken.line, "reason": broken.reason},
        description=f"This model does not load: {broken}",
    )
    def spec() -> dg.MaterializeResult[Any]:
        """Fail with the file, the line and the reason."""
        raise SpecError(f"model {broken.name!r} does not load: {broken}", "correct that file")

    return dg.Definitions(assets=[spec])
