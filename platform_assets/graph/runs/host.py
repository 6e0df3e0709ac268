"""The host of a long-lived run: one at a time by its lease, drained on deploy, age or request.

A long-lived run is one op that loops. The host gives it the right to be the only one, says when
to stop and why, and is the same for the stream, fresh gold and the watch over anomalies.
"""

# No `from __future__ import annotations`: Dagster reads the parameters' classes.
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dagster import JobDefinition, OpDefinition, OpExecutionContext, graph, in_process_executor

from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.graph.automation import LONG_LIVED
from platform_assets.graph.priority import step_back

if TYPE_CHECKING:
    from platform_assets.streaming.locks import Lease

VERSION_TAG = "weir/code_version"
"""Tag of a run: the deploy version that asked for it."""

Code = tuple[tuple[str, str], ...]
"""Folders below the repository, each with a pattern of file names."""

LAKE_CODE: Code = (("platform_assets", "*.py"), ("platform_assets", "*.yaml"))
GOLD_CODE: Code = (*LAKE_CODE, ("dbt_project/models", "*.*"), ("dbt_project/macros", "*.sql"))
MODEL_CODE: Code = (*LAKE_CODE, ("ml", "*.py"), ("ml", "*.yaml"))


@dataclass(frozen=True)
class LongLived:
    """A long-lived run.

    Attributes:
        job: name of its job.
        lease: name of the lease that its process holds while it is alive.
        code: what it is made of; a deploy that changes any of it replaces the run.
        niceness: how far it steps back for the others when the cores are short (0 to 19).
        waits_for: name of a lease; while somebody holds it, no run is started.
    """

    job: str
    lease: str
    code: Code = LAKE_CODE
    niceness: int = 0
    waits_for: str = ""

    @property
    def deploy_version(self) -> str:
        """Release and a digest of :attr:`code`, read once a process."""
        return deploy_version(self.code)

    def job_of(self, op: OpDefinition, description: str) -> JobDefinition:
        """The job of one op, never retried by Dagster: a sensor starts its successor."""

        @graph(name=self.job)
        def one_op() -> None:
            op()

        return one_op.to_job(
            executor_def=in_process_executor,
            description=description,
            tags={**LONG_LIVED, "dagster/max_retries": "0"},
        )


@lru_cache(maxsize=8)
def deploy_version(code: Code) -> str:
    """What a deploy changes, in one word.

    Read once a process: files that change under a running code server count from its restart.
    """
    import hashlib
    from importlib.metadata import version

    digest = hashlib.sha256()
    for folder, pattern in code:
        for path in sorted((REPOSITORY / folder).rglob(pattern)):
            if path.is_file():
                digest.update(path.read_bytes())
    return f"{version('weir')}-{digest.hexdigest()[:12]}"


class Host:
    """What hosts the loop: whether it may go on."""

    def __init__(self, context: OpExecutionContext, settings: Settings, lease: "Lease") -> None:
        self.lease = lease
        self._context = context
        self._ends_at = time.monotonic() + settings.stream_max_hours * 3600

    @property
    def too_old(self) -> bool:
        """Whether a fresh run should take over: each run's log stays short."""
        return time.monotonic() > self._ends_at

    def may_go_on(self) -> bool:
        """Whether nobody asked to stop and the run is young enough; logs why not."""
        reason = self.lease.check()
        if reason is None and self.too_old:
            reason = "handing over to a fresh run keeps each log short"
        if reason is not None:
            self._context.log.info(f"ending: {reason}")
        return reason is None


@contextmanager
def hosted(context: OpExecutionContext, settings: Settings, run: LongLived) -> Iterator[Host]:
    """Hold the lease of a long-lived run.

    Raises:
        LeaseHeldError: another such run is alive; this one ends without touching anything.
    """
    from platform_assets.streaming.locks import Lease

    step_back(run.niceness)
    # The version of the deploy that asked for this run; its own where a person started it.
    tags: dict[str, Any] = dict(context.run_tags)
    version = tags.get(VERSION_TAG, run.deploy_version)
    with Lease(settings, run.lease, context.run_id, version) as lease:
        yield Host(context, settings, lease)
