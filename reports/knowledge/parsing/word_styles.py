"""What a Word file's styles say of a run and of a paragraph.

Belongs here: inheritance of styles. Does not belong here: text.
"""

from __future__ import annotations

import re
from functools import lru_cache

from reports.knowledge.parsing.flow import Raised
from reports.knowledge.parsing.package import Element, attribute, child, tag

_OFF = {"0", "false", "off", "none"}
_HEADING = re.compile(r"heading ?([1-9])\Z", re.IGNORECASE)
_BODY_LEVEL = 9
_LONGEST_CHAIN = 50
_RAISED: dict[str, Raised] = {"superscript": "^", "subscript": "_"}


class Styles:
    """The styles of a file, or none."""

    def __init__(self, root: Element | None) -> None:
        """Read them from the part's root."""
        self._styles: dict[str, Element] = {}
        for one in root if root is not None else ():
            if tag(one) == "w:style":
                self._styles.setdefault(attribute(one, "styleId"), one)
        self.hidden = lru_cache(maxsize=4096)(self._hidden)
        self.struck = lru_cache(maxsize=4096)(self._struck)
        self.raised = lru_cache(maxsize=4096)(self._raised)
        self._level_of = lru_cache(maxsize=4096)(self._style_level)

    def level(self, properties: Element | None) -> int | None:
        """The level of a heading's paragraph; 0 is a title, None is no heading."""
        own = child(properties, "w:outlineLvl")
        if own is not None:
            return _outline(own)
        style = child(properties, "w:pStyle")
        return None if style is None else self._level_of(attribute(style, "val"))

    def _style_level(self, style: str) -> int | None:
        chain = self._chain(style)
        for one in chain:
            named = child(one, "w:name")
            name = attribute(named, "val") if named is not None else ""
            if found := _HEADING.match(name):
                return int(found[1])
            if name.casefold() == "title":
                return 0
            outline = child(one, "w:pPr", "w:outlineLvl")
            if outline is not None:
                return _outline(outline)
        found = None if chain else _HEADING.match(style)
        return int(found[1]) if found else None

    def _chain(self, style: str) -> list[Element]:
        """A style and those it is based on; a circle is cut."""
        chain: list[Element] = []
        while style in self._styles and len(chain) < _LONGEST_CHAIN:
            chain.append(self._styles[style])
            based = child(chain[-1], "w:basedOn")
            style = attribute(based, "val") if based is not None else ""
        return chain

    def _property(self, name: str, styles: tuple[str, ...]) -> Element | None:
        for style in styles:
            for one in self._chain(style):
                found = child(one, "w:rPr", name)
                if found is not None:
                    return found
        return None

    def _hidden(self, styles: tuple[str, ...]) -> bool:
        return is_on(self._property("w:vanish", styles))

    def _struck(self, styles: tuple[str, ...]) -> bool:
        return any(is_on(self._property(name, styles)) for name in ("w:strike", "w:dstrike"))

    def _raised(self, styles: tuple[str, ...]) -> Raised:
        return raised(self._property("w:vertAlign", styles))


def is_on(switch: Element | None) -> bool:
    """Whether a property that is on or off is on."""
    return switch is not None and attribute(switch, "val", "true") not in _OFF


def raised(alignment: Element | None) -> Raised:
    """Where a run with this vertical alignment stands."""
    return "" if alignment is None else _RAISED.get(attribute(alignment, "val"), "")


def _outline(level: Element) -> int | None:
    value = attribute(level, "val")
    return int(value) + 1 if value.isdigit() and int(value) < _BODY_LEVEL else None
