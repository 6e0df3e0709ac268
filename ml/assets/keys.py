"""How the models' assets are called, and whose they are: one group, one owner, one key a part."""

from __future__ import annotations

import dagster as dg

GROUP = "models"
"""Of every asset of a model, and the first word of its key."""


OWNER = "team:data-science"
"""Whom a message about a model goes to; a stream's anomalies have an owner of their own."""


def part_key(model: str, part: str) -> dg.AssetKey:
    """Key of a model's asset, e.g. ``models/purchase/version``."""
    return dg.AssetKey([GROUP, model, part])
