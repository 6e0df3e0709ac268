"""Derivations, computed exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from reports.guard.model import Derivation, Value

_PRECISION = 50


class DerivationError(ValueError):
    """A declared derivation that cannot be computed."""


@dataclass(frozen=True)
class Derived:
    """A derivation with its operands, result and unit."""

    op: str
    of: tuple[Value, ...]
    exact: Decimal
    unit: str

    @property
    def signed(self) -> bool:
        """Whether its sign is a direction."""
        return self.op in {"difference", "growth"}


def compute(derivation: Derivation, values: Mapping[str, Value]) -> Derived:
    """The result of a derivation, to 50 significant digits.

    Raises:
        DerivationError: an unknown id, a date, a wrong count of values, units that do not go
            together, or a division by zero.
    """
    unknown = [name for name in derivation.of if name not in values]
    if unknown:
        raise DerivationError(f"{derivation.op} of unknown value {unknown[0]!r}")
    of = tuple(values[name] for name in derivation.of)
    two = derivation.op in {"difference", "growth", "share", "ratio"}
    if (two and len(of) != 2) or not of:
        raise DerivationError(f"{derivation.op} of {len(of)} values")
    if any(not isinstance(value.value, Decimal) for value in of):
        raise DerivationError(f"{derivation.op} of a date")
    units = {value.unit for value in of}
    if len(units) > 1 and derivation.op != "ratio":
        raise DerivationError(f"{derivation.op} of different units: {', '.join(sorted(units))}")
    unit = of[0].unit
    with localcontext() as context:
        context.prec = _PRECISION
        numbers = [value.exact for value in of]
        if derivation.op == "difference":
            return Derived("difference", of, numbers[0] - numbers[1], "pp" if unit == "%" else unit)
        if derivation.op in {"sum", "mean"}:
            total = sum(numbers, Decimal(0))
            exact = total if derivation.op == "sum" else total / len(numbers)
            return Derived(derivation.op, of, exact, unit)
        if numbers[1] == 0:
            raise DerivationError(f"{derivation.op} divides by {of[1].id}, which is 0")
        if derivation.op == "growth":
            return Derived("growth", of, (numbers[0] - numbers[1]) / abs(numbers[1]) * 100, "%")
        quotient = numbers[0] / numbers[1]
        if derivation.op == "share":
            return Derived("share", of, quotient * 100, "%")
        return Derived("ratio", of, quotient, "" if len(units) == 1 else unit)
