"""``weir run --sources``: made-up systems connected, waited for, and shown with their addresses."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from platform_assets.cli.tables import Column, Layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from platform_assets.core.settings import Settings

PATIENCE_SECONDS = 240.0
"""How long a source may have no row in silver."""

SOURCES = Layout(
    "run",
    (
        Column("source"),
        Column("connector", spare=1),
        Column("topic", spare=2),
        Column("silver", "silver_rows", right=True),
        Column("click"),
    ),
)


def connect(kinds: str, say: Callable[[str], None]) -> tuple[str, ...]:
    """Write the source folders of ``--sources``; the servers that they need beside the others.

    Settings change with it: they are to be read again. Commands of other shells know the sources
    while the servers are up.

    Args:
        kinds: as a person named them; empty: none, and nothing is done.
        say: told what is connected.

    Raises:
        WeirError: a kind is unknown.
    """
    from platform_assets.core.settings import get_settings
    from platform_assets.local import shared

    settings = get_settings()
    shared.forget(settings)
    if not kinds:
        return ()
    from platform_assets.connectors.simulate.outside.connected import (
        kinds_of,
        servers_of,
        write_sources,
    )

    wanted = kinds_of(kinds)
    shared.share(settings, write_sources(settings, wanted))
    say(f"live sources: {', '.join(wanted)}")
    return servers_of(settings, wanted)


def await_rows(settings: Settings, say: Callable[[str], None] | None = None) -> None:
    """Wait until each connected source has rows in silver.

    Args:
        settings: profile.
        say: told of one that has none in time, instead of an error.

    Raises:
        WeirError: one has none in time; says how it fares.
    """
    from platform_assets.core.errors import WeirError
    from platform_assets.local.wait import WaitTimeoutError, wait_until

    def all_there() -> bool:
        return all(row["silver_rows"] for row in rows(settings))

    try:
        wait_until(all_there, what="rows of each source", timeout=PATIENCE_SECONDS, every=1)
    except WaitTimeoutError:
        waiting = {row["source"] for row in rows(settings) if not row["silver_rows"]}
        told = f"no row in silver after {PATIENCE_SECONDS:.0f} s: {_why(settings, waiting)}"
        if say is None:
            raise WeirError(told, "weir sources; weir streams; weir logs outside") from None
        say(told)


def rows(settings: Settings) -> list[dict[str, Any]]:
    """A row a source: its name, connector, topic, ``silver_rows``, and where to ``click``."""
    from platform_assets.cli.tour import silver_rows
    from platform_assets.connectors.seam.pull import contract_of
    from platform_assets.connectors.simulate.outside.connected import connected_sources

    return [
        {
            "source": name,
            "connector": source.type.name,
            "topic": stream.topic,
            "silver_rows": silver_rows(settings, contract_of(source, stream)),
            "click": f"{settings.dagster_url}/assets/source/{name}",
        }
        for name, source in sorted(connected_sources(settings).items())
        for stream in source.fields.streams
    ]


def show(settings: Settings, console: Console, *, staying: bool) -> None:
    """The table of them; with addresses where the servers stay up."""
    layout = SOURCES if staying else Layout(SOURCES.command, SOURCES.columns[:-1])
    layout.show(rows(settings), title="Live sources", console=console)
    if not staying:
        return
    console.print(f"Sources:  weir sources   or   {settings.portal_url}/sources", soft_wrap=True)


def _why(settings: Settings, names: set[str]) -> str:
    from platform_assets.connectors.operate.health import of_source
    from platform_assets.connectors.seam.state import SourceStates
    from platform_assets.connectors.simulate.outside.connected import connected_sources
    from platform_assets.core.databases import SHORT

    with closing(SourceStates(settings, SHORT)) as states:
        known = {(one.source, one.stream): one for one in states.streams()}
    found = [
        f"{name} is {one.health.value} {one.why}".strip()
        for name, source in sorted(connected_sources(settings).items())
        if name in names
        for one in of_source(source, known, None)
    ]
    return "; ".join(found)
