"""What each day said about a model, for the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_assets.cli.tables import AsCsv, AsJson, Column, Layout, check_formats

if TYPE_CHECKING:
    from ml.drift.log import Entry
    from ml.spec import ModelSpec

DRIFT = Layout(
    "models drift",
    (
        Column("day", "period"),
        Column("version", right=True),
        Column("train again", "retrain"),
        Column("labels", right=True),
        Column("F1", "f1", lambda row: "" if row["f1"] is None else f"{row['f1']:.3f}", right=True),
        Column("why", "reason", fold=True),
    ),
)


def print_drift(
    model: Annotated[
        str | None,
        typer.Argument(help="Its name, e.g. purchase.", show_default="the default one"),
    ] = None,
    version: Annotated[int | None, typer.Option(help="Only this version.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Days at most.")] = 30,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """What each day said, and whether to train again: weir models drift purchase.

    This launches no training; the sensor retrain_on_drift does.
    """
    from ml.discovery import models
    from ml.drift.log import DriftLog
    from platform_assets.core.settings import get_settings

    check_formats(as_json, as_csv)
    found = models()
    # A model whose folder is gone keeps its record.
    name = model or found.get(None).name
    spec = found.find(name)
    log = DriftLog(get_settings())
    try:
        entries = log.of(name, version, limit)
    finally:
        log.close()
    if not (entries or as_json or as_csv):
        known = "" if spec else f"; models: {', '.join(spec.name for spec in found.specs)}"
        typer.echo(f"no day of {name} has been judged yet{known}")
        return
    rows = [_plain(entry, spec) for entry in entries]
    DRIFT.show(rows, as_json=as_json, as_csv=as_csv)


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
