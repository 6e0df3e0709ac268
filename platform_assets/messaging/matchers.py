"""Matchers of labels, as Prometheus Alertmanager writes them: ``stream=machines``.

``=`` and ``!=`` compare, ``=~`` and ``!~`` match a regular expression against the whole value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from platform_assets.core.errors import WeirError

LABELS = ("stream", "series", "signal", "severity", "owner", "source")
"""What an alert can be matched and grouped by."""

_MATCHER = re.compile(r"\s*(?P<label>\w+)\s*(?P<operator>=~|!~|!=|=)\s*(?P<value>.*)", re.DOTALL)
_LONGEST = 500


class MatcherError(WeirError):
    """A matcher that cannot be used; names it."""


@dataclass(frozen=True)
class Matcher:
    """One condition.

    Attributes:
        label: one of :data:`LABELS`.
        operator: ``=``, ``!=``, ``=~`` or ``!~``.
        value: a text, or a regular expression.
    """

    label: str
    operator: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Matcher:
        """Read ``label<operator>value``; the value may stand in double quotes.

        Raises:
            MatcherError: it is none, the label is unknown, or the expression is malformed.
        """
        found = _MATCHER.fullmatch(text)
        if found is None or len(text) > _LONGEST:
            raise MatcherError(
                f"no matcher: {text[:80]!r}", "write e.g. stream=machines or series=~machine-0.*"
            )
        label, operator, value = found["label"], found["operator"], found["value"].strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if label not in LABELS:
            raise MatcherError(
                f"matcher {text!r}: unknown label {label!r}", f"one of {', '.join(LABELS)}"
            )
        if operator.endswith("~"):
            try:
                re.compile(value)
            except re.error as error:
                raise MatcherError(
                    f"matcher {text!r}: {error}", "give a regular expression of Python"
                ) from None
        return cls(label, operator, value)

    def __str__(self) -> str:
        return f"{self.label}{self.operator}{self.value}"

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it; a label that is missing is empty."""
        value = labels.get(self.label, "")
        same = value == self.value
        if self.operator.endswith("~"):
            same = self._expression.fullmatch(value) is not None
        return same != self.operator.startswith("!")

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        return re.compile(self.value)


def all_fit(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether labels meet every matcher."""
    return all(one.fits(labels) for one in matchers)
