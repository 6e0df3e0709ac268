"""Which source instances feed which topics, read from their ``defs.yaml``; and loading them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import AssetKey, ComponentTree, Definitions

from platform_assets import sources
from platform_assets.connectors.definitions import KIND, SourceError
from platform_assets.connectors.seam.definition import is_source, read_source
from platform_assets.connectors.source_folder import file_source, is_file_source
from platform_assets.contracts.load import load_contracts
from platform_assets.core.broken import BrokenFile, Loaded, load_each
from platform_assets.core.settings import REPOSITORY
from platform_assets.core.yaml_lines import read_all
from platform_assets.graph.broken_assets import build_broken_definitions, build_each
from platform_assets.processors.model import PROCESSORS
from platform_assets.sources import definition_files

if TYPE_CHECKING:
    from platform_assets.core.yaml_lines import Document

GROUP = "sources"

Feeds = dict[str, tuple[str, ...]]
"""Source -> the topics that it feeds, of one file."""


def source_key(name: str) -> AssetKey:
    """Asset key of a source instance."""
    return AssetKey(["source", name])


def processor_key(name: str) -> AssetKey:
    """Asset key of a processor."""
    return AssetKey(["processor", name])


def read_feeds() -> Loaded[str, Feeds]:
    """What each source folder's ``defs.yaml`` feeds; one that cannot be used is in ``broken``."""
    taken: dict[str, Path] = {}

    def one(path: Path) -> tuple[str, Feeds]:
        feeds: Feeds = {}
        for document in read_all(path, SourceError, KIND):
            if is_source(document):
                found = read_source(document)
                source, topics = found.name, found.topics
                places = [("streams", n, "topic") for n in range(len(found.fields.streams))]
                _known(document, [one.topic for one in found.fields.streams], places)
            else:
                source, topics = _instance(document)
                if is_file_source(document):
                    file_source(document)
                _known(document, topics, [("topics", n) for n in range(len(topics))])
            if (other := taken.get(source)) is not None:
                raise SourceError(
                    f"source {document.where(('attributes', 'source'))}: {source!r} is the "
                    f"source of {other}, too",
                    "rename one of the two",
                )
            taken[source] = path
            feeds[source] = topics
        return path.parent.name, feeds

    return load_each(KIND, definition_files(), one)


def sources_of(topic: str) -> list[AssetKey]:
    """Sources and processors that feed a topic: upstream of the topic's own asset."""
    return _upstream().get(topic, [])


def load_sources() -> Definitions:
    """Assets, jobs and sensors of every source instance; opens nothing.

    Each folder is loaded by itself: one that Dagster refuses becomes an asset with its error.
    """
    built, broken = _loaded()
    return Definitions.merge(*built, build_broken_definitions(KIND, broken))


def has_connectors() -> bool:
    """Whether any source is read by a connector."""
    return any(is_source(document) for path in definition_files() for document in _readable(path))


def broken_sources() -> list[BrokenFile]:
    """The sources that cannot be used, or that Dagster refuses."""
    return _loaded()[1]


def _loaded() -> tuple[list[Definitions], list[BrokenFile]]:
    feeds = read_feeds()
    paths = {path.parent.name: path for path in definition_files()}
    built, refused = build_each(KIND, [(paths[name], name) for name in feeds], _load)
    return [definitions for _, definitions in built], [*feeds.broken, *refused]


def _readable(path: Path) -> list[Document]:
    """A file's documents; none where it cannot be read, which is said elsewhere."""
    try:
        return list(read_all(path, SourceError, KIND))
    except SourceError:
        return []


def _load(name: str) -> Definitions:
    """The definitions of one folder."""
    module = import_module(f"{sources.__name__}.{name}")
    tree = ComponentTree.from_module(module, project_root=REPOSITORY)
    # Without a path it would also describe every component type there is: a quarter of a second.
    made = tree.build_defs(tree.defs_module_path)
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
    for feeds in read_feeds().values():
        for source, topics in feeds.items():
            for topic in topics:
                found.setdefault(topic, []).append(source_key(source))
    for one in PROCESSORS:
        found.setdefault(str(one.output), []).append(processor_key(one.name))
    return found


def _known(
    document: Document, topics: Sequence[str], places: Sequence[tuple[str | int, ...]]
) -> None:
    """Refuse a topic that has no contract; one whose contract is broken is not this file's fault.

    Raises:
        SourceError: there is none.
    """
    contracts = load_contracts()
    known = {str(topic) for topic in contracts} | {file.name for file in contracts.broken}
    for topic, place in zip(topics, places, strict=True):
        if topic not in known:
            raise SourceError(
                f"source {document.where(('attributes', *place))}: `{place[0]}`: "
                f"no contract for {topic!r}",
                f"add {topic}.yaml to the source's folder, or to platform_assets/contracts",
            )


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
