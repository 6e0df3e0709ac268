"""What a source costs: the prices that its ``defs.yaml`` states, times what was used of it.

Belongs here: the one sum that ``weir sources``, Dagster and ``/metrics`` show. Does not belong
here: counting (:mod:`.pull`), keeping what was counted (:mod:`.state`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

MONTH_DAYS: Final = 30
_GIGABYTE, _HOUR = Decimal(10**9), Decimal(3600)
_CENT = Decimal("0.01")

Price = Field(default=None, ge=0, allow_inf_nan=False)


@dataclass(frozen=True)
class Usage:
    """What was used of a source, or of one of its streams, in some time.

    Attributes:
        requests: over HTTP, those that failed among them.
        bytes: of the keys and values that it sent into the log.
        busy_seconds: spent on mapping and committing them.
    """

    requests: int = 0
    bytes: int = 0
    busy_seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.requests + other.requests,
            self.bytes + other.bytes,
            self.busy_seconds + other.busy_seconds,
        )


@dataclass(frozen=True)
class Cost:
    """What a source costs.

    Attributes:
        day: of the last 24 hours.
        currency: of all amounts, ISO 4217.
        budget: a month's; None where there is none.
    """

    day: Decimal
    currency: str
    budget: Decimal | None = None

    @property
    def month(self) -> Decimal:
        """Of 30 such days."""
        return self.day * MONTH_DAYS

    @property
    def over_budget(self) -> str:
        """Why a month is too dear; empty where it is not."""
        if self.budget is None or self.month <= self.budget:
            return ""
        month, budget = money(self.month), money(self.budget)
        return f"a month costs {month} {self.currency} at this rate; the budget is {budget}"


class Prices(BaseModel):
    """What a source's use is charged; what has no price costs nothing.

    Attributes:
        currency: of all of them, ISO 4217: ``EUR``.
        per_request: over HTTP.
        per_gigabyte: 10^9 bytes that are sent into the log.
        per_hour: that is spent on mapping and committing its rows.
        per_month: flat, for 30 days.
        monthly_budget: above which the source's health is ``warning``.
    """

    model_config = ConfigDict(extra="forbid")

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    per_request: Decimal | None = Price
    per_gigabyte: Decimal | None = Price
    per_hour: Decimal | None = Price
    per_month: Decimal | None = Price
    monthly_budget: Decimal | None = Price

    @model_validator(mode="after")
    def _has_a_price(self) -> Prices:
        if {"per_request", "per_gigabyte", "per_hour", "per_month"}.isdisjoint(
            name for name, value in self if value is not None
        ):
            raise ValueError("expected a price: per_request, per_gigabyte, per_hour or per_month")
        return self

    def of(self, usage: Usage, days: Decimal) -> Decimal:
        """What this use costs over so many days, a part of the flat price included."""
        return (
            (self.per_request or 0) * Decimal(usage.requests)
            + (self.per_gigabyte or 0) * usage.bytes / _GIGABYTE
            + (self.per_hour or 0) * Decimal(usage.busy_seconds) / _HOUR
            + (self.per_month or 0) * days / MONTH_DAYS
        )

    def cost(self, streams: Sequence[Usage]) -> Cost:
        """What a source costs whose streams used so much in the last 24 hours."""
        day = self.of(reduce(add, streams, Usage()), Decimal(1))
        return Cost(day, self.currency, self.monthly_budget)


def money(amount: Decimal) -> str:
    """An amount for people, without its currency; a small one with more places."""
    if 0 < amount < _CENT:
        return f"{amount:.6f}"
    return f"{amount:,.2f}"
