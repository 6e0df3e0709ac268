"""Fresh gold: a warm dbt in this process, stepped after each few batches.

dbt as a process costs 4 to 11 seconds a step; kept warm with its manifest, about one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from platform_assets.core.errors import WeirError
from platform_assets.core.retry import Retry
from platform_assets.core.settings import Settings
from platform_assets.core.trino import TrinoQueryError, execute
from platform_assets.gold.project import environment, load_manifest

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

MAX_DATES = 40
"""Dates that one step names; with more it recomputes every date, which is then cheaper."""

CATALOG_SECONDS = 60.0
"""How long a step waits for Iceberg's catalog to come back, as after a restart of PostgreSQL."""

COMPACT_EVERY = 200
"""Steps after which the touched tables' small files are put together."""

_TAG = "fresh"
_CONFLICT = ("conflict", "commit failed", "cannot commit", "stale", "concurrent", "transaction")
_MISSING = ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND")
_AWAY = (
    # Iceberg's JDBC catalog in Trino: its pool holds connections that PostgreSQL's end has closed,
    # and drops one at each failure.
    "cannot check and eventually update sql schema",
    "connection has been closed",
    "terminating connection due to administrator command",
    "the database system is",
    "i/o error occurred while sending to the backend",
    "check that the hostname and port are correct",
)


class FreshGoldError(WeirError):
    """A model of a step failed.

    Attributes:
        model: the model's name, or ``dbt`` where none ran.
        reason: what Trino or dbt said.
    """

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(
            f"gold model {model}: {reason}; its table keeps its rows",
            "fix the model or the table, then materialise it in Dagster",
        )
        self.model = model
        self.reason = reason


class CommitConflictError(FreshGoldError):
    """Another writer (a full build, compaction) committed to the table first."""


class CatalogAwayError(FreshGoldError):
    """Iceberg's catalog did not answer. A step may be run again: its dates are merged anew."""


class MissingTableError(FreshGoldError):
    """A table or staging view is not there yet."""


@dataclass(frozen=True)
class StepResult:
    """What a step did.

    Attributes:
        models: names of the models that ran, in order of their end.
        seconds: wall time.
        rows: rows written or deleted, per model, where Trino said so.
        everything: whether every date was recomputed.
    """

    models: tuple[str, ...]
    seconds: float
    rows: Mapping[str, int] = field(default_factory=dict)
    everything: bool = False


