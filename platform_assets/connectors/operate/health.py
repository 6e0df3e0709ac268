"""How all sources fare, in one list: those of connectors, file sources, and the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from platform_assets.connectors.definitions import KIND, SourceError
from platform_assets.connectors.ingested import IngestedFiles
from platform_assets.connectors.seam.bulk import BulkFiles, HandedOver
from platform_assets.connectors.seam.closed import closed_until
from platform_assets.connectors.seam.cost import Cost
from platform_assets.connectors.seam.definition import SourceDefinition, is_source, load_sources
from platform_assets.connectors.seam.state import Pause, SourceStates, StreamState
from platform_assets.connectors.source_folder import is_file_source, load_file_sources
from platform_assets.core.databases import SHORT
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.core.yaml_lines import read_all
from platform_assets.sources import definition_files

WORST_DEAD_SHARE = 0.05
"""Share of dead letters among all rows from which a stream counts as unhealthy."""

FAILURES = 3
"""Reads in a row that failed, from which a source counts as unhealthy: one may be a restart."""


class Health(StrEnum):
    """What a source is like, the worst first."""

    BROKEN = "broken"
    FAILING = "failing"
    DIRTY = "dirty"
    LATE = "late"
    WARNING = "warning"
    PAUSED = "paused"
    CLOSED = "closed"
    NEW = "new"
    GOOD = "good"
    MANUAL = "on demand"


ILL = frozenset({Health.BROKEN, Health.FAILING, Health.DIRTY, Health.LATE, Health.WARNING})
"""What somebody has to look at."""


@dataclass(frozen=True)
class StreamHealth:
    """How one stream of a source fares.

    Attributes:
        source, stream, topic: whose; a file source has one stream, ``files``.
        connector: its type; ``file`` and ``simulator`` are sources of their own kinds.
        health: see :class:`Health`.
        why: of its health, in a line; where it is good, what its rows changed, if anything.
        records, dead_letters, bytes: committed so far.
        rows_per_second: while it was at work; None: never.
        busy_seconds: spent on mapping and committing.
        lag_seconds: behind the source, where that is known.
        row_at, read_at: when its last rows came, and when it was last read.
        failures: reads in a row that failed.
        error, error_at: the last error since the last good read.
        changes: of its columns and types that its last read put up with, in words.
        requests_day: sent over HTTP in the last 24 hours; None: it has none.
        cost: of the whole source, where its ``defs.yaml`` states a price.
    """

    source: str
    stream: str
    topic: str
    connector: str
    health: Health
    why: str = ""
    records: int = 0
    dead_letters: int = 0
    bytes: int = 0
    rows_per_second: float | None = None
    busy_seconds: float = 0.0
    lag_seconds: float | None = None
    row_at: datetime | None = None
    read_at: datetime | None = None
    failures: int = 0
    error: str | None = None
    error_at: datetime | None = None
    changes: Sequence[str] = ()
    requests_day: int | None = None
    cost: Cost | None = None

    def as_record(self) -> dict[str, Any]:
        """For tables, without the cost: that is the source's."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "cost"}


def all_streams(settings: Settings) -> list[StreamHealth]:
    """Every stream of every source, by name; one that cannot be used has its error.

    Raises:
        DatabaseError: PostgreSQL does not answer.
    """
    sources = load_sources()
    with closing(SourceStates(settings, SHORT)) as states:
        known = {(one.source, one.stream): one for one in states.streams()}
        pauses = states.pauses()
    found = [
        stream
        for source in sources.values()
        for stream in of_source(source, known, pauses.get(source.name))
    ]
    with closing(BulkFiles(settings)) as files:
        waiting = files.files(waiting=True)
    found = [with_files(one, waiting) for one in found]
    broken = {file.name: file for file in (*load_file_sources().broken, *sources.broken)}
    found += [
        StreamHealth(name, "", "", "", Health.BROKEN, file.error.message, error=str(file.error))
        for name, file in broken.items()
    ]
    found += [one for one in _others(settings) if one.source not in broken]
    return sorted(found, key=lambda one: (one.source, one.stream))


def with_files(stream: StreamHealth, waiting: Iterable[HandedOver]) -> StreamHealth:
    """A stream's health with that of the bulk files that are not taken whole yet."""
    for one in waiting:
        if one.error and (one.source, one.stream) == (stream.source, stream.stream):
            why = f"bulk file {one.name} waits: {one.error}"
            return replace(stream, health=Health.FAILING, why=why, error=one.error)
    return stream


def of_source(
    source: SourceDefinition,
    known: Mapping[tuple[str, str], StreamState],
    pause: Pause | None,
    now: datetime | None = None,
) -> list[StreamHealth]:
    """The streams of one source.

    Args:
        source: whose.
        known: what is remembered of streams.
        pause: where it is paused.
        now: for tests.
    """
    now = now or datetime.now(UTC)
    found = []
    kind = source.type
    outdated = f"{kind.label} is deprecated: {kind.deprecated}" if kind.deprecated else ""
    states = [
        known.get((source.name, one.stream)) or StreamState(source.name, one.stream, one.topic)
        for one in source.fields.streams
    ]
    prices = source.fields.cost
    cost = prices.cost([state.day for state in states]) if prices else None
    for one, state in zip(source.fields.streams, states, strict=True):
        health, why = judged(source, state, pause, now)
        if health is Health.GOOD and cost is not None and cost.over_budget:
            health, why = Health.WARNING, "; ".join(filter(None, (cost.over_budget, why)))
        found.append(
            StreamHealth(
                source=source.name,
                stream=one.stream,
                topic=one.topic,
                connector=kind.name,
                health=health,
                why=why or outdated,
                records=state.records,
                dead_letters=state.dead_letters,
                bytes=state.bytes,
                rows_per_second=state.records / state.busy_seconds if state.busy_seconds else None,
                busy_seconds=state.busy_seconds,
                lag_seconds=state.lag_seconds,
                row_at=state.row_at,
                read_at=state.read_at,
                failures=state.failures,
                error=state.error,
                error_at=state.error_at,
                changes=state.changes,
                requests_day=state.day.requests if kind.counts_requests else None,
                cost=cost,
            )
        )
    return found


