"""Which source instances feed which topics, read from their ``defs.yaml``; and loading them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml
from dagster import AssetKey, Definitions

SOURCES = Path(__file__).parents[1] / "sources"
GROUP = "sources"


def source_key(name: str) -> AssetKey:
    """Asset key of a source instance."""
    return AssetKey(["source", name])


@lru_cache(maxsize=1)
def _feeds() -> dict[str, list[AssetKey]]:
    found: dict[str, list[AssetKey]] = {}
    for file in sorted(SOURCES.glob("*/defs.yaml")):
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            attributes = document["attributes"]
            for topic in attributes["topics"]:
                found.setdefault(topic, []).append(source_key(attributes["source"]))
    return found


def sources_of(topic: str) -> list[AssetKey]:
    """Source assets that feed a topic: upstream of the topic's own asset."""
    return _feeds().get(topic, [])


def load_sources() -> Definitions:
    """Assets, jobs and sensors of every source instance; opens nothing."""
    from dagster import load_from_defs_folder

    return load_from_defs_folder(path_within_project=SOURCES)
