"""Which source instances feed which topics, read from their ``defs.yaml``; and loading them."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import AssetKey, ComponentTree, Definitions

from platform_assets.core.broken import BrokenFile, Loaded, load_each
from platform_assets.core.errors import WeirError
from platform_assets.core.yaml_lines import read_all
from platform_assets.graph.broken_assets import build_broken_definitions, build_each

if TYPE_CHECKING:
    from platform_assets.core.yaml_lines import Document

SOURCES = Path(__file__).parents[1] / "sources"
GROUP = "sources"
KIND = "source"

Feeds = dict[str, tuple[str, ...]]
"""Source -> the topics that it feeds, of one file."""


class SourceError(WeirError):
    """A source's ``defs.yaml`` cannot be used; names file, line and rule."""


def source_key(name: str) -> AssetKey:
    """Asset key of a source instance."""
    return AssetKey(["source", name])


def read_feeds(folder: Path) -> Loaded[str, Feeds]:
    """What each source folder's ``defs.yaml`` feeds; one that cannot be used is in ``broken``."""
    taken: dict[str, Path] = {}

    def one(path: Path) -> tuple[str, Feeds]:
        feeds: Feeds = {}
        for document in read_all(path, SourceError, KIND):
            source, topics = _instance(document)
            if (other := taken.get(source)) is not None:
                raise SourceError(
                    f"source {document.where(('attributes', 'source'))}: {source!r} is the "
                    f"source of {other}, too",
                    "rename one of the two",
                )
            taken[source] = path
            feeds[source] = topics
        return path.parent.name, feeds

    return load_each(KIND, sorted(folder.glob("*/defs.yaml")), one)


def sources_of(topic: str) -> list[AssetKey]:
    """Source assets that feed a topic: upstream of the topic's own asset."""
    return _upstream().get(topic, [])


def load_sources(folder: Path | None = None) -> Definitions:
    """Assets, jobs and sensors of every source instance; opens nothing.

    Each folder is loaded by itself: one that Dagster refuses becomes an asset with its error.
    """
    built, broken = _loaded(folder or SOURCES)
    return Definitions.merge(*built, build_broken_definitions(KIND, broken))


def broken_sources(folder: Path | None = None) -> list[BrokenFile]:
    """The sources that cannot be used, or that Dagster refuses."""
    return _loaded(folder or SOURCES)[1]


def _loaded(folder: Path) -> tuple[list[Definitions], list[BrokenFile]]:
    feeds = read_feeds(folder)
    built, refused = build_each(
        KIND, [(folder / name / "defs.yaml", name) for name in feeds], _load
    )
    return [definitions for _, definitions in built], [*feeds.broken, *refused]


def _load(name: str) -> Definitions:
    module = import_module(f"platform_assets.sources.{name}")
    made = ComponentTree.from_module(module, project_root=SOURCES.parents[1]).build_defs()
    # Without the tree: Dagster merges no two definitions that each have one.
    return Definitions(
        assets=made.assets,
        asset_checks=made.asset_checks,
        jobs=made.jobs,
        schedules=made.schedules,
        sensors=made.sensors,
        resources=made.resources,
    )


@lru_cache(maxsize=1)
def _upstream() -> dict[str, list[AssetKey]]:
    found: dict[str, list[AssetKey]] = {}
    for feeds in read_feeds(SOURCES).values():
        for source, topics in feeds.items():
            for topic in topics:
                found.setdefault(topic, []).append(source_key(source))
    return found


def _instance(document: Document) -> tuple[str, tuple[str, ...]]:
    attributes = document.data.get("attributes") if isinstance(document.data, dict) else None
    if not isinstance(attributes, dict):
        raise SourceError(
            f"source {document.where()}: expected a mapping with `type` and `attributes`"
        )
    source, topics = attributes.get("source"), attributes.get("topics")
    if not isinstance(source, str) or not source:
        where = document.where(("attributes", "source"))
        raise SourceError(f"source {where}: `source`: expected the instance's name")
    if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
        where = document.where(("attributes", "topics"))
        raise SourceError(f"source {where}: `topics`: expected a list of domain.entity")
    return source, tuple(topics)
