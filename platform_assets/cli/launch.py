"""Dagster from outside: launching a run through its web server, waiting, reading its results."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings

if TYPE_CHECKING:
    from dagster_graphql import DagsterGraphQLClient

Say = Callable[[str], None]


class RunFailedError(WeirError):
    """A Dagster run that a command asked for was not launched, or did not succeed."""


def launch(
    settings: Settings,
    job: str,
    say: Say,
    *,
    partition: str = "",
    partitions: tuple[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Launch a job through Dagster's web server; returns the run's id.

    Args:
        settings: where the web server is.
        job: the job's name.
        say: told the run's address.
        partition: the partition to materialise, for a partitioned job.
        partitions: first and last of several, for one that makes many in a run.
        tags: of the run.

    Raises:
        RunFailedError: Dagster does not answer, or refuses.
    """
    from dagster_graphql import DagsterGraphQLClientError

    told = {"weir/asked_by": "weir", **(tags or {})}
    if partition:
        told["dagster/partition"] = partition
    if partitions:
        told["dagster/asset_partition_range_start"] = partitions[0]
        told["dagster/asset_partition_range_end"] = partitions[1]
    try:
        run_id: str = _client(settings).submit_job_execution(job, tags=told)
    except DagsterGraphQLClientError as error:
        why = " ".join(str(error).split())[:200]
        raise RunFailedError(
            f"{job} was not launched: {why}", hint=f"weir up, then see {settings.dagster_url}"
        ) from error
    say(f"{job}: {settings.dagster_url}/runs/{run_id}")
    return run_id


def wait(settings: Settings, job: str, run_id: str, timeout_seconds: float = 900) -> None:
    """Wait for the end of a run that :func:`launch` began.

    Raises:
        RunFailedError: it failed or took too long; names the run and where to read about it.
    """
    from dagster import DagsterRunStatus

    client, link = _client(settings), f"{settings.dagster_url}/runs/{run_id}"
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        status = client.get_run_status(run_id)
        if status is DagsterRunStatus.SUCCESS:
            return
        if status in (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED):
            raise RunFailedError(f"{job} ended as {status.value.lower()}", hint=f"see {link}")
        time.sleep(1)
    raise RunFailedError(f"{job} took longer than {timeout_seconds:.0f} s", hint=f"see {link}")


def latest_metadata(settings: Settings, asset: Sequence[str]) -> dict[str, str]:
    """Texts that the newest materialisation of an asset recorded; none where there is none.

    Raises:
        RunFailedError: Dagster does not answer.
    """
    import httpx

    query = """query ($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
        assetMaterializations(limit: 1) { metadataEntries { label
            ... on TextMetadataEntry { text } } } } } }"""
    try:
        answer = httpx.post(
            f"{settings.dagster_url}/graphql",
            json={"query": query, "variables": {"key": {"path": list(asset)}}},
            timeout=settings.request_timeout_seconds,
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise RunFailedError(f"Dagster does not answer: {error}", hint="weir status") from error
    found = answer.json()["data"]["assetOrError"].get("assetMaterializations") or [{}]
    entries = found[0].get("metadataEntries", [])
    return {entry["label"]: entry["text"] for entry in entries if entry.get("text") is not None}


def _client(settings: Settings) -> DagsterGraphQLClient:
    from dagster_graphql import DagsterGraphQLClient

    host, _, port = settings.dagster_url.removeprefix("http://").partition(":")
    return DagsterGraphQLClient(host, port_number=int(port or 80), timeout=60)
