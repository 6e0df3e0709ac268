"""Base phrases without a date: "the week before", "year on year", "over last year"; and rates.

Belongs here: whether a period lies as far before another as a phrase says, what "a week" is for.
Does not belong here: finding phrases (:mod:`.when`), what a number speaks of (:mod:`.scope`).
"""

from __future__ import annotations

import re

from reports.guard.when import When

_DAYS = {"day": (1, 1), "week": (7, 7), "month": (28, 31), "quarter": (89, 92), "year": (363, 371)}
_PARTS = ("day", "week", "month", "quarter", "half", "year")


def fits(phrase: When, now: When | None, then: When | None) -> bool:
    """Whether ``then`` is one unit of the phrase before ``now``.

    Args:
        phrase: of kind ``back:week`` and the like.
        now: the period that a change ends in.
        then: the period that it is counted from; None where it is not known.
    """
    if now is None or then is None:
        return False
    unit = phrase.kind.removeprefix("back:")
    if unit == "period":
        return True
    here, there = now.bounds(), then.bounds()
    if here is None or there is None:
        known = now.year is not None and then.year is not None
        same = (now.kind, now.part) == (then.kind, then.part)
        return unit == "year" and known and same and (now.year or 0) - (then.year or 0) == 1
    if unit not in _DAYS:
        return False
    shortest = _DAYS[unit]
    smaller = _PARTS.index(unit) < _PARTS.index(now.kind) if now.kind in _PARTS else False
    return not smaller and shortest[0] <= (here[0] - there[0]).days <= shortest[1]


RATE = re.compile(
    r"(?:\s(?!(?:in|with|at|for|from|to|of|on|as|by|or|and|is|was|were|mit|bei|auf|von|als|und)\b)"
    r"[^\W\d_]+)?\s(?:an?|per|each|every|je|pro)\s(?P<u>[^\W\d_]+)",
    re.IGNORECASE,
)
"""What a number is said to be for each of: "a week", "per order"."""
_TIMES = {
    "tag": "day", "woche": "week", "monat": "month", "quartal": "quarter", "jahr": "year",
    "stunde": "hour",
}  # fmt: skip


def rate(text: str, end: int) -> str:
    """What a number that ends there is said to be for each of ("a day"); empty for nothing."""
    found = RATE.match(text[end:])
    word = found.group("u").lower() if found else ""
    return _TIMES.get(word, word)
