"""What the commands of ``weir sources`` are given: a source, a topic, the states."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from platform_assets.core.errors import WeirError

if TYPE_CHECKING:
    from platform_assets.connectors.seam.definition import SourceDefinition
    from platform_assets.connectors.seam.state import SourceStates
    from platform_assets.core.naming import TopicName

NameArgument = Annotated[str, typer.Argument(help="Of its folder, e.g. shop.")]


def source_named(name: str) -> SourceDefinition:
    """The source of a connector of that name.

    Raises:
        WeirError: there is none, or it cannot be used.
    """
    from platform_assets.connectors.seam.definition import load_sources
    from platform_assets.connectors.source_folder import load_file_sources
    from platform_assets.sources import definition_files

    loaded = load_sources()
    try:
        return loaded[name]
    except KeyError:
        known = {path.parent.name for path in definition_files()}
    if name in load_file_sources():
        raise WeirError(
            f"{name} is a file source", f"send its files with `weir ingest PATH --source {name}`"
        )
    if name in known:
        raise WeirError(f"{name} is not read by a connector", "materialise its asset in Dagster")
    raise WeirError(f"no source {name!r}", f"sources: {', '.join(loaded) or 'none'}")


def fed_topics(name: str) -> list[str]:
    """The topics that a source feeds: one of a connector, or a file source.

    Raises:
        WeirError: there is no such source.
    """
    from platform_assets.connectors.source_folder import load_file_sources

    files = load_file_sources()
    return [str(files[name].topic)] if name in files else list(source_named(name).topics)


def topic_named(text: str) -> TopicName:
    """The topic of that name.

    Raises:
        WeirError: it is no ``domain.entity``.
    """
    from platform_assets.core.naming import TopicName

    try:
        return TopicName.parse(text)
    except ValueError as error:
        raise WeirError(str(error)) from error


def source_states() -> closing[SourceStates]:
    """The states of all sources, for the length of a command."""
    from platform_assets.connectors.seam.state import SourceStates
    from platform_assets.core.databases import SHORT
    from platform_assets.core.settings import get_settings

    return closing(SourceStates(get_settings(), SHORT))