def judged(  # noqa: PLR0911 (one for each health)
    source: SourceDefinition, state: StreamState, pause: Pause | None, now: datetime
) -> tuple[Health, str]:
    """The health of a stream, and why it is no better."""
    if pause is not None:
        return Health.PAUSED, f"paused by {pause.who} at {pause.at:%Y-%m-%d %H:%M}: {pause.reason}"
    if (end := closed_until(source.fields.closed, now)) is not None:
        return Health.CLOSED, f"not read until {end:%Y-%m-%d %H:%M} UTC, as its defs.yaml says"
    if state.failures:
        times = "once" if state.failures == 1 else f"{state.failures} times in a row"
        return Health.FAILING, f"failed {times}: {state.error}"
    total = state.records + state.dead_letters
    if total and state.dead_letters / total > WORST_DEAD_SHARE:
        share = state.dead_letters / total
        return Health.DIRTY, f"{share:.1%} of its rows are dead letters"
    if state.read_at is None:
        return Health.NEW, "never read"
    quiet = (now - state.read_at).total_seconds()
    if not source.type.live and quiet > patience(source.fields.every_seconds):
        every = source.fields.every_seconds
        return Health.LATE, f"last read {quiet:,.0f} s ago, is due every {every:g} s"
    return Health.GOOD, "; ".join(state.changes)


def patience(every_seconds: float) -> float:
    """Seconds after the last read from which a source that is polled counts as late."""
    return 3 * every_seconds + 60


def summed(streams: Iterable[StreamHealth]) -> list[dict[str, Any]]:
    """A row a source: sums over its streams, and the worst of their states."""
    grouped: dict[str, list[StreamHealth]] = {}
    for one in streams:
        grouped.setdefault(one.source, []).append(one)
    return [_sum(name, found) for name, found in grouped.items()]


def _sum(name: str, streams: Sequence[StreamHealth]) -> dict[str, Any]:
    order = list(Health)
    worst = min(streams, key=lambda one: order.index(one.health))
    busy, records = sum(one.busy_seconds for one in streams), sum(one.records for one in streams)
    lags = [one.lag_seconds for one in streams if one.lag_seconds is not None]
    requests = [one.requests_day for one in streams if one.requests_day is not None]
    cost = streams[0].cost
    return {
        "source": name,
        "connector": worst.connector,
        "health": worst.health.value,
        "streams": sum(bool(one.stream) for one in streams),
        "records": records,
        "dead_letters": sum(one.dead_letters for one in streams),
        "bytes": sum(one.bytes for one in streams),
        "busy_seconds": busy,
        "rows_per_second": records / busy if busy else None,
        "requests_day": sum(requests) if requests else None,
        "cost_day": cost.day if cost else None,
        "cost_month": cost.month if cost else None,
        "currency": cost.currency if cost else None,
        "lag_seconds": max(lags) if lags else None,
        "row_at": max((one.row_at for one in streams if one.row_at), default=None),
        "read_at": max((one.read_at for one in streams if one.read_at), default=None),
        "failures": max(one.failures for one in streams),
        "why": worst.why or next((one.why for one in streams if one.why), ""),
        "changes": [f"{one.stream}: {text}" for one in streams for text in one.changes],
        "topics": list(dict.fromkeys(one.topic for one in streams if one.topic)),
    }


def _others(settings: Settings) -> list[StreamHealth]:
    """File sources with what their ledger knows; the other component types are run on demand."""
    with IngestedFiles(settings) as ledger:
        sums = ledger.sums()
    found = []
    for path in definition_files():
        try:
            documents = list(read_all(path, SourceError, KIND))
        except WeirError:
            continue  # among the broken ones already
        for document in documents:
            data = document.data if isinstance(document.data, dict) else {}
            attributes = data.get("attributes")
            if is_source(document) or not isinstance(attributes, dict):
                continue
            name = str(attributes.get("source", path.parent.name))
            topics = ", ".join(map(str, attributes.get("topics") or ()))
            if not is_file_source(document):
                kind = str(data.get("type", "")).rpartition(".")[2]
                shown = kind.removesuffix("Source").lower()
                found.append(StreamHealth(name, "", topics, shown, Health.MANUAL))
                continue
            one = sums.get(name)
            if one is None:
                found.append(StreamHealth(name, "files", topics, "file", Health.NEW, "no file yet"))
                continue
            found.append(
                StreamHealth(
                    name, "files", topics, "file",
                    health=Health.FAILING if one.refused else Health.GOOD,
                    why=one.refused or "",
                    records=one.records,
                    dead_letters=one.dead_letters,
                    row_at=one.at,
                    read_at=one.at,
                    error=one.refused,
                )
            )  # fmt: skip
    return found
