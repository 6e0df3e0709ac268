"""The first rows of a stream as its mapping makes them; nothing is sent or committed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

from platform_assets.connectors.seam.columns import json_rows
from platform_assets.connectors.seam.definition import SourceDefinition
from platform_assets.connectors.seam.pull import contract_of, mapping_of, open_reader
from platform_assets.connectors.seam.reader import BulkReader, Page, Reader
from platform_assets.contracts.model import Contract
from platform_assets.core.settings import Settings

PREVIEW_SECONDS = 20.0
_PREVIEW_BYTES = 1024 * 1024


def preview(
    settings: Settings,
    source: SourceDefinition,
    stream: str,
    rows: int = 10,
    contract: Contract | None = None,
) -> Iterator[tuple[dict[str, Any], str | None]]:
    """The first rows of a stream, and why each cannot be mapped; nothing is sent or committed.

    Ends after :data:`PREVIEW_SECONDS`: a live source may give nothing for hours. ``contract`` is
    given where its topic is not known yet.

    Raises:
        ConnectorError: as :func:`pull`.
    """
    one = source.stream(stream)
    contract = contract or contract_of(source, one)
    mapping = mapping_of(source, one, contract, 1)
    stop = threading.Event()
    left = rows
    clock = threading.Timer(PREVIEW_SECONDS, stop.set)
    clock.daemon = True
    clock.start()
    try:
        with closing(open_reader(settings, source, stop)) as reader:
            for page in _rows_of(reader, stream, rows):
                some = Page(page.rows.slice(0, left), None, ops=page.ops[:left])
                refused = mapping.map(some).refused
                for number, row in enumerate(json_rows(some)):
                    yield row, refused.get(number)
                left -= some.rows.num_rows
                if left <= 0:
                    stop.set()
                    return
    finally:
        clock.cancel()


def _rows_of(reader: Reader, stream: str, rows: int) -> Iterator[Page]:
    """Pages with rows, also of files that would be handed over."""
    for page in reader.read(stream, None):
        if page.bulk is None:
            yield page
            continue
        bulk = cast(BulkReader, reader)
        for one in bulk.slices(stream, page.bulk.state, None, rows, _PREVIEW_BYTES):
            yield one.page
