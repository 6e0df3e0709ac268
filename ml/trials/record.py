"""Evidence as JSON: what is stored with a verdict and shown with its materialisation.

Shape: ``{"requests", "outcomes", "quantities": [...], "trace": [...]}``; a quantity has a ``name``
and numbers, a point of the trace ``at`` (seconds since the beginning) and log evidence in nats.
What is unknown or without bound is null.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from ml.trials.probation import Watch
from ml.trials.replay import Replay


def evidence_of_trial(replay: Replay) -> dict[str, Any]:
    """Bounds of outcome, errors and latency, and the evidence over time."""
    return {
        "requests": replay.requests,
        "outcomes": replay.outcomes,
        "quantities": [_finite(asdict(bounds)) for bounds in replay.decision.evidence],
        "trace": [_finite(asdict(point)) for point in replay.trace],
    }


def evidence_of_watch(watch: Watch) -> dict[str, Any]:
    """What each monitor holds against a fresh champion.

    ``blamed`` is false where a limit was broken and no other version answered at the time.
    """
    return {
        "blamed": watch.blamed,
        "requests": watch.requests,
        "outcomes": watch.outcomes,
        "quantities": [
            _finite({"name": name, **asdict(health)}) for name, health in watch.evidence
        ],
        "trace": [],
    }


def table(evidence: dict[str, Any]) -> str:
    """The quantities as a table in Markdown."""
    rows = evidence.get("quantities", [])
    if not rows:
        return "nothing yet"
    columns = list(rows[0])
    lines = [" | ".join(columns), " | ".join("---" for _ in columns)]
    lines += [" | ".join(_cell(row.get(column)) for column in columns) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return " / ".join(_cell(part) for part in value)
    return str(value)


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """Without NaN and infinity, which JSON lacks; tuples as lists."""
    return {
        name: None
        if isinstance(value, float) and not math.isfinite(value)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in values.items()
    }
