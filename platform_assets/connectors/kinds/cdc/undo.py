"""Giving a source of changes up: what reading it made outside the lake is undone."""

from __future__ import annotations

from contextlib import closing

from platform_assets.connectors.kinds.cdc.reader import CdcReader
from platform_assets.connectors.seam.cursors import Place
from platform_assets.connectors.seam.definition import SourceDefinition
from platform_assets.connectors.seam.pull import open_reader, writer_of
from platform_assets.connectors.seam.reader import ConnectorError
from platform_assets.connectors.seam.transaction import SourceLog
from platform_assets.core.settings import Settings


def drop_source(settings: Settings, source: SourceDefinition) -> list[str]:
    """Drop connector, raw topics, slot and publication, and reset the cursors.

    The lake keeps its rows. A source that is read again begins with a snapshot. A run that reads
    the source meanwhile is fenced; pause the source first, or that run begins it again.

    Returns:
        What was there and is dropped, for people; empty: nothing was.

    Raises:
        ConnectorError: it is no source of changes; or as the database and Connect answer: what was
            dropped by then stays so, and the rest can be dropped by calling this again.
    """
    with closing(open_reader(settings, source)) as reader:
        if not isinstance(reader, CdcReader):
            raise ConnectorError(
                f"source {source.name}: {source.type.name} makes nothing at its source",
                "only sources of database changes are dropped",
            )
        dropped = reader.drop()
    for stream in source.fields.streams:
        with SourceLog(settings, writer_of(source, stream.stream)) as log:
            log.commit([], [Place(source.name, stream.stream, None)])
    return dropped
