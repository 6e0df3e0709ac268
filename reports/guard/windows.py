"""Windows: among how many periods a rank is said to be ("of the last eight weeks").

Belongs here: finding such counts, and whether a rank is among that many. Does not belong here:
the rank itself (:mod:`.claims`), one period before ("last week", :mod:`.bases`).
"""

# ruff: noqa: RUF001 - Arabic has letters of its own.
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from reports.guard.labels import stem
from reports.guard.language import primary
from reports.guard.model import Value
from reports.guard.quantities import Quantity
from reports.guard.reading import Objection, Reading
from reports.guard.when import When


@dataclass(frozen=True)
class Window:
    """A count of periods as written.

    Attributes:
        start, end: offsets of the whole phrase.
        number: index of the count in its sentence's numbers.
        unit: ``day``, ``week``, ``month``, ``quarter`` or ``year``.
        gaps: it says that only periods with data are counted.
        plain: nothing stands before it that could make them other periods ("the next eight").
    """

    start: int
    end: int
    number: int
    unit: str
    gaps: bool
    plain: bool


@dataclass(frozen=True)
class _Words:
    """One language: what stands before the count, and the unit after it."""

    before: str
    after: str


_WORDS = {
    "en": _Words(
        r"(?<!\w)(?:(?:of|in|among|over|for|within|during|from)\s)?(?:all\s)?"
        r"(?:(?:the|these|those)\s)?"
        r"(?P<lead>(?:most\srecent|last|past|previous|preceding|prior|latest|recent)\s)?",
        r"[ -](?:(?P<day>days?)|(?P<week>weeks?)|(?P<month>months?)|(?P<quarter>quarters?)|"
        r"(?P<year>years?))(?!\w)(?P<data>\s(?:with|that have)\sdata(?!\w))?",
    ),
    "de": _Words(
        r"(?<!\w)(?:(?:in|unter|von|seit|aus)\s)?(?:(?:der|den|die|aller|allen)\s)?"
        r"(?P<lead>(?:letzten?|vergangenen?|vorigen?|jüngsten?)\s)?",
        r"\s(?:(?P<day>tagen?|tage)|(?P<week>wochen?)|(?P<month>monaten?)|"
        r"(?P<quarter>quartalen?)|(?P<year>jahren?))(?!\w)(?P<data>\smit\sdaten(?!\w))?",
    ),
    "ja": _Words(
        r"(?P<data>データのある)?(?P<lead>(?:直近|過去|最近)の?\s?)?",
        r"\s?(?:(?P<day>日)|(?P<week>週)|(?P<month>[かカヶヵケ箇]?月)|(?P<quarter>四半期)|"
        r"(?P<year>年))間?",
    ),
    "ar": _Words(
        r"(?<!\w)(?:(?:بين|في|خلال|من)\s)?(?P<lead>آخر\s)?",
        r"\s(?:(?P<day>أيام|يوم[ًا]*)|(?P<week>أسابيع|أسبوع[ًا]*)|(?P<month>أشهر|شهور|شهر[ًا]*)|"
        r"(?P<quarter>أرباع|ربع[ًا]*)|(?P<year>سنوات|أعوام|سنة|عام[ًا]*))(?!\w)"
        r"(?P<data>\sفيها\sبيانات(?!\w))?",
    ),
}


@cache
def _patterns(language: str) -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    own = primary(language)
    listed = ["de"] if own == "de" else list(dict.fromkeys((own, "en")))
    return tuple(
        (re.compile(rf"{words.before}$", re.IGNORECASE), re.compile(words.after, re.IGNORECASE))
        for words in (_WORDS[one] for one in listed if one in _WORDS)
    )


def find(reading: Reading, cited: Sequence[Value]) -> list[Window]:
    """The counts of periods in a sentence that only a rank can bear out.

    A number before "weeks" is one where it is led by "last" and the like, or stands in a sentence
    of a rank; not where a cited value is itself counted in weeks, unless both hold.
    """
    sentence = reading.sentence
    claimed = bool(sentence.superlatives or sentence.ordinals)
    ranked = claimed and any(value.rank_of is not None for value in cited)
    durations = {
        stem(word, reading.language)
        for value in cited
        for text in ((value.unit,) if value.unit or value.rank_of is not None else value.names)
        for word in re.findall(r"[^\W\d_]+", text)
    }
    found: list[Window] = []
    for number, quantity in enumerate(sentence.numbers):
        window, written, led = _window(reading, number, quantity)
        if window is None:
            continue
        duration = stem(written, reading.language) in durations
        if (led and ranked) or ((led or ranked) and not duration):
            found.append(window)
    return found


def _window(reading: Reading, number: int, quantity: Quantity) -> tuple[Window | None, str, bool]:
    """A count before a unit of time, its unit as written, and whether "last" leads it."""
    sentence = reading.sentence
    for before, after in _patterns(reading.language):
        follows = after.match(sentence.text, quantity.end, sentence.end)
        if follows is None:
            continue
        unit, written = next((k, v) for k, v in follows.groupdict().items() if v and k != "data")
        led = before.search(sentence.text[sentence.start : quantity.start])
        groups = led.groupdict() if led is not None else {}
        start = sentence.start + led.start() if led is not None else quantity.start
        gaps = bool(groups.get("data") or follows.groupdict().get("data"))
        lead = bool(groups.get("lead"))
        window = Window(start, follows.end(), number, unit, gaps, start < quantity.start)
        return window, written, lead
    return None, "", False


def objection(reading: Reading, window: Window, rank: Value | None) -> Objection | None:
    """What is wrong with a count of periods; None where the rank is among just so many.

    Args:
        reading: the sentence.
        window: the count.
        rank: the rank that the sentence states beside it; None for none.
    """
    quantity = reading.sentence.numbers[window.number]
    if rank is None or not rank.compared_to:
        return Objection("rank", "counts periods, among which no cited rank is stated")
    if quantity.value != rank.rank_of or quantity.bound or quantity.approximate or quantity.unit:
        return Objection("rank", f"is not the {rank.rank_of} periods that {rank.id} is among")
    if not window.plain:
        return Objection("ambiguous", "counts periods of which it is not clear which they are")
    now, first = reading.when(rank.period), reading.when(rank.compared_to)
    if now is None or first is None or now.kind != window.unit or first.kind != window.unit:
        return Objection("period", f"counts {window.unit}s, of which {rank.id} is not")
    if not window.gaps and _counted(first, now) != rank.rank_of:
        return Objection("period", f"leaves out periods without data: {rank.id} has gaps, say so")
    return None


def _counted(first: When, last: When) -> int | None:
    """How many periods there are from one to another of its kind, both included."""
    begin, end = first.bounds(), last.bounds()
    if begin is None or end is None:
        return None
    if last.kind in {"day", "week"}:
        return (end[0] - begin[0]).days // (7 if last.kind == "week" else 1) + 1
    months = (end[0].year - begin[0].year) * 12 + end[0].month - begin[0].month
    return months // {"month": 1, "quarter": 3, "year": 12}[last.kind] + 1
