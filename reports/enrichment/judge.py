"""What an answer must stand on: citations that exist, numbers that the cited say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from reports.enrichment.model import Insight, Kind, Part
from reports.enrichment.prompt import Flag, PartAnswer, Statement
from reports.guard import quantities
from reports.guard.text import plain

_ADDRESS = re.compile(r"https?:|www\.|\S@\S|\]\(")
_DIGITS = re.compile(r"\d+")
LONGEST = 600
"""Characters of a statement."""


@dataclass(frozen=True)
class Judged:
    """An answer, judged.

    Attributes:
        insights: what may be shown.
        refused: what may not, and why, a sentence each.
    """

    insights: tuple[Insight, ...]
    refused: tuple[str, ...]


def judge(part: Part, answer: PartAnswer, model: str) -> Judged:
    """Let through what stands on the part's own texts and passages.

    Args:
        part: that was asked about.
        answer: to it.
        model: that wrote it.
    """
    good, refused = [], []
    for kind, one in _statements(answer):
        if why := _why_not(part, kind, one):
            refused.append(f"{kind} refused: {why}")
            continue
        good.append(
            Insight(
                kind,
                part.category,
                " ".join(one.text.split()),
                one.severity if isinstance(one, Flag) else "",
                tuple(dict.fromkeys(one.texts)),
                tuple(passage for passage in part.passages if passage.id in one.passages),
                model,
            )
        )
    return Judged(tuple(good), tuple(refused))


def _statements(answer: PartAnswer) -> Iterator[tuple[Kind, Statement]]:
    yield "summary", answer.summary
    for note in answer.notes:
        yield "note", note
    for flag in answer.flags:
        yield "flag", flag


def _why_not(part: Part, kind: Kind, said: Statement) -> str:
    """What is wrong with a statement; empty: nothing."""
    texts = {one.id: one.text for one in part.texts}
    passages = {one.id: one.text for one in part.passages}
    if not said.text.strip() or len(said.text) > LONGEST:
        return f"expected 1 to {LONGEST} characters"
    if unknown := [*(set(said.texts) - texts.keys()), *(set(said.passages) - passages.keys())]:
        return f"it cites {sorted(unknown)[0]!r:.60}, which it was not given"
    if not (said.passages if kind == "note" else said.texts):
        return f"it cites no {'passage' if kind == 'note' else 'text'}"
    if _ADDRESS.search(said.text):
        return "it holds an address or markup"
    languages = {one.language for one in part.texts if one.id in said.texts}
    cited = [*(texts[one] for one in said.texts), *(passages[one] for one in said.passages)]
    if (number := _unfounded(said.text, cited, languages)) is not None:
        return f"number {number} is in nothing that it cites"
    return ""


def _unfounded(text: str, cited: Sequence[str], languages: set[str]) -> str | None:
    """A number of a text that nothing cited says, as written."""
    flat = plain(text)
    known = {value for one in cited for value in _values(one, {"en", *languages})}
    runs = {run for one in cited for run in _DIGITS.findall(one)}
    for one in quantities.find(flat, "en", set()):
        written = flat[one.start : one.end]
        if one.value is None:
            # A date or a time of day: its digits are compared.
            if not set(_DIGITS.findall(written)) <= runs:
                return written
        elif abs(one.value) not in known:
            return written
    return None


def _values(text: str, languages: set[str]) -> Iterator[Decimal]:
    for language in sorted(languages):
        for one in quantities.find(plain(text), language, set()):
            if one.value is not None:
                yield abs(one.value)