class FreshGold:
    """Keeps the models tagged ``fresh`` in step with silver.

    Not thread safe: dbt keeps state in the process. One instance a process.
    """

    def __init__(self, settings: Settings, compact_every: int = COMPACT_EVERY) -> None:
        self._settings = settings
        self._compact_every = compact_every
        self._graph = load_manifest()
        self._runner: dbtRunner | None = None
        self._manifest: Manifest | None = None
        self._steps: dict[str, int] = {}
        self._target = settings.home / "dbt" / "fresh"

    def models(self, slugs: Iterable[str]) -> tuple[str, ...]:
        """Names of the fresh models downstream of these topics."""
        wanted = set(slugs)
        return tuple(
            sorted(
                node["name"]
                for node in self._graph["nodes"].values()
                if _is_fresh(node) and wanted & set(node["config"].get("topics", []))
            )
        )

    def warm(self) -> None:
        """Load dbt and parse the project (some seconds); the first step does it otherwise."""
        self._start()

    def step(self, changed: Mapping[str, Iterable[date]]) -> StepResult:
        """Recompute the touched dates of every fresh model downstream of ``changed``.

        Args:
            changed: topic slug (``commerce_clickstream``) -> event dates whose silver rows
                changed, late ones and removals included.

        Raises:
            FreshGoldError: a model failed; names it. Nothing of it is half written: each
                model is one MERGE.
        """
        dates = {slug: sorted({str(day) for day in days}) for slug, days in changed.items()}
        dates = {slug: days for slug, days in dates.items() if days}
        names = self.models(dates)
        if not names:
            return StepResult((), 0.0)
        began = time.perf_counter()
        everything = any(len(days) > MAX_DATES for days in dates.values())
        variables: dict[str, Any] = {"fresh": True}
        if not everything:
            variables["changed_dates"] = dates
        try:
            rows = self._run_retrying(names, variables)
        except MissingTableError:
            # The first step of a new lake, or of a new model: make the views and tables that
            # these models need, and no others (their sources may not be there yet).
            done = self._run_retrying(tuple(f"+{name}" for name in names), {})
            rows, everything = {name: done.get(name, 0) for name in names}, True
        self._compact_when_due(names)
        return StepResult(tuple(rows), time.perf_counter() - began, rows, everything)

    def full(self) -> StepResult:
        """Run every model over every date, staging views included, without tests."""
        began = time.perf_counter()
        rows = self._run_retrying((), {})
        return StepResult(tuple(rows), time.perf_counter() - began, rows, everything=True)

    def close(self) -> None:
        """Forget the warm dbt."""
        self._runner = self._manifest = None

    def _start(self) -> dbtRunner:
        os.environ.update(environment(self._settings))
        if self._runner is not None:
            return self._runner
        from dbt.cli.main import dbtRunner

        self._target.mkdir(parents=True, exist_ok=True)
        parsed = dbtRunner().invoke(["parse", *self._common()])
        if not parsed.success:
            raise FreshGoldError("dbt", str(parsed.exception or "the project does not parse"))
        self._manifest = parsed.result  # type: ignore[assignment]
        self._runner = dbtRunner(manifest=self._manifest)
        return self._runner

    def _common(self) -> list[str]:
        return [
            "--quiet", "--no-use-colors", "--no-version-check", "--log-level-file", "none",
            "--no-write-json", "--target-path", str(self._target), "--target", "fresh",
        ]  # fmt: skip

    def _run_retrying(self, names: tuple[str, ...], variables: dict[str, Any]) -> dict[str, int]:
        """Run the models, those that are done once only; returns the rows of each.

        A conflict is tried four times; a catalog that is away, for ``CATALOG_SECONDS``.
        """
        done: dict[str, int] = {}
        left = names

        def run() -> None:
            nonlocal left
            try:
                self._run(left, variables, done)
            finally:
                left = tuple(name for name in left if name.lstrip("+") not in done)

        conflicts = Retry(longest=2).on(CommitConflictError)
        catalog = Retry(attempts=None, seconds=CATALOG_SECONDS, pause=0.5).on(CatalogAwayError)
        catalog(conflicts, run)
        return done

    def _run(self, names: tuple[str, ...], variables: dict[str, Any], done: dict[str, int]) -> None:
        runner = self._start()
        selected = ["--select", " ".join(names), "--no-populate-cache"] if names else []
        answer = runner.invoke(["run", *selected, "--vars", json.dumps(variables), *self._common()])
        failed: list[tuple[str, str]] = []
        for result in getattr(answer.result, "results", None) or ():
            if str(result.status) == "success":
                done[result.node.name] = _rows(result.adapter_response)
            elif str(result.status) == "error":
                failed.append((result.node.name, str(result.message)))
        if failed:
            model, reason = failed[0]
            raise _kind(reason)(model, reason)
        if not answer.success:
            reason = str(answer.exception or "dbt stopped without a reason")
            away = _kind(reason) is CatalogAwayError
            raise (CatalogAwayError if away else FreshGoldError)("dbt", reason)

    def _compact_when_due(self, names: tuple[str, ...]) -> None:
        for node in self._graph["nodes"].values():
            if node["name"] not in names or not _is_fresh(node):
                continue
            name = node["name"]
            self._steps[name] = self._steps.get(name, 0) + 1
            if self._steps[name] % self._compact_every:
                continue
            table = f"{node['database']}.{node['schema']}.{node['alias']}"
            try:
                execute(self._settings, f"alter table {table} execute optimize", attempts=1)
            except TrinoQueryError as error:
                # The scheduled maintenance does the same; only a missing table is a fault.
                if error.name == "TABLE_NOT_FOUND":
                    raise FreshGoldError(name, str(error)) from error


def _is_fresh(node: Mapping[str, Any]) -> bool:
    return node["resource_type"] == "model" and _TAG in node["tags"]


def _kind(reason: str) -> type[FreshGoldError]:
    if any(word in reason for word in _MISSING):
        return MissingTableError
    if any(word in reason.lower() for word in _AWAY):
        return CatalogAwayError
    if any(word in reason.lower() for word in _CONFLICT):
        return CommitConflictError
    return FreshGoldError


def _rows(response: Mapping[str, Any]) -> int:
    try:
        return max(0, int(str(response.get("rows_affected", 0))))
    except ValueError:
        return 0
