"""What a page hides from its reader, as far as its own styles say so.

Belongs here: the CSS properties that hide text. Does not belong here: reading text
(:mod:`.html`), style sheets outside the page, which are never fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import soupsieve
from bs4 import BeautifulSoup, Tag
from soupsieve.util import SelectorSyntaxError

_COMMENT = re.compile(r"/\*.*?\*/|<!--|-->", re.DOTALL)
_OTHER_MEDIA = re.compile(r"\b(print|speech|max-width|max-device-width|prefers-\w+)\b")
_ZERO = re.compile(r"0+(\.0*)?(px|pt|em|rem|%)?")
_FAR_AWAY = re.compile(r"-\d{3,}(\.\d+)?(px|pt|em|rem|%)?")
_DYNAMIC = re.compile(r":{1,2}[a-z-]*(hover|focus|active|visited|before|after|target)")
_MOST_RULES = 200
"""Rules that hide something; each is looked up in the whole page."""
_WATCHED = {
    "display", "visibility", "opacity", "font-size", "mso-hide", "color", "left", "top",
    "text-indent", "overflow", "max-height", "height", "width", "max-width", "clip", "position",
}  # fmt: skip

_SIZES = ("max-height", "height", "width", "max-width")
_BLOCKS = {"block", "flex", "grid", "list-item", "table"}

Styles = dict[str, str]


@dataclass(frozen=True)
class Sight:
    """What is inherited of being seen.

    Attributes:
        invisible: by ``visibility``, which a child may turn back on.
        tiny: by a font of no size, which a child may set again.
        clear: by a transparent colour, which a child may set again.
    """

    invisible: bool = False
    tiny: bool = False
    clear: bool = False

    @property
    def hidden(self) -> bool:
        """Whether text here is not seen."""
        return self.invisible or self.tiny or self.clear


class Hiding:
    """Tells of each element of a page whether it hides its text."""

    def __init__(self, soup: BeautifulSoup) -> None:
        """Read the page's own style sheets."""
        self._sheet: dict[int, Styles] = {}
        self.left_out = 0
        rules = [rule for style in soup.find_all("style") for rule in _rules(style.get_text())]
        hiding = [rule for rule in rules if _hides(rule[1]) or rule[1].keys() & {"overflow"}]
        self.left_out = max(0, len(hiding) - _MOST_RULES)
        touched: dict[int, Tag] = {}
        for selector, _ in hiding[:_MOST_RULES]:
            for tag in _select(soup, selector):
                touched[id(tag)] = tag
        if not touched:
            return
        # A later rule may show again what an earlier one hides.
        for selector, styles in rules:
            for key, tag in touched.items():
                if _matches(tag, selector):
                    known = self._sheet.setdefault(key, {})
                    known.update(
                        (name, value)
                        for name, value in styles.items()
                        if "!important" not in known.get(name, "") or "!important" in value
                    )

    def gone(self, tag: Tag) -> bool:
        """Whether an element is not shown at all, whatever stands in it."""
        if tag.has_attr("hidden") and tag.get("hidden") != "until-found":
            return True
        if tag.name == "dialog" and not tag.has_attr("open"):
            return True
        return _gone(self._styles(tag))

    def sight(self, tag: Tag, above: Sight) -> Sight:
        """What is seen within an element, by what is seen around it."""
        styles = self._styles(tag)
        seen = above
        if visibility := _value(styles, "visibility"):
            seen = replace(seen, invisible=visibility in {"hidden", "collapse"})
        if size := _value(styles, "font-size"):
            seen = replace(seen, tiny=bool(_ZERO.fullmatch(size)))
        if color := _value(styles, "color"):
            seen = replace(seen, clear=color == "transparent")
        return seen

    def shown_as_block(self, tag: Tag) -> bool:
        """Whether an element of a line is laid out as a block of its own."""
        return _value(self._styles(tag), "display") in _BLOCKS

    def _styles(self, tag: Tag) -> Styles:
        own = tag.get("style")
        sheet = self._sheet.get(id(tag), {})
        if not isinstance(own, str):
            return sheet
        inline = _declarations(own)
        kept = {name: value for name, value in sheet.items() if "!important" in value}
        return {**sheet, **inline, **kept}


def _value(styles: Styles, name: str) -> str:
    return styles.get(name, "").replace("!important", "").strip()


def _hides(styles: Styles) -> bool:
    return (
        _gone(styles)
        or _value(styles, "visibility") in {"hidden", "collapse"}
        or bool(_ZERO.fullmatch(_value(styles, "font-size")))
        or _value(styles, "color") == "transparent"
    )


def _gone(styles: Styles) -> bool:
    """Whether an element with these styles leaves nothing to see, whatever stands in it."""
    position, clip = _value(styles, "position"), _value(styles, "clip").replace(" ", "")
    away = any(_FAR_AWAY.fullmatch(_value(styles, side)) for side in ("left", "top"))
    flat = any(_ZERO.fullmatch(_value(styles, size)) for size in _SIZES)
    return bool(
        _value(styles, "display") == "none"
        or _value(styles, "mso-hide") == "all"
        or _ZERO.fullmatch(_value(styles, "opacity"))
        or _FAR_AWAY.fullmatch(_value(styles, "text-indent"))
        or (away and position in {"absolute", "fixed", "relative"})
        or (clip.startswith(("rect(0", "rect(1px,1px")) and position in {"absolute", "fixed"})
        or (flat and _value(styles, "overflow") in {"hidden", "clip"})
    )


def _declarations(text: str) -> Styles:
    found: Styles = {}
    for part in text.split(";"):
        name, _, value = part.partition(":")
        name = name.strip().casefold()
        if name in _WATCHED and value.strip():
            found[name] = " ".join(value.casefold().split()).replace("! important", "!important")
    return found


def _rules(sheet: str) -> Iterator[tuple[str, Styles]]:
    """Selectors and what they declare; of media, those of a wide screen."""
    text = _COMMENT.sub("", sheet)
    todo = [text]
    while todo:
        text = todo.pop()
        at = 0
        while (opens := text.find("{", at)) >= 0:
            head = text[at:opens].rpartition(";")[2].rpartition("}")[2].strip()
            depth, end = 1, opens + 1
            for found in re.finditer(r"[{}]", text[opens + 1 :]):
                depth += 1 if found[0] == "{" else -1
                if not depth:
                    end = opens + 1 + found.start()
                    break
            else:
                end = len(text)
            body = text[opens + 1 : end]
            at = end + 1
            if head.startswith("@"):
                nests = head.startswith(("@media", "@supports", "@layer"))
                if nests and not _OTHER_MEDIA.search(head):
                    todo.append(body)
            elif head and not _DYNAMIC.search(head):
                styles = _declarations(body)
                if styles:
                    yield head, styles


def _select(soup: BeautifulSoup, selector: str) -> list[Tag]:
    try:
        return list(soup.select(selector))
    except (SelectorSyntaxError, ValueError, NotImplementedError, RecursionError):
        return []


def _matches(tag: Tag, selector: str) -> bool:
    try:
        return bool(soupsieve.match(selector, tag))
    except (SelectorSyntaxError, ValueError, NotImplementedError, RecursionError):
        return False
