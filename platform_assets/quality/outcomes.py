"""What a check found, as plain values; and the balance of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HIDDEN = "hidden (PII)"
"""What stands in for the examples of a column that the contract marks as PII."""


@dataclass(frozen=True)
class RuleOutcome:
    """What one expectation found.

    Attributes:
        rule: the contract's rule, or the implicit rule (``type:price``, ``key_unique`` ...).
        expectation: the expectation's type.
        column: column or columns looked at.
        success: whether every row met it.
        unexpected: rows that did not.
        observed: the observed value, where the expectation has one (a type, a count).
        examples: a few offending values as text; :data:`HIDDEN` for PII.
        error: why the expectation could not be evaluated at all.
    """

    rule: str
    expectation: str
    column: str
    success: bool
    unexpected: int = 0
    observed: str = ""
    examples: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class SuiteResult:
    """What a whole suite found over one frame.

    Attributes:
        suite: the suite's name: the topic or table it was generated for.
        rows: rows looked at.
        seconds: how long the validation took.
        outcomes: one for each expectation, in the suite's order.
        docs: the data document, once written.
    """

    suite: str
    rows: int
    seconds: float
    outcomes: tuple[RuleOutcome, ...]
    docs: Path | None = None

    @property
    def success(self) -> bool:
        """Whether every expectation was met."""
        return all(outcome.success for outcome in self.outcomes)

    @property
    def failures(self) -> tuple[RuleOutcome, ...]:
        """The expectations that were not met."""
        return tuple(outcome for outcome in self.outcomes if not outcome.success)


@dataclass(frozen=True)
class CheckOutcome:
    """Whether a check passed, and the sentence that says why."""

    passed: bool
    reason: str


def balance(
    records: int, published: int, quarantined: int, duplicates: int, dead_letters: int
) -> CheckOutcome:
    """Check that nothing was dropped silently.

    Args:
        records: records taken from the log.
        published: rows published to silver.
        quarantined: rows sent to quarantine.
        duplicates: rows that lost to an earlier record with their key.
        dead_letters: records that could not be decoded.

    Returns:
        Passed when records = published + quarantined + duplicates + dead letters and no
        count is negative; the reason shows the sum either way.
    """
    counts = {
        "records": records,
        "published": published,
        "quarantined": quarantined,
        "duplicates": duplicates,
        "dead letters": dead_letters,
    }
    if negative := [f"{name} = {count}" for name, count in counts.items() if count < 0]:
        return CheckOutcome(False, f"a count cannot be negative: {', '.join(negative)}")
    total = published + quarantined + duplicates + dead_letters
    sentence = (
        f"{records} records in, {total} accounted for: {published} published + "
        f"{quarantined} quarantined + {duplicates} duplicates + {dead_letters} dead letters"
    )
    if total == records:
        return CheckOutcome(True, sentence)
    lost = records - total
    what = f"{lost} lost" if lost > 0 else f"{-lost} counted twice"
    return CheckOutcome(
        False, f"{sentence}; {what}. Materialise the window again: it replays the same records."
    )


def failed_rules(outcomes: Sequence[RuleOutcome]) -> str:
    """Name the broken rules in one sentence, for an error message."""
    return "; ".join(
        f"{outcome.rule} ({outcome.error or _what(outcome)})"
        for outcome in outcomes
        if not outcome.success
    )


def _what(outcome: RuleOutcome) -> str:
    if outcome.unexpected:
        return f"{outcome.unexpected} rows, column {outcome.column}"
    return f"column {outcome.column}, observed {outcome.observed or 'otherwise'}"
