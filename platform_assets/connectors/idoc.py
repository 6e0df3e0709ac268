"""SAP's IDocs in XML as rows: the control record as columns, the segments as one nested document.

Belongs here: what an IDoc is. Does not belong here: where one comes from (files, HTTP).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

CONTROL: Final = "EDI_DC40"
DOCUMENT: Final = "IDOC"
CONTROL_FIELDS: Final = (
    "DOCNUM", "IDOCTYP", "CIMTYP", "MESTYP", "MESCOD", "MESFCT", "MANDT", "DOCREL", "STATUS",
    "DIRECT", "OUTMOD", "TEST", "SNDPOR", "SNDPRT", "SNDPFC", "SNDPRN", "RCVPOR", "RCVPRT",
    "RCVPFC", "RCVPRN", "CREDAT", "CRETIM", "REFINT", "REFGRP", "REFMES", "ARCKEY", "SERIAL",
)  # fmt: skip
"""Of the control record, as SAP names them; `DOCNUM` names an IDoc of a system and client."""
SEGMENTS: Final = "segments"
"""The segments as JSON: name -> list of segments, each field -> text, segments below it nested."""
SEGMENT, NUMBER = "segment", "number"
"""Of a row that is a segment: its own JSON, and its number among those of its name, from 1."""


class NoIdocError(ValueError):
    """An XML document that holds no IDoc; says why."""


def columns(segment: str = "") -> tuple[str, ...]:
    """The columns of a row.

    Args:
        segment: rows are segments of this name; empty: IDocs.
    """
    return (*CONTROL_FIELDS, SEGMENTS, *((SEGMENT, NUMBER) if segment else ()))


def rows_of(element: Any, segment: str = "") -> Iterator[dict[str, str | None]]:
    """The rows of an ``IDOC`` element.

    Args:
        element: of lxml.
        segment: a row for each segment of this name, at any depth, ``segments`` then without
            them; empty: one row.
    """
    control: Mapping[str, Any] = {}
    data: dict[str, list[Any]] = {}
    taken: list[Any] = []
    for child in element:
        name = _local(child)
        if name == CONTROL:
            control = _fields(child, "", [])
        elif name == segment:
            taken.append(_fields(child, segment, taken))
        else:
            data.setdefault(name, []).append(_fields(child, segment, taken))
    row: dict[str, str | None] = {name: control.get(name) or None for name in CONTROL_FIELDS}
    row[SEGMENTS] = json.dumps(data, ensure_ascii=False)
    if not segment:
        yield row
        return
    for number, one in enumerate(taken, 1):
        yield {**row, SEGMENT: json.dumps(one, ensure_ascii=False), NUMBER: str(number)}


def rows_in(body: bytes, segment: str = "") -> list[dict[str, str | None]]:
    """The rows of a packet: a document with one IDoc or several.

    Raises:
        NoIdocError: it is no XML, declares entities, or holds none.
    """
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NoIdocError(f"the body is no XML: {error}") from None
    doctype = root.getroottree().docinfo.internalDTD
    if doctype is not None:
        raise NoIdocError("the body has a document type: entities are never resolved")
    found = [root] if _local(root) == DOCUMENT else [e for e in root if _local(e) == DOCUMENT]
    if not found:
        raise NoIdocError(f"the body is {_local(root)}, and holds no element {DOCUMENT}")
    return [row for one in found for row in rows_of(one, segment)]


def _fields(element: Any, segment: str, taken: list[Any]) -> dict[str, Any]:
    """A segment: its fields, and those below it; the ones asked for go elsewhere."""
    found: dict[str, Any] = {}
    for child in element:
        name = _local(child)
        # A field holds text; a segment says so, or holds elements.
        if not len(child) and child.get("SEGMENT") is None:
            found[name] = (child.text or "").strip()
        elif name == segment:
            taken.append(_fields(child, segment, taken))
        else:
            found.setdefault(name, []).append(_fields(child, segment, taken))
    return found


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
