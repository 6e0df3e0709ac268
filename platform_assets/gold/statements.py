"""The one statement of each fresh model, as dbt renders it, with its dates left open.

dbt takes a second of CPU and seven small queries for each run, however little there is to do. So it
renders each model's MERGE once; a step fills in the dates. Belongs here: rendering and filling
in. Does not belong here: running a statement, and what a failure means.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_assets.core import yaml_lines
from platform_assets.gold.project import PROJECT

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunner

# Dates that stand for a topic's: days of the year 1, one for each topic. dbt repeats them as
# literals wherever the model asks for the touched dates.
_OPEN = re.compile(r"\bin \((date '0001-\d\d-\d\d'(?:, date '0001-\d\d-\d\d')*)\)")
_MARK = re.compile(r"0001-\d\d-\d\d")


class StatementError(Exception):
    """dbt did not render the statements; says why."""


@dataclass(frozen=True)
class Statement:
    """A model's MERGE.

    Attributes:
        text: the SQL, with a mark for the dates of each topic.
        marks: mark -> topic slug.
    """

    text: str
    marks: Mapping[str, str]

    def for_dates(self, dates: Mapping[str, Sequence[str]]) -> str:
        """The SQL for the changed dates (ISO) of each topic, by slug.

        A list of no dates keeps its mark, a date that no row has.
        """

        def filled(found: re.Match[str]) -> str:
            marks = _MARK.findall(found[1])
            days = {day for mark in marks for day in dates.get(self.marks.get(mark, ""), ())}
            listed = ", ".join(f"date '{day}'" for day in sorted(days or marks[:1]))
            return f"in ({listed})"

        return _OPEN.sub(filled, self.text)


def render(
    runner: dbtRunner,
    options: Iterable[str],
    target: Path,
    models: Mapping[str, Iterable[str]],
) -> dict[str, Statement]:
    """Have dbt render the models' statements; it runs none of them.

    Args:
        runner: with the project's manifest.
        options: of every dbt call.
        target: dbt's target folder, below which it writes what it rendered.
        models: model name -> slugs of the topics that it reads.

    Raises:
        StatementError: dbt failed, or wrote no statement for a model.
    """
    slugs = sorted({slug for topics in models.values() for slug in topics})
    marks = {date.fromordinal(day).isoformat(): slug for day, slug in enumerate(slugs, 1)}
    variables = {
        "fresh": True,
        "render_only": True,
        "changed_dates": {slug: [mark] for mark, slug in marks.items()},
    }
    answer = runner.invoke(
        [
            "run", "--select", " ".join(models), "--no-populate-cache",
            "--vars", json.dumps(variables), *options,
        ]
    )  # fmt: skip
    results = list(getattr(answer.result, "results", None) or ())
    for result in results:
        if str(result.status) != "success":
            raise StatementError(f"{result.node.name}: {result.message}")
    if not answer.success:
        raise StatementError(str(answer.exception or "dbt stopped without a reason"))
    made = {str(result.node.name): _written(result.node, target) for result in results}
    if missing := sorted(set(models) - made.keys()):
        raise StatementError(f"{missing[0]}: dbt did not render it")
    return {name: Statement(text, marks) for name, text in made.items()}


def session_properties(target: str) -> dict[str, str]:
    """Trino session properties of one of the targets in ``profiles.yml``."""
    profiles = yaml_lines.read(PROJECT / "profiles.yml").data
    given: Mapping[str, Any] = profiles["weir"]["outputs"][target]["session_properties"]
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in given.items()
    }


def _written(node: Any, target: Path) -> str:
    path = target / "run" / str(node.package_name) / str(node.original_file_path)
    try:
        text = path.read_text()
    except OSError as error:
        raise StatementError(f"{node.name}: dbt wrote no statement ({error})") from error
    if not text.strip():
        raise StatementError(f"{node.name}: dbt wrote an empty statement to {path}")
    return text
