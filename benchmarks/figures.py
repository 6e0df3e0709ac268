"""What a bench gives: figures, as a line of JSON for machines and a table for people.

Belongs here: the shape of a figure and how it is shown. Does not belong here: measuring.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Options:
    """How much to measure.

    Attributes:
        scale: 1.0 is the size that the goals are stated for; less is a rehearsal.
        repeats: measured runs of each side.
        console: progress for people, on standard error.
    """

    scale: float = 1.0
    repeats: int = 5
    console: Console = field(default_factory=lambda: Console(stderr=True))

    def say(self, text: str) -> None:
        """Tell people what is going on."""
        self.console.print(f"[dim]{text}[/]", highlight=False)

    def sized(self, full: int, least: int = 1) -> int:
        """A number of records at this scale."""
        return max(least, round(full * self.scale))


@dataclass(frozen=True)
class Figure:
    """One measured value.

    Attributes:
        bench: its name, as ``--only`` takes it.
        value: the median.
        unit: of value and baseline.
        baseline: what it is held against, in the same unit; None where there is nothing.
        ratio: value to baseline.
        goal: what the project asks, in words.
        met: whether it was reached; None where the scale says nothing about it.
        extra: more keys for the JSON (memory, percentiles, runs).
    """

    bench: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> str:
        """The line of JSON."""
        document = {
            "bench": self.bench,
            "value": rounded(self.value),
            "unit": self.unit,
            "baseline": rounded(self.baseline),
            "ratio": rounded(self.ratio),
            "goal": self.goal,
            "met": self.met,
            **self.extra,
        }
        return json.dumps(document)


def rounded(value: float | None) -> float | None:
    """Four significant digits: more would be noise."""
    if value is None:
        return None
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() else short


def middle(values: Sequence[float]) -> float:
    """The median."""
    return float(statistics.median(values))


def show(console: Console, figures: Sequence[Figure]) -> None:
    """Print the table for people."""
    table = Table(
        "bench", "value", "baseline", "ratio", "goal", "met", "runs", "peak memory",
        title="Weir, measured",
    )  # fmt: skip
    words = {True: "[green]yes[/]", False: "[red]no[/]", None: "-"}
    for figure in figures:
        table.add_row(
            figure.bench,
            f"{_text(figure.value)} {figure.unit}",
            _text(figure.baseline),
            _text(figure.ratio),
            figure.goal,
            words[figure.met],
            str(figure.extra.get("runs", "-")),
            _memory(figure.extra),
        )
    console.print(table)


def _text(value: float | None) -> str:
    return "-" if value is None else f"{rounded(value):,}"


def _memory(extra: Mapping[str, Any]) -> str:
    """Peak of the run and of its baseline, or of all servers at the start and the end."""
    if "memory_end_mb" in extra:
        return f"{extra['memory_start_mb']:,} to {extra['memory_end_mb']:,} MiB"
    if "peak_memory_mb" in extra:
        return f"{extra['peak_memory_mb']:,} ({extra['baseline_peak_memory_mb']:,}) MiB"
    return "-"
