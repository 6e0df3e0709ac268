"""The tables of ``weir models``: versions, a comparison and the evidence of a trial."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from platform_assets.cli.tables import Column, Layout

if TYPE_CHECKING:
    from ml.store.comparison import Comparison


def differences(found: Comparison) -> list[dict[str, Any]]:
    """Every metric, and the parameters and properties of the data set that differ."""
    rows: list[dict[str, Any]] = [
        {"what": "metric", "name": name, "a": one, "b": other, "difference": difference}
        for name, (one, other, difference) in found.metrics.items()
    ]
    for what, values in (("parameter", found.params), ("data set", found.dataset)):
        for name, (one, other) in values.items():
            rows.append({"what": what, "name": name, "a": one, "b": other, "difference": None})
    return rows


def _value(value: Any) -> str:
    if isinstance(value, float):
        return _number(value)
    return "" if value is None else str(value)


def _rows(dataset: Mapping[str, Any] | None) -> str:
    return f"{dataset['rows']:,} until {dataset['until'][:10]}" if dataset else ""


def _number(value: float | None, how: str = ".4g") -> str:
    return "" if value is None or math.isnan(value) else format(value, how)


def _main_metrics(row: Mapping[str, Any]) -> str:
    """The metric the champion is chosen by first, then the rest by name; four at most."""
    first = row["tags"].get("weir/metric", "f1")
    ranked = sorted(row["metrics"].items(), key=lambda item: (item[0] != first, item[0]))
    return "  ".join(f"{name} {_value(value)}" for name, value in ranked[:4])


VERSIONS = Layout(
    "models list",
    (
        Column("model"),
        Column("version", right=True),
        Column("alias", show=lambda row: " ".join(row["aliases"])),
        Column("made (UTC)", show=lambda row: row["created_at"][:16].replace("T", " ")),
        Column("rows", show=lambda row: _rows(row["dataset"]), spare=1),
        Column("metrics", show=_main_metrics, fold=True),
        Column("why", show=lambda row: row["tags"].get("weir/reason", ""), fold=True),
    ),
)
COMPARISON = Layout(
    "models compare",
    (
        Column("what"),
        Column("name", fold=True),
        Column("a", show=lambda row: _value(row["a"]), right=True, fold=True),
        Column("b", show=lambda row: _value(row["b"]), right=True, fold=True),
        Column("difference", show=lambda row: _number(row["difference"], "+.4g"), right=True),
    ),
)
EVIDENCE = Layout(
    "models compare",
    (
        Column("quantity", "name"),
        Column("estimate", show=lambda row: _number(row["estimate"]), right=True),
        Column("lower", show=lambda row: _number(row["lower"]), right=True),
        Column("upper", show=lambda row: _number(row["upper"]), right=True),
        Column("champion", show=lambda row: f"{row['n'][0]:,}", right=True),
        Column("challenger", show=lambda row: f"{row['n'][1]:,}", right=True),
    ),
)
