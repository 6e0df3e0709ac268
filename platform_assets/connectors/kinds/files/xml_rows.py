"""Rows of an XML document, by the path of an element; streamed, entities are never resolved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from platform_assets.connectors.kinds.files.chunk import Chunk, FileRefusedError, Spot, counted
from platform_assets.connectors.kinds.files.options import FileStream, XmlOptions
from platform_assets.connectors.kinds.files.packed import Content

_ROWS = 20_000


def read_xml(content: Content, options: FileStream, spot: Spot) -> Iterator[Chunk]:
    """See :class:`~.chunk.Format`.

    The document is read twice: a first time for what is said of all its rows, and to see that it
    is whole.
    """
    from lxml import etree

    wanted = options.xml
    if wanted is None:
        raise FileRefusedError(f"{content.name}: XML", "say `xml:`, the path of a row, its columns")
    try:
        said = _said_once(content, wanted)
        rows: list[dict[str, str | None]] = []
        count = 0
        for element in elements(content, wanted.row):
            count += 1
            if count <= spot.row:
                continue
            rows.append(
                {
                    name: said.get(name) if path.startswith("/") else _value(element, path)
                    for name, path in wanted.columns.items()
                }
            )
            if len(rows) == _ROWS:
                chunk = counted(_table(rows, wanted), spot, 0)
                spot, rows = chunk.after, []
                yield chunk
    except etree.XMLSyntaxError as error:
        raise damaged(content, error) from error
    if rows:
        yield counted(_table(rows, wanted), spot, 0)


def damaged(content: Content, error: Any) -> FileRefusedError:
    """What lxml's syntax error says of a file."""
    return FileRefusedError(f"{content.name}: not XML, damaged or cut off: {error.msg}")


def _table(rows: list[dict[str, str | None]], wanted: XmlOptions) -> pa.Table:
    return pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in wanted.columns]))


def _events(content: Content) -> Iterator[tuple[str, Any, str]]:
    """Start and end of each element, with its path by local names."""
    from lxml import etree

    with content.open() as stream:
        path: list[str] = []
        events = etree.iterparse(
            stream,
            events=("start", "end"),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_comments=True,
            remove_pis=True,
            huge_tree=False,
        )
        for event, element in events:
            if event == "start":
                if not path:
                    _refuse_entities(element, content.name)
                path.append(etree.QName(element).localname)
            yield event, element, "/".join(path)
            if event == "end":
                path.pop()


def _refuse_entities(root: Any, name: str) -> None:
    doctype = root.getroottree().docinfo.internalDTD
    if doctype is not None and (found := [one.name for one in doctype.iterentities()]):
        raise FileRefusedError(
            f"{name}: it declares entities ({', '.join(map(str, found[:5]))})",
            "entities are never resolved: they may stand for files, or for gigabytes",
        )


def _said_once(content: Content, wanted: XmlOptions) -> dict[str, str]:
    """Values that are said once, of the whole document."""
    paths = {
        name: path.strip("/").partition("/@")
        for name, path in wanted.columns.items()
        if path.startswith("/")
    }
    found: dict[str, str] = {}
    for event, element, path in _events(content):
        if event == "start":
            continue
        for name, (where, _, attribute) in paths.items():
            if path == where and name not in found:
                value = element.get(attribute) if attribute else element.text
                if value is not None:
                    found[name] = value.strip()
        _forget(element)
    return found


def whole(content: Content) -> None:
    """Read the document to its end.

    Raises:
        FileRefusedError: it declares entities.
        etree.XMLSyntaxError: it is cut off, or no XML.
    """
    for event, element, _ in _events(content):
        if event == "end":
            _forget(element)


def elements(content: Content, row: str) -> Iterator[Any]:
    """The elements of rows, each whole.

    Args:
        content: of a file.
        row: path of an element by local names, or its end.
    """
    inside = 0
    for event, element, path in _events(content):
        is_row = path == row or path.endswith("/" + row)
        if event == "start":
            inside += is_row
            continue
        if is_row:
            inside -= 1
            if not inside:
                yield element
        if not inside:
            _forget(element)


def _forget(element: Any) -> None:
    """Free what was read; the element itself stays until its parent is."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]


def _value(element: Any, path: str) -> str | None:
    """The text at a path of local names below an element; the first of several."""
    where, _, attribute = path.partition("@")
    for name in filter(None, where.split("/")):
        if name == ".":
            continue
        element = next((one for one in element if _local(one) == name), None)
        if element is None:
            return None
    value = element.get(attribute) if attribute else "".join(element.itertext())
    return value.strip() if value is not None else None


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
