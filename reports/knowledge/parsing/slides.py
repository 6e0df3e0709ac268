"""PowerPoint files: a page a slide.

Belongs here: PresentationML (ISO/IEC 29500-1, 19). Does not belong here: shapes' insides
(:mod:`.drawing`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reports.knowledge.model import Document
from reports.knowledge.parsing.drawing import Drawings, in_one_line
from reports.knowledge.parsing.package import Element, Package, attribute, child, children, tag
from reports.knowledge.parsing.reading import Reading

_TITLES = {"title", "ctrTitle"}
_COUNTED = {"sldNum", "dt"}
"""Placeholders that hold no text of the author's."""


def parse_slides(path: Path) -> Document:
    """Read a PowerPoint file: a page a slide, its title as heading; notes belong to it.

    Raises:
        RefusedError: it names no presentation.
        etree.XMLSyntaxError: a part is no XML.
    """
    with Package(path) as package:
        reading = Reading(path.name)
        main = package.main()
        relations = package.relations(main)
        ids = child(package.xml(main), "p:sldIdLst")
        first = ""
        done: set[str] = set()
        for number, one in enumerate(ids if ids is not None else (), start=1):
            slide = relations.get(_relation(one))
            if slide is None or slide.part in done:
                continue
            done.add(slide.part)
            title = _slide(package, reading, slide.part, number)
            first = first or title
        if _masters_speak(package):
            reading.flaw("text on slide masters is not read")
        return reading.document(package.title() or first, path.stem)


def _relation(element: Element) -> str:
    """The relationship's id, which shares its local name with the slide's own."""
    return next((str(v) for name, v in element.attrib.items() if name.endswith("}id")), "")


def _slide(package: Package, reading: Reading, part: str, number: int) -> str:
    """Take a slide in; returns its title."""
    root = package.xml(part)
    if root is None:
        reading.flaw(f"slide {number} is missing from the file")
        return ""
    if attribute(root, "show", "1") in {"0", "false"}:
        reading.miss("hidden slide", number)
        return ""
    drawings = Drawings(package, reading, part)
    title, texts = "", []
    for shape in _shapes(root):
        kind = _placeholder(shape)
        if kind in _COUNTED:
            continue
        found = [item.text for item in drawings.items(shape, number)]
        if kind in _TITLES and not title:
            title = in_one_line("\n".join(found))
        texts += found
    for relation in package.relations(part).values():
        if relation.kind == "notesSlide":
            texts += _notes(package, reading, relation.part, number)
        elif relation.kind == "comments":
            comments = package.xml(relation.part)
            for _ in comments if comments is not None else ():
                reading.miss("comment", number)
    for text in texts:
        reading.add(text, number, title)
    return title


def _notes(package: Package, reading: Reading, part: str, number: int) -> Iterator[str]:
    root = package.xml(part)
    drawings = Drawings(package, reading, part)
    for shape in _shapes(root) if root is not None else ():
        if _placeholder(shape) in {"body", "none"}:
            yield from (item.text for item in drawings.items(shape, number))


def _shapes(root: Element) -> Iterator[Element]:
    tree = child(root, "p:cSld", "p:spTree")
    yield from children(tree) if tree is not None else ()


def _placeholder(shape: Element) -> str:
    """The kind of a placeholder; ``none`` for a shape that is none."""
    for about in shape:
        if tag(about).startswith("p:nv"):
            place = child(about, "p:nvPr", "p:ph")
            return attribute(place, "type", "obj") if place is not None else "none"
    return "none"


def _masters_speak(package: Package) -> bool:
    """Whether a layout or master shows text of its own on the slides."""
    for folder in ("ppt/slideLayouts/slide", "ppt/slideMasters/slide"):
        for part in package.parts(folder):
            root = package.xml(part)
            for shape in _shapes(root) if root is not None else ():
                if _placeholder(shape) == "none" and any(
                    tag(one) == "a:t" and (one.text or "").strip() for one in shape.iter()
                ):
                    return True
    return False
