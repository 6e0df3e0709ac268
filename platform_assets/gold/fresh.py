"""Fresh gold: the fast models' statements, run after each few batches.

dbt renders each model's statement once (:mod:`platform_assets.gold.statements`); a step runs them
for the touched dates. What a statement cannot do, a warm dbt in this process does: making tables
and views, and recomputing every date.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from platform_assets.core.retry import Retry
from platform_assets.core.settings import Settings
from platform_assets.core.trino import TrinoQueryError, TrinoUnreachableError, execute
from platform_assets.gold.failures import (
    CatalogAwayError,
    CommitConflictError,
    FreshGoldError,
    MissingTableError,
    cause_of,
    kind_of,
)
from platform_assets.gold.project import environment, load_manifest
from platform_assets.gold.statements import (
    Statement,
    StatementError,
    render,
    session_properties,
)

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

MAX_DATES = 40
"""Dates that one step names; with more it recomputes every date, which is then cheaper."""

CATALOG_SECONDS = 60.0
"""How long a step waits for Iceberg's catalog to come back, as after a restart of PostgreSQL."""

STATEMENTS_AT_ONCE = 4
"""As many models of a step run side by side."""

COMPACT_EVERY = 16
"""Steps after which a table's small files are put together.

A step leaves two files that the next one reads: the CPU of 60 steps doubled (by 0.045 s a step, for
three models), while putting them together takes about a second a table. The sum of both is least
at the root of twice the second by the first.
"""

TARGET = "fresh"
"""The target in dbt's ``profiles.yml``, with the session properties of a step."""

_TAG = "fresh"


