"""Dagster from outside: launching a run through its web server, following it, and its root cause.

Dagster's own client launches; what a run has logged is read with one GraphQL query, which that
client lacks.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.core.errors import WeirError
from platform_assets.core.http import client
from platform_assets.core.retry import Retry
from platform_assets.core.settings import Settings

if TYPE_CHECKING:
    from dagster_graphql import DagsterGraphQLClient

Say = Callable[[str], None]

_POLL_SECONDS = 1.0
_PATIENCE = Retry(attempts=None, seconds=60, pause=0.3)
"""How long the web server may be away while a run is followed."""

_LOGS = """
query ($run: ID!, $after: String) {
  runOrError(runId: $run) { ... on Run { status } }
  logsForRun(runId: $run, afterCursor: $after, limit: 500) {
    ... on EventConnection {
      cursor
      events {
        __typename
        ... on MessageEvent { message level stepKey timestamp }
        ... on MaterializationEvent { assetKey { path } }
        ... on ExecutionStepFailureEvent { error { ...Why } }
        ... on RunFailureEvent { error { ...Why } }
      }
    }
  }
}
fragment Why on PythonError { message errorChain { error { message } } }
"""
_METADATA = """
query ($key: AssetKeyInput!) {
  assetOrError(assetKey: $key) {
    ... on Asset {
      assetMaterializations(limit: 1) {
        metadataEntries { label ... on TextMetadataEntry { text } }
      }
    }
  }
}
"""
_CLASS = re.compile(r"^(?:\w+\.)*\w+(?:Error|Exception|Failure|Interrupt)?: ")
"""An exception's class before its message, as Dagster prints it."""
_TIMED = re.compile(r"([\w ]+): (\d+\.\d+) s")
"""What a step logs of a part of its work."""
_WAITING = {
    "RunEnqueuedEvent": ("", ""),
    "RunDequeuedEvent": ("RunEnqueuedEvent", "queue"),
    "RunStartEvent": ("RunDequeuedEvent", "process"),
}
"""Event of a run -> the one before it, and what the time between them is called."""


class RunFailedError(WeirError):
    """A Dagster run that a command asked for was not launched, or did not succeed."""


class _AwayError(Exception):
    """Dagster's web server does not answer just now."""


