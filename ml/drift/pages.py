"""Where the pages of periods lie: ``<models_root>/drift/<model>/<day>.html`` and what goes with it.

``<day>.json`` says what was decided, ``<day>.html`` shows the data, ``<day>-labels.html`` how
answers met labels; the last is there only where labels became known that day.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ml.drift.compare import DriftError
from platform_assets.core.files import write_file
from platform_assets.core.settings import Settings


def root(settings: Settings) -> Path:
    """The folder of every model's pages.

    Raises:
        DriftError: no folder for models is set (cluster profile).
    """
    if not settings.models_root:
        raise DriftError("no folder for drift pages", "set WEIR_MODELS_ROOT")
    return Path(settings.models_root) / "drift"


def folder(settings: Settings, model: str) -> Path:
    """The folder of a model's pages."""
    return root(settings) / model


def write(
    settings: Settings, model: str, day: date, summary: Mapping[str, Any], **pages: str | None
) -> Path:
    """Write a day's files, each as a whole; a page that is None is taken away.

    Args:
        settings: where models lie.
        model: its name.
        day: the period.
        summary: JSON values only.
        pages: ``data`` and ``labels``: documents.

    Returns:
        The path of the page of the data, whether it is there or not.
    """
    place = folder(settings, model)
    names = {"data": f"{day}.html", "labels": f"{day}-labels.html"}
    for kind, name in names.items():
        html = pages.get(kind)
        if html is None:
            (place / name).unlink(missing_ok=True)
        else:
            write_file(place / name, html)
    # Last: readers list a day by it.
    write_file(place / f"{day}.json", json.dumps(dict(summary), indent=1, allow_nan=False))
    return place / names["data"]


def forget(settings: Settings, before: date, *, dry_run: bool = False) -> int:
    """Delete the pages of periods before a day, of every model; returns how many files.

    What was decided stays in the log.
    """
    gone = 0
    for path in sorted(root(settings).glob("*/*")):
        if path.name[:10] < before.isoformat() and path.suffix in {".html", ".json"}:
            gone += 1
            if not dry_run:
                path.unlink(missing_ok=True)
    return gone
