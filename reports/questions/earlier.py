"""Periods before the one asked for: ``the week before``, ``year over year``, ``Vorwoche``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reports.questions.words import Token, fold

_UNIT = (
    r"(?P<unit>hour|day|week|month|quarter|year|period"
    r"|stunde|tag|woche|monat|quartal|jahr|zeitraum|periode)s?"
)
_LEAD = r"(?:in |the |im |der |dem |die |das |zum |zur )*"
_ALWAYS = (
    rf"{_LEAD}(?:one )?{_UNIT} (?:before|earlier|davor|zuvor|vorher)(?! (?:last|yesterday))",
    r"(?:the )?one before(?: that)?",
)
_AFTER_VERSUS = (
    *_ALWAYS,
    (
        rf"{_LEAD}(?:previous|prior|preceding|vorherige[nrsm]?|vorige[nrsm]?"
        rf"|vorangegangene[nrsm]?) {_UNIT}"
    ),
    (
        rf"{_LEAD}(?P<compound>vorwoche|vormonate?s?|vortage?s?|vorjahre?s?|vorquartale?s?"
        r"|vorstunde|vorperiode|vorzeitraum)"
    ),
    r"before|previously|earlier|davor|zuvor|vorher",
)
_YEAR = (
    (
        rf"{_LEAD}(?:same |gleiche[nrsm]? |selbe[nrsm]? )(?:{_UNIT}|time) (?:of |in |des |im )?"
        r"(?:the |last year|a year (?:before|ago|earlier)|the year before"
        r"|one year (?:before|ago|earlier)|previous year|vorjahre?s?|letzten jahre?s?)+"
    ),
    r"(?:year over year|year on year|yoy|im vorjahresvergleich)",
    r"(?:a|one|ein|einem|einen) (?:year|jahr) (?:before|ago|earlier|zuvor|davor|vorher)",
    r"vor einem jahr",
)
_WEEKDAY = (
    rf"{_LEAD}(?:same |gleiche[nrsm]? |selbe[nrsm]? )(?:day|weekday|tag|wochentag) "
    r"(?:of |in |der |the |in der |of the )*(?:last week|previous week|week before"
    r"|a week (?:ago|before|earlier)|letzte[nr] woche|vorwoche|vergangene[nr] woche)"
)
_OVER = r"(?P<unit>week|month|day|hour|quarter) (?:over|on) (?P=unit)"
_COMPOUND = {"vorw": "week", "vorm": "month", "vort": "day", "vorj": "year", "vorq": "quarter",
             "vors": "hour", "vorp": "period", "vorz": "period"}  # fmt: skip
_GERMAN_UNITS = {"stunde": "hour", "tag": "day", "woche": "week", "monat": "month",
                 "quartal": "quarter", "jahr": "year", "zeitraum": "period",
                 "periode": "period"}  # fmt: skip


def read_earlier(rest: Sequence[Token], *, after_versus: bool) -> tuple[int, str] | None:
    """A period before the one asked for: how many tokens name it, and its unit."""
    text = " ".join("\0" if token.quoted else token.key for token in rest)
    best: tuple[int, str] | None = None

    def found(pattern: str, unit: str = "") -> None:
        nonlocal best
        match = re.match(rf"{fold(pattern).replace('(?p', '(?P')}(?= |$)", text)
        if match is None:
            return
        named = match.groupdict()
        word = named.get("unit") or ""
        name = unit or _GERMAN_UNITS.get(word, word)
        if compound := named.get("compound"):
            name = _COMPOUND[compound[:4]]
        length = match[0].count(" ") + 1
        if best is None or length > best[0]:
            best = (length, name or "period")

    for pattern in _AFTER_VERSUS if after_versus else _ALWAYS:
        found(pattern)
    for pattern in _YEAR:
        found(pattern, "year")
    found(_OVER)
    found(_WEEKDAY, "weekday")
    return best
