"""What the guard is given and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Rule = Literal[
    "no_such_fact",
    "rounding",
    "unit",
    "period",
    "entity",
    "name",
    "direction",
    "rank",
    "derivation",
    "ambiguous",
]
"""Why a text is refused.

``name``: the text speaks of another measure, or of none; ``derivation``: a declared one cannot
be computed; ``ambiguous``: the number cannot be read, or it is unclear what it speaks of.
"""


@dataclass(frozen=True)
class Value:
    """A number, or a date, that a text may state.

    Attributes:
        id: unique in its context.
        value: exact, in ``unit`` times ``scale``.
        unit: ISO currency code, ``%``, ``pp`` (percentage points), ``kWh`` …, a plural noun of
            what is counted, or empty for a bare number.
        names: words for what it measures; a text must use one of them. Empty: not checked.
        entity: the member it is about, empty for the whole.
        period: ``2010-W50``, ``2010-12``, ``2010``, ``2010-Q3``, ``2010-12-13``, or words
            (``fiscal 2019``, ``December 31, 2019``); empty: not checked.
        signed: the value is a change, so that its sign is a direction ("fell 3 %" states -3).
        rank_of: among how many the value is a rank (1 is the highest); None for no rank.
        scale: what ``value`` is counted in, e.g. 1000 for a table in thousands.
        per: ``day``, ``week`` …, where the value is so much in each ("rises 3 % a week").
        compared_to: the period that a change is counted from, written as ``period`` is.
        group: the dimension of its entity (``country``), so that "leads" compares like with like.
        good: 1 where more is better, -1 where less is, 0 where that is not known.
        target: it is what was aimed at, not what came out.
    """

    id: str
    value: Decimal | date
    unit: str = ""
    names: tuple[str, ...] = ()
    entity: str = ""
    period: str = ""
    signed: bool = False
    rank_of: int | None = None
    scale: Decimal = Decimal(1)
    compared_to: str = ""
    per: str = ""
    group: str = ""
    good: int = 0
    target: bool = False

    @property
    def exact(self) -> Decimal:
        """The number in its unit.

        Raises:
            TypeError: the value is a date.
        """
        if not isinstance(self.value, Decimal):
            raise TypeError(f"{self.id} is a date, not a number")
        return self.value * self.scale


@dataclass(frozen=True)
class Derivation:
    """A number that follows from values; the guard computes it.

    Attributes:
        op: ``difference`` (a - b), ``growth`` ((a - b) / |b|, in %), ``share`` (a / b, in %),
            ``sum``, ``mean``, ``ratio`` (a / b).
        of: ids of the values, in that order.
    """

    op: Literal["difference", "growth", "share", "sum", "mean", "ratio"]
    of: tuple[str, ...]


@dataclass(frozen=True)
class Paragraph:
    """A text, the ids of the values it may state, and what it derives from values."""

    text: str
    cites: tuple[str, ...]
    derivations: tuple[Derivation, ...] = ()


@dataclass(frozen=True)
class Context:
    """What there is to speak of.

    Attributes:
        values: all values of the report; their names and entities are the guard's vocabulary.
        known: periods and dates that a text may name freely, the report's own first.
    """

    values: Sequence[Value]
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """One reason against a text.

    Attributes:
        sentence: where.
        number: the number, date or word as written.
        rule: which rule it breaks.
        message: the reason, for people and for a narrator that tries again.
    """

    sentence: str
    number: str
    rule: Rule
    message: str


@dataclass(frozen=True)
class Link:
    """An accepted number.

    Attributes:
        start: index of its first character in the text.
        end: index after its last character.
        ids: the value that it states, or those that it is derived from.
    """

    start: int
    end: int
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """The answer: every refusal, and a link for every accepted number."""

    refusals: tuple[Refusal, ...]
    links: tuple[Link, ...]

    @property
    def ok(self) -> bool:
        """Whether the text may be published."""
        return not self.refusals
