"""Office files as packages: parts, what they point to, and their sizes.

Belongs here: the zip, relationships, XML without entities. Does not belong here: what a part says.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from lxml import etree

from reports.knowledge.model import RefusedError

Element = Any
"""An lxml element; lxml has no types."""

_PIECE = 1 << 20
_MOST_PARTS = 20_000
_NAMES = {
    "wordprocessingml/2006/main": "w", "wordprocessingml/main": "w",
    "drawingml/2006/main": "a", "drawingml/main": "a",
    "presentationml/2006/main": "p", "presentationml/main": "p",
    "spreadsheetml/2006/main": "x", "spreadsheetml/main": "x",
    "officeDocument/2006/math": "m", "officeDocument/math": "m",
    "drawingml/2006/chart": "c", "drawingml/chart": "c",
    "drawingml/2006/diagram": "dgm", "drawingml/diagram": "dgm",
    "drawingml/2006/picture": "pic", "drawingml/picture": "pic",
    "drawingml/2006/spreadsheetDrawing": "xdr", "drawingml/spreadsheetDrawing": "xdr",
    "drawing/2014/chartex": "cx", "markup-compatibility/2006": "mc",
    "2010/wordprocessingShape": "wps", "microsoft-com:vml": "v",
    "microsoft-com:office:office": "o", "elements/1.1/": "dc",
}  # fmt: skip
"""How namespaces end, in the transitional and the strict form of the standard (ISO/IEC 29500)."""
_PREFIXES: dict[str, str] = {}


@dataclass(frozen=True)
class Relation:
    """Where a part points.

    Attributes:
        kind: last word of its type, e.g. ``header``.
        part: the other part; empty where it is outside of the file.
    """

    kind: str
    part: str


def tag(element: Element) -> str:
    """An element's name with the customary prefix, e.g. ``w:p``; empty for comments and such."""
    name = element.tag
    if not isinstance(name, str):
        return ""
    known = _PREFIXES.get(name)
    if known is None:
        space, _, local = name.rpartition("}")
        prefix = next((short for end, short in _NAMES.items() if space.endswith(end)), "")
        known = f"{prefix}:{local}" if prefix else local
        if len(_PREFIXES) < _MOST_PARTS:
            _PREFIXES[name] = known
    return known


def attribute(element: Element, local: str, default: str = "") -> str:
    """An attribute by its local name, whatever its namespace."""
    if local in element.attrib:
        return str(element.attrib[local])
    for name, value in element.attrib.items():
        if name.endswith("}" + local):
            return str(value)
    return default


def children(element: Element) -> Iterator[Element]:
    """Child elements; of alternatives the one that a current Office shows.

    Word writes a text box twice, for new and for old readers: one of the two is the text.
    """
    for child in element:
        name = tag(child)
        if name == "mc:AlternateContent":
            offers = [one for one in child if tag(one) == "mc:Choice"]
            offers += [one for one in child if tag(one) == "mc:Fallback"]
            shown = next((one for one in offers if len(one)), None)
            if shown is not None:
                yield from children(shown)
        elif name:
            yield child


def child(element: Element | None, *path: str) -> Element | None:
    """A child by name, or one further down by the names on the way; None where there is none."""
    for name in path:
        if element is None:
            return None
        element = next((one for one in element if tag(one) == name), None)
    return element


def parser() -> etree.XMLParser:
    """A parser that expands no entity, fetches nothing and keeps lxml's bounds on depth."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False
    )


class Package:
    """An open Office file."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            zipfile.BadZipFile: it is no zip.
        """
        self._archive = zipfile.ZipFile(path)
        # Some writers use backslashes, or another case than their own table of contents.
        self._members = {
            name.replace("\\", "/").lstrip("/").casefold(): name
            for name in self._archive.namelist()
        }

    def __enter__(self) -> Package:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def parts(self, folder: str) -> list[str]:
        """Names of the parts below a folder."""
        return [name for name in self._members if name.startswith(folder.casefold())]

    def content(self, part: str) -> bytes | None:
        """A part; None where it is missing."""
        member = self._members.get(part.lstrip("/").casefold())
        return None if member is None else self._archive.read(member)

    def open(self, part: str) -> IO[bytes]:
        """A part as a stream.

        Raises:
            RefusedError: it is missing.
        """
        member = self._members.get(part.lstrip("/").casefold())
        if member is None:
            raise RefusedError("damaged", f"part {part} is missing")
        return self._archive.open(member)

    def xml(self, part: str) -> Element | None:
        """A part's root element; None where it is missing.

        Raises:
            etree.XMLSyntaxError: it is no XML.
        """
        content = self.content(part)
        return None if content is None else etree.fromstring(content, parser())

    def main(self) -> str:
        """The part that the package is about.

        Raises:
            RefusedError: it names none.
        """
        for relation in self.relations("").values():
            if relation.kind == "officeDocument" and self.content(relation.part) is not None:
                return relation.part
        raise RefusedError("damaged", "the package names no document")

    def relations(self, part: str) -> dict[str, Relation]:
        """Where a part points, by relationship id."""
        folder, name = posixpath.split(part)
        root = self.xml(posixpath.join(folder, "_rels", f"{name}.rels"))
        found: dict[str, Relation] = {}
        for one in root if root is not None else ():
            if not isinstance(one.tag, str):
                continue
            target = unquote(one.get("Target", "")).replace("\\", "/")
            inside = one.get("TargetMode") != "External"
            place = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
            kind = one.get("Type", "").rpartition("/")[2]
            found[one.get("Id", "")] = Relation(kind, posixpath.normpath(place) if inside else "")
        return found

    def title(self) -> str:
        """The title in the file's properties; empty where there is none."""
        for relation in self.relations("").values():
            if relation.kind == "core-properties":
                named = child(self.xml(relation.part), "dc:title")
                return "".join(named.itertext()).strip() if named is not None else ""
        return ""


def unpacked_size(path: Path, bound: int) -> int:
    """The bytes that a zip unpacks to, counted, not believed.

    Args:
        path: the file.
        bound: counting stops beyond it.

    Raises:
        zipfile.BadZipFile: it is no zip, or a member is not what the table of contents says.
        RefusedError: it has parts without end, or XML that defines entities.
    """
    size = 0
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > _MOST_PARTS:
            raise RefusedError("size", f"{path.name}: over {_MOST_PARTS:,} parts")
        declared = sum(member.file_size for member in members)
        if declared > bound:
            return declared
        for member in members:
            if member.is_dir():
                continue
            with archive.open(member) as opened:
                first = True
                while piece := opened.read(_PIECE):
                    size += len(piece)
                    if size > bound:
                        return size
                    if first and b"<!DOCTYPE" in piece[:4096].replace(b"\0", b""):
                        _refuse_entities(path, member.filename)
                    first = False
    return size


def _refuse_entities(path: Path, part: str) -> None:
    # The standard forbids it (ISO/IEC 29500-2); who does it anyway has something in mind.
    if part.casefold().endswith((".xml", ".rels", ".vml")):
        raise RefusedError("damaged", f"{path.name}: {part} defines entities, which no Office does")