def launch(
    settings: Settings,
    job: str,
    say: Say,
    *,
    partition: str = "",
    partitions: tuple[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    run_config: Mapping[str, Any] | None = None,
) -> str:
    """Launch a job through Dagster's web server; returns the run's id.

    Args:
        settings: where the web server is.
        job: the job's name.
        say: told the run's address.
        partition: the partition to materialise, for a partitioned job.
        partitions: first and last of several, for one that makes many in a run.
        tags: of the run.
        run_config: of the run.

    Raises:
        RunFailedError: Dagster does not answer, or refuses.
    """
    from dagster_graphql import DagsterGraphQLClientError

    all_tags = {"weir/asked_by": "weir", **(tags or {})}
    if partition:
        all_tags["dagster/partition"] = partition
    if partitions:
        all_tags["dagster/asset_partition_range_start"] = partitions[0]
        all_tags["dagster/asset_partition_range_end"] = partitions[1]
    try:
        run_id: str = _client(settings).submit_job_execution(
            job, tags=all_tags, run_config=dict(run_config or {})
        )
    except DagsterGraphQLClientError as error:
        why = " ".join(str(error).split())[:200]
        raise RunFailedError(
            f"{job} was not launched: {why}", hint="start the servers: weir up"
        ) from error
    say(f"{job}: {settings.dagster_url}/runs/{run_id}")
    return run_id


def wait(
    settings: Settings,
    job: str,
    run_id: str,
    timeout_seconds: float = 900,
    say: Say | None = None,
    made: Say | None = None,
) -> dict[str, float]:
    """Wait for the end of a run that :func:`launch` began.

    Args:
        settings: where the web server is.
        job: the job's name, for the error.
        run_id: the run.
        timeout_seconds: how long to wait.
        say: told each step with its seconds, and what the steps log.
        made: told the key of each asset that is materialised, as ``gold/commerce/sessions``.

    Returns:
        Where the seconds went, see :attr:`RunLog.seconds`.

    Raises:
        RunFailedError: the run failed: the message is its root cause; or it took too long, or
            Dagster has been away for a minute.
    """
    log = RunLog()
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        answer = _ask(settings, _LOGS, {"run": run_id, "after": log.cursor})
        before = len(log.made)
        for line in log.read(answer["logsForRun"]):
            if say:
                say(line)
        for key in log.made[before:]:
            if made:
                made(key)
        status = answer["runOrError"].get("status")
        if status == "SUCCESS":
            return log.seconds
        if status in ("FAILURE", "CANCELED"):
            ended = "was cancelled" if status == "CANCELED" else "failed"
            raise RunFailedError(f"{job} {ended}: {log.root_cause}")
        time.sleep(_POLL_SECONDS)
    raise RunFailedError(
        f"{job} took longer than {timeout_seconds:.0f} s", hint=f"follow it: run {run_id}"
    )


@dataclass
class RunLog:
    """What a run has logged so far, page by page.

    Attributes:
        cursor: after the last page that was read.
        causes: why steps, then the run, failed; the first one is the root cause.
        made: keys of the assets that were materialised, in order.
        seconds: in the ``queue``, until its ``process`` had begun, in each step, and in each part
            of a step that logged ``part: 1.2 s``, as ``step, part``.
    """

    cursor: str | None = None
    causes: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    _started: dict[str, float] = field(default_factory=dict)

    @property
    def root_cause(self) -> str:
        """Why the run failed, in the words of the first step that did."""
        return self.causes[0] if self.causes else "Dagster gives no reason"

    def read(self, page: Mapping[str, Any]) -> list[str]:
        """Take in one page of events; returns the lines that a person is told."""
        self.cursor = page.get("cursor") or self.cursor
        events = page.get("events", ())
        self.made += [
            "/".join(event["assetKey"]["path"])
            for event in events
            if event["__typename"] == "MaterializationEvent"
        ]
        return [line for event in events if (line := self._line(event))]

    def _line(self, event: Mapping[str, Any]) -> str:
        kind, part = event["__typename"], (event.get("stepKey") or "").rpartition("__")[2]
        at = float(event.get("timestamp") or 0) / 1000
        if kind == "LogMessageEvent" and event.get("level") != "DEBUG":
            if timed := _TIMED.fullmatch(str(event["message"])):
                self.seconds[f"{part}, {timed[1]}"] = float(timed[2])
            return f"  {event['message']}"
        if kind in _WAITING:
            began, name = _WAITING[kind]
            self._started[kind] = at
            if name:
                self.seconds[name] = at - self._started.get(began, at)
            return ""
        if kind == "ExecutionStepStartEvent":
            self._started[part] = at
            return f"{part} ..."
        if kind == "ExecutionStepSuccessEvent":
            self.seconds[part] = at - self._started.get(part, at)
            return f"{part}: {self.seconds[part]:.1f} s"
        if kind == "ExecutionStepUpForRetryEvent":
            return f"{part}: tried again"
        if kind in ("ExecutionStepFailureEvent", "RunFailureEvent"):
            why = raised(event.get("error")) or str(event.get("message", ""))
            self.causes.append(f"{part}: {why}" if part else why)
        return ""


def raised(error: Mapping[str, Any] | None) -> str:
    """The message of the error that a step raised, without its class; empty where there is none.

    Dagster wraps it: it is the first of the chain. What caused it (a socket's error) follows.
    """
    if not error:
        return ""
    chain = [link["error"]["message"] for link in error.get("errorChain") or ()]
    message = (chain or [error["message"]])[0]
    return _CLASS.sub("", " ".join(str(message).split()))


def latest_metadata(settings: Settings, asset: Sequence[str]) -> dict[str, str]:
    """Texts that the newest materialisation of an asset recorded; none where there is none.

    Raises:
        RunFailedError: Dagster does not answer.
    """
    answer = _ask(settings, _METADATA, {"key": {"path": list(asset)}})
    found = answer["assetOrError"].get("assetMaterializations") or [{}]
    entries = found[0].get("metadataEntries", [])
    return {entry["label"]: entry["text"] for entry in entries if entry.get("text") is not None}


def _ask(settings: Settings, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The data of one query; a web server that is away is waited for.

    Raises:
        RunFailedError: it did not answer within a minute, or refuses the query.
    """
    try:
        return _PATIENCE.on(_AwayError)(_query, settings, query, variables)
    except _AwayError as error:
        raise RunFailedError(f"Dagster does not answer: {error}", hint="weir status") from error


def _query(settings: Settings, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    import httpx

    try:
        answer = client().post(
            f"{settings.dagster_url}/graphql",
            json={"query": query, "variables": dict(variables)},
            timeout=settings.request_timeout_seconds,
        )
        if answer.is_server_error:
            raise _AwayError(f"HTTP status {answer.status_code}")
        content = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise _AwayError(str(error) or type(error).__name__) from error
    if content.get("errors"):
        raise RunFailedError(f"Dagster refuses a query: {content['errors'][0]['message']}")
    data: dict[str, Any] = content["data"]
    return data


def _client(settings: Settings) -> DagsterGraphQLClient:
    from dagster_graphql import DagsterGraphQLClient

    host, _, port = settings.dagster_url.removeprefix("http://").partition(":")
    return DagsterGraphQLClient(host, port_number=int(port or 80), timeout=60)
