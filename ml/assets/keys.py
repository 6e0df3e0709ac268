"""How the models' assets are called, and whose they are: one group, one owner, one key a part."""

from __future__ import annotations

import dagster as dg

GROUP = "models"
"""Of every asset of a model, and the first word of its key."""

OWNER = "team:data-science"
"""Whom a message about what models share goes to; a model's spec, or a stream, says its own."""


def part_key(model: str, part: str) -> dg.AssetKey:
    """Key of a model's asset, e.g. ``models/purchase/version``."""
    return dg.AssetKey([GROUP, model, part])
