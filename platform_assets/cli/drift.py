"""What each day said about a model, for the shell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ml.drift.log import Entry
    from ml.spec import ModelSpec


def print_drift(
    model: Annotated[
        str | None,
        typer.Argument(help="Its name, e.g. purchase.", show_default="the default one"),
    ] = None,
    version: Annotated[int | None, typer.Option(help="Only this version.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Days at most.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """What each day said, and whether to train again: weir models drift purchase.

    This launches no training; the sensor retrain_on_drift does.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ml.discovery import models
    from ml.drift.log import DriftLog
    from platform_assets.core.settings import get_settings

    found = models()
    # A model whose folder is gone keeps its record.
    name = model or found.get(None).name
    spec = found.find(name)
    log = DriftLog(get_settings())
    try:
        entries = log.of(name, version, limit)
    finally:
        log.close()
    if as_json:
        typer.echo(json.dumps([_plain(entry, spec) for entry in entries]))
        return
    table = Table("day", "version", "train again", "labels", "F1", "why")
    for entry in entries:
        row = _plain(entry, spec)
        f1 = "" if row["f1"] is None else f"{row['f1']:.3f}"
        why = escape(str(row["reason"]))
        asks = "yes" if row["retrain"] else "no"
        table.add_row(row["period"], str(row["version"]), asks, str(row["labels"]), f1, why)
    known = "" if spec else f"; models: {', '.join(spec.name for spec in found.specs)}"
    nothing = f"no day of {name} has been judged yet{known}"
    Console().print(table if entries else nothing, markup=False)


def _plain(entry: Entry, spec: ModelSpec | None) -> dict[str, Any]:
    asks = bool(entry.reason_for(spec.retraining)) if spec else entry.asks
    return {
        "period": entry.decision.period,
        "version": entry.version,
        "retrain": asks,
        "reason": "; ".join(filter(None, (entry.decision.reason, entry.alarm_reason))),
        "streaks": dict(entry.decision.streaks),
        "labels": entry.counts.n,
        "f1": entry.counts.f1,
    }
