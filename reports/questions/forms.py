"""Small questions on the form of a word, a number or a phrase."""

from __future__ import annotations

import re

from reports.questions import lexicon
from reports.questions.reading import Item, Kind

RANKS = {Kind.MOST: "desc", Kind.LEAST: "asc", Kind.BEST: "best", Kind.WORST: "worst"}


def groups(before: Item | None, *, ranked: bool) -> bool:
    """Whether a word before a dimension makes it one to group by."""
    return before is not None and (
        before.is_a(Kind.BY, Kind.WHICH) or (ranked and before.is_a(*RANKS, Kind.NUMBER))
    )


def plural(key: str) -> bool:
    """Whether a noun looks like a plural, in English or German."""
    return key.endswith(("s", "en", "ern", "kte", "orte", "lander"))


def plain_number(text: str) -> str:
    """``1,000`` and ``1.000`` are a thousand; ``1.5`` and ``1,5`` one and a half."""
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", text):
        return re.sub(r"[.,]", "", text)
    return text.replace(",", ".")


def rank_of(item: Item) -> str:
    """The order that a metric's own name asks for: ``highest temperature``; empty without."""
    if not item.is_a(Kind.METRIC):
        return ""
    first = item.key.split()[0]
    for kind, words in ((Kind.MOST, lexicon.MOST), (Kind.LEAST, lexicon.LEAST)):
        if any(first == word or (first.startswith(word) and len(word) > 4) for word in words):
            return RANKS[kind]
    return ""
