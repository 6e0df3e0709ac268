"""Rows of SAP's IDocs in XML files; several to a file, streamed one by one."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from platform_assets.connectors import idoc
from platform_assets.connectors.kinds.files.chunk import Chunk, FileRefusedError, Spot, counted
from platform_assets.connectors.kinds.files.options import FileStream
from platform_assets.connectors.kinds.files.packed import Content
from platform_assets.connectors.kinds.files.xml_rows import damaged, elements, whole

_ROWS = 2_000


def read_idocs(content: Content, options: FileStream, spot: Spot) -> Iterator[Chunk]:
    """See :class:`~.chunk.Format`.

    A row is an IDoc, or a segment of it; columns as :func:`~...idoc.columns` has them, all text.
    The document is read twice: a first time to see that it is whole.
    """
    from lxml import etree

    segment = options.idoc.segment
    schema = pa.schema([(name, pa.string()) for name in idoc.columns(segment)])
    rows: list[dict[str, str | None]] = []
    count = found = 0
    try:
        whole(content)
        for element in elements(content, idoc.DOCUMENT):
            found += 1
            for row in idoc.rows_of(element, segment):
                count += 1
                if count > spot.row:
                    rows.append(row)
            if len(rows) >= _ROWS:
                chunk = counted(pa.Table.from_pylist(rows, schema), spot, 0)
                spot, rows = chunk.after, []
                yield chunk
    except etree.XMLSyntaxError as error:
        raise damaged(content, error) from error
    if not found:
        raise FileRefusedError(f"{content.name}: it holds no IDoc", "is it IDoc XML?")
    if rows:
        yield counted(pa.Table.from_pylist(rows, schema), spot, 0)
