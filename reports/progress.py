"""What a person at a terminal is told while a report is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogEntry

QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run configuration under which Dagster itself prints nothing."""


@contextmanager
def told(instance: DagsterInstance, run_id: str, say: Callable[[str], None]) -> Iterator[None]:
    """While the block lasts, say what the run does: parts with their seconds, and its own words."""

    def show(entry: EventLogEntry, _cursor: str) -> None:
        if line := describe(entry):
            say(line)

    instance.watch_event_logs(run_id, None, show)
    try:
        yield
    finally:
        instance.end_watch_event_logs(run_id, show)


def describe(entry: EventLogEntry) -> str:
    """A line for an event; empty for those that only Dagster's own page shows."""
    event = entry.dagster_event
    if event is None:
        return f"  {entry.user_message}"
    part = (event.step_key or "").rpartition("__")[2]
    if event.is_step_start:
        return f"{part} ..."
    if event.is_step_success:
        return f"{part}: {event.step_success_data.duration_ms / 1000:.1f} s"
    return f"{part}: tried again" if event.is_step_up_for_retry else ""
