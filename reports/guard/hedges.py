"""Bounds and hedges before a number: ``more than``, ``>``, ``exceeded``, ``nearly``, ``about``.

Belongs here: reading them, and how far the number may be off. Does not belong here: whether a
value lies within (:mod:`.bind`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.guard.lexicon import Lexicon
    from reports.guard.quantities import Quantity

NEAR = Decimal("0.05")
"""A hedge allows so much of the number on its own side."""
FAR = Decimal("0.1")
"""A bound that is true is told of a number no further off than this part of it."""
_HALF = Decimal("0.5")
_OVER = (
    r"exceed(?:s|ed|ing)?|surpass(?:es|ed|ing)?|topp(?:ed|ing)|tops|pass(?:ed|es|ing)|in excess of|"
    r"north of|beyond|at minimum|a minimum of|not less than|überstieg(?:en)?|übertraf(?:en)?|"
    r"überschritt(?:en)?|jenseits von|nicht weniger als"
)
_UNDER = (
    r"south of|at maximum|a maximum of|not more than|short of|shy of|fell short of|undershot|"
    r"unterschritt(?:en)?|nicht mehr als|maximal"
)
_OF_LEVELS = r"exceed|surpass|topp|tops|pass|undershot|fell short|über(?:stieg|traf|schr)|unterschr"
VERBS = f"{_OVER}|{_UNDER}"
"""Bounds that may also be read as words of direction."""
_CLOSE = r"nearly|almost|close to|just under|fast|beinahe|nahezu|knapp|annähernd|just below"
_INCLUSIVE = (
    r"at least|no less than|not less than|minimum|mindestens|wenigstens|at most|"
    r"up to|no more than|not more than|maximum|höchstens|bis zu|maximal"
)
_BEHIND = re.compile(
    r",?\s(?:(?P<more>(?:or|and|oder|und) (?:more|above|over|up|higher|mehr|darüber)|at least|"
    r"at minimum|mindestens)|(?:or|and|oder|und) (?:less|fewer|below|under|lower|weniger|darunter)|"
    r"at most|at maximum|höchstens|tops)(?!\w)",
    re.IGNORECASE,
)
_MARKS = {">": 1, "≥": 1, "<": -1, "≤": -1, ">=": 1, "<=": -1}


def bounded(text: str, quantity: Quantity, words: Lexicon) -> Quantity:
    """The number with the bound or hedge written before it."""
    behind = _BEHIND.match(text, quantity.end)
    if behind is not None:
        side = 1 if behind.group("more") else -1
        quantity = replace(quantity, end=behind.end())
        return _bound(quantity, side, inclusive=True, close=False)
    before = text[: quantity.start].lower()
    mark = re.search(r"(>=|<=|[<>≥≤])\s?$", before)
    if mark is not None:
        inclusive = mark.group(1) in {"≥", "≤", ">=", "<="}
        return _bound(quantity, _MARKS[mark.group(1)], inclusive=inclusive, close=False)
    for bound, pattern in ((1, f"{words.over}|{_OVER}"), (-1, f"{words.under}|{_UNDER}")):
        found = re.search(rf"(?<!\w)(?P<w>{pattern})\s(?:a |an |the )?$", before)
        if found:
            word = found.group("w")
            close = bound < 0 and re.search(rf"(?:^|\s)(?:{_CLOSE})$", word) is not None
            inclusive = re.search(_INCLUSIVE, word) is not None
            level = re.match(_OF_LEVELS, word) is not None
            read = _bound(quantity, bound, inclusive=inclusive or close, close=close)
            return replace(read, level=level)
    if re.search(rf"(?<!\w)(?:{words.about})\.?\s(?:a |an )?$|[~≈]\s?$", before):
        half = min(_rounded(text, quantity), _part(quantity, NEAR))
        return replace(quantity, approximate=True, half=max(half, quantity.half))
    return quantity


def _bound(quantity: Quantity, side: int, *, inclusive: bool, close: bool) -> Quantity:
    reach = _part(quantity, NEAR if close else FAR)
    if quantity.multiple:
        return replace(quantity, bound=side)
    return replace(quantity, bound=side, half=reach, strict=not inclusive)


def _part(quantity: Quantity, part: Decimal) -> Decimal:
    return abs(quantity.value or Decimal(0)) * part


def _rounded(text: str, quantity: Quantity) -> Decimal:
    """Half a unit of the last digit that counts: the zeros of "about 123,000" do not."""
    zeros = re.search(r"[1-9](?P<z>[0,.' ]+)$", text[quantity.start : quantity.end].strip())
    if zeros is None or quantity.multiple or quantity.half != _HALF:
        return quantity.half
    return quantity.half.scaleb(zeros.group("z").count("0"))