@dataclass(frozen=True)
class StepResult:
    """What a step did.

    Attributes:
        models: names of the models that ran, in order of their end.
        seconds: wall time.
        rows: rows written or deleted, per model, where Trino said so.
        everything: whether every date was recomputed.
        failed: models that failed, or wait for one that did; their tables keep their rows.
    """

    models: tuple[str, ...]
    seconds: float
    rows: Mapping[str, int] = field(default_factory=dict)
    everything: bool = False
    failed: Mapping[str, FreshGoldError] = field(default_factory=dict)


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
        self._statements: dict[str, Statement] = {}
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
        # Trino may be away still: the first step says so.
        with suppress(FreshGoldError):
            self.statements()

    def step(self, changed: Mapping[str, Iterable[date]]) -> StepResult:
        """The same as :meth:`step_each` for all models; a failure is raised once all have run.

        Raises:
            FreshGoldError: a model failed; names it.
        """
        result = self.step_each(changed)
        if result.failed:
            raise next(iter(result.failed.values()))
        return result

    def step_each(
        self, changed: Mapping[str, Iterable[date]], models: Iterable[str] | None = None
    ) -> StepResult:
        """Recompute the touched dates of every fresh model downstream of ``changed``.

        A model that fails holds back those that read it, and no others. Nothing of it is half
        written: each model is one MERGE.

        Args:
            changed: topic slug (``commerce_clickstream``) -> event dates whose silver rows
                changed, late ones and removals included.
            models: only these of them.

        Raises:
            FreshGoldError: not the models but dbt, Trino or the catalog fails.
        """
        dates = {slug: sorted({str(day) for day in days}) for slug, days in changed.items()}
        dates = {slug: days for slug, days in dates.items() if days}
        names = self.models(dates)
        if models is not None:
            wanted = set(models)
            names = tuple(name for name in names if name in wanted)
        if not names:
            return StepResult((), 0.0)
        began = time.perf_counter()
        everything = any(len(days) > MAX_DATES for days in dates.values())
        variables: dict[str, Any] = {"fresh": True}
        if not everything:
            variables["changed_dates"] = dates
        rows, failed = self._run_retrying(names, variables)
        if missing := [n for n, error in failed.items() if isinstance(error, MissingTableError)]:
            # The first step of a new lake, or of a new model: make the views and tables that
            # these models need, and no others (their sources may not be there yet).
            made, again = self._run_retrying(tuple(f"+{name}" for name in missing), {})
            rows |= {name: count for name, count in made.items() if name in names}
            failed = {name: error for name, error in failed.items() if name not in missing}
            failed |= {name: cause_of(name, again) for name in missing if name not in made}
            everything = True
        if failed and not rows:
            self._raise_if_trino_is_away(next(iter(failed.values())))
        self._compact_when_due(tuple(rows))
        return StepResult(tuple(rows), time.perf_counter() - began, rows, everything, failed)

    def full(self) -> StepResult:
        """Run every model over every date, staging views included, without tests."""
        began = time.perf_counter()
        rows, failed = self._run_retrying((), {})
        if failed:
            raise next(iter(failed.values()))
        return StepResult(tuple(rows), time.perf_counter() - began, rows, everything=True)

    def close(self) -> None:
        """Forget the warm dbt."""
        self._runner = self._manifest = None
        self._statements = {}

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
            "--no-write-json", "--target-path", str(self._target), "--target", TARGET,
        ]  # fmt: skip

    def _run_retrying(
        self, names: tuple[str, ...], variables: dict[str, Any]
    ) -> tuple[dict[str, int], dict[str, FreshGoldError]]:
        """Run the models, those that are done once only; returns the rows of each, and failures.

        A conflict is tried four times; a catalog that is away, for ``CATALOG_SECONDS``.
        """
        done: dict[str, int] = {}
        failed: dict[str, FreshGoldError] = {}
        left = names

        def run() -> None:
            nonlocal left
            try:
                self._run(left, variables, done, failed)
            finally:
                settled = done.keys() | failed.keys()
                left = tuple(name for name in left if name.lstrip("+") not in settled)

        conflicts = Retry(longest=2).on(CommitConflictError)
        catalog = Retry(attempts=None, seconds=CATALOG_SECONDS, pause=0.5).on(CatalogAwayError)
        try:
            catalog(conflicts, run)
        except CommitConflictError as error:
            failed |= {name.lstrip("+"): error for name in left}
        return done, failed

    def _raise_if_trino_is_away(self, error: FreshGoldError) -> None:
        try:
            execute(self._settings, "select 1", attempts=1)
        except TrinoUnreachableError as away:
            raise error from away

    def statements(self) -> Mapping[str, Statement]:
        """The statement of each fresh model; dbt renders them at the first call.

        Raises:
            FreshGoldError: dbt cannot render them.
        """
        if not self._statements:
            runner = self._start()
            topics = {
                str(node["name"]): list(node["config"].get("topics", []))
                for node in self._graph["nodes"].values()
                if _is_fresh(node)
            }
            try:
                self._statements = render(runner, self._common(), self._target, topics)
            except StatementError as error:
                raise kind_of(str(error))("dbt", str(error)) from error
        return self._statements

    @cached_property
    def _session(self) -> dict[str, str]:
        return session_properties(TARGET)

    @cached_property
    def _read(self) -> dict[str, set[str]]:
        """Fresh model -> the models that it reads."""
        nodes: Mapping[str, Any] = self._graph["nodes"]
        return {
            node["name"]: {
                nodes[key]["name"] for key in node["depends_on"]["nodes"] if key in nodes
            }
            for node in nodes.values()
            if _is_fresh(node)
        }

    def _run(
        self,
        names: tuple[str, ...],
        variables: dict[str, Any],
        done: dict[str, int],
        failed: dict[str, FreshGoldError],
    ) -> None:
        if dates := variables.get("changed_dates"):
            self._run_statements(names, dates, done, failed)
        else:
            self._run_dbt(names, variables, done, failed)

    def _run_statements(
        self,
        names: tuple[str, ...],
        dates: Mapping[str, list[str]],
        done: dict[str, int],
        failed: dict[str, FreshGoldError],
    ) -> None:
        """Run the models' statements for some dates, each after those that it reads."""
        statements = self.statements()
        order = TopologicalSorter({name: self._read[name] & set(names) for name in names})
        order.prepare()
        passing: list[FreshGoldError] = []
        with ThreadPoolExecutor(STATEMENTS_AT_ONCE, "gold") as pool:
            while order.is_active():
                ready = order.get_ready()
                runs = {
                    name: pool.submit(self._merge, name, statements[name].for_dates(dates))
                    for name in ready
                    if self._read[name].isdisjoint(failed)
                }
                for name in ready:
                    order.done(name)
                    if name not in runs:
                        failed[name] = cause_of(name, failed)
                        continue
                    try:
                        done[name] = runs[name].result()
                    except (CommitConflictError, CatalogAwayError) as error:
                        passing.append(error)
                    except FreshGoldError as error:
                        failed[name] = error
                if passing:
                    raise passing[0]

    def _merge(self, name: str, sql: str) -> int:
        try:
            answer = execute(
                self._settings, f"/* weir, {name} */ {sql}", attempts=2, session=self._session
            )
        except TrinoQueryError as error:
            reason = f"{error.name}: {error}"
            raise kind_of(reason)(name, reason) from error
        except TrinoUnreachableError as error:
            raise kind_of(str(error))(name, str(error)) from error
        return _rows(answer.rows[0][0] if answer.rows else 0)

    def _run_dbt(
        self,
        names: tuple[str, ...],
        variables: dict[str, Any],
        done: dict[str, int],
        failed: dict[str, FreshGoldError],
    ) -> None:
        runner = self._start()
        selected = ["--select", " ".join(names), "--no-populate-cache"] if names else []
        answer = runner.invoke(["run", *selected, "--vars", json.dumps(variables), *self._common()])
        passing: list[FreshGoldError] = []
        skipped: list[str] = []
        results = getattr(answer.result, "results", None) or ()
        for result in results:
            model, reason = result.node.name, str(result.message)
            if str(result.status) == "success":
                done[model] = _rows(result.adapter_response.get("rows_affected", 0))
            elif str(result.status) == "error":
                error = kind_of(reason)(model, reason)
                if isinstance(error, CommitConflictError | CatalogAwayError):
                    passing.append(error)
                else:
                    failed[model] = error
            elif str(result.status) == "skipped":
                skipped.append(model)
        if passing:
            raise passing[0]
        failed |= {name: cause_of(name, failed) for name in skipped}
        if not answer.success and not failed:
            reason = str(answer.exception or "dbt stopped without a reason")
            away = kind_of(reason) is CatalogAwayError
            raise (CatalogAwayError if away else FreshGoldError)("dbt", reason)

    def _compact_when_due(self, names: tuple[str, ...]) -> None:
        fresh = [node for node in self._graph["nodes"].values() if _is_fresh(node)]
        for place, node in enumerate(fresh):
            name = node["name"]
            if name not in names:
                continue
            # Each begins elsewhere in its turn, so that one step does not wait for all tables.
            begin = place * self._compact_every // len(fresh)
            self._steps[name] = self._steps.get(name, begin) + 1
            if self._steps[name] % self._compact_every:
                continue
            table = f"{node['database']}.{node['schema']}.{node['alias']}"
            try:
                execute(self._settings, f"alter table {table} execute optimize", attempts=1)
            except TrinoQueryError as error:
                # The scheduled maintenance does the same; only a missing table is a fault.
                if error.name == "TABLE_NOT_FOUND":
                    raise FreshGoldError(name, str(error)) from error


def fresh_models() -> tuple[str, ...]:
    """Names of the models that fresh steps keep up to date, sorted."""
    nodes = load_manifest()["nodes"].values()
    return tuple(sorted(str(node["name"]) for node in nodes if _is_fresh(node)))


def _is_fresh(node: Mapping[str, Any]) -> bool:
    return node["resource_type"] == "model" and _TAG in node["tags"]


def _rows(said: object) -> int:
    try:
        return max(0, int(str(said)))
    except ValueError:
        return 0
