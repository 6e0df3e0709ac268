"""The number guard: is each number of a text a cited fact, or follows exactly from some?

Belongs here: finding numbers, dates and claims of direction in a text, and deciding whether the
cited values say the same. Does not belong here: where values come from (:mod:`reports.facts`),
who wrote the text (:mod:`reports.narrative`), and what happens after a refusal. A library of its
own: it imports nothing of Weir. Start reading at :mod:`.decide`; the way of a text is
:mod:`.scan` (mentions) -> :mod:`.scope` (what each speaks of) -> :mod:`.bind` (the value it
states) -> :mod:`.claims` (words of direction and rank).
"""

from reports.guard.decide import check
from reports.guard.model import Context, Derivation, Link, Paragraph, Refusal, Value, Verdict

__all__ = [
    "Context",
    "Derivation",
    "Link",
    "Paragraph",
    "Refusal",
    "Value",
    "Verdict",
    "check",
]
