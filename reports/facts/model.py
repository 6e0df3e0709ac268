"""A cited fact: one number, what it measures, and how to get back to its rows."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Kind(StrEnum):
    """How a fact came to be."""

    VALUE = "value"
    """Read from a table."""
    DIFFERENCE = "difference"
    GROWTH = "growth"
    """Relative change, in %."""
    SHARE = "share"
    RANK = "rank"
    TREND = "trend"
    """Slope of the series with its season removed, a period."""
    CONTRIBUTION = "contribution"
    """What one member adds to the change of the whole, in the whole's unit."""
    TARGET = "target"
    """From the report's definition."""

    @property
    def signed(self) -> bool:
        """Whether such a value is shown with its sign: it says how another one moves."""
        return self in (Kind.DIFFERENCE, Kind.GROWTH, Kind.TREND, Kind.CONTRIBUTION)


class Derivation(BaseModel):
    """How a fact follows from others; recomputed by the number guard.

    Attributes:
        op: ``difference`` (a - b), ``growth`` ((a - b) / |b|, in %), ``share`` (a / b, in %),
            ``sum``, ``mean``, ``ratio`` (a / b). Other facts (ranks, trends) have none.
        of: ids of the facts it is computed from, in that order.
    """

    model_config = ConfigDict(frozen=True)

    op: Literal["difference", "growth", "share", "sum", "mean", "ratio"]
    of: tuple[str, ...]


class Source(BaseModel):
    """Where a fact comes from.

    Attributes:
        sql: the statement that gave the value, pinned to its snapshots; runs as it stands.
        snapshots: table (``gold.retail.sales_per_hour``) -> Iceberg snapshot id.
        rows_sql: a select of the rows behind the value, pinned too; runs as it stands.
        assets: keys of the Dagster assets read, as ``gold/retail/sales_per_hour``.
    """

    model_config = ConfigDict(frozen=True)

    sql: str
    snapshots: dict[str, int]
    rows_sql: str
    assets: tuple[str, ...]


def point_id(kpi: str, period: str) -> str:
    """Id of a KPI's value in an earlier period that only its series tells: no change, no rank."""
    return f"{kpi}.at.{period}"


class Fact(BaseModel):
    """One number of a report.

    Attributes:
        id: unique in its report, e.g. ``net_sales``, ``net_sales.growth.previous``,
            ``net_sales.country.germany``.
        kpi: the KPI it belongs to.
        label: what it measures, in the report's language, e.g. ``Net sales``.
        kind: how it came to be.
        value: exact value in ``unit``; None where there is a gap.
        unit: ISO currency code (``GBP``), ``%``, ``pp`` (percentage points), ``kWh`` …, or a
            plural noun of what is counted (``orders``); empty for a bare number.
        decimals: digits after the point when shown.
        period: key of its period (``2010-W50``, ``2010-12``, ``2010-12-13``).
        compared_to: key of the period compared with, for changes; for ranks of the first one.
        among: among how many periods with data a rank is, its own included; 0 for no rank.
        entity: the member it is about (a country), or empty for the whole.
        good: the direction that is good.
        derivation: how it follows from other facts, if it does.
        source: where it comes from; None only for targets.
        gap: why there is no value; empty where there is one.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kpi: str
    label: str
    kind: Kind
    value: Decimal | None
    unit: str
    decimals: int = 0
    period: str
    compared_to: str = ""
    among: int = 0
    entity: str = ""
    good: Literal["up", "down", "none"] = "none"
    derivation: Derivation | None = None
    source: Source | None = None
    gap: str = ""

    @property
    def is_point(self) -> bool:
        """Whether it is but a point of a series (:func:`point_id`)."""
        return self.id == point_id(self.kpi, self.period)


class Notice(BaseModel):
    """What a reader must know first: a gap, a stale table, a failed check.

    Attributes:
        rule: ``gap``, ``empty`` (nobody has sent data yet), ``freshness``, ``quality``, ``guard``,
            ``narrator`` or ``pdf``.
        message: one sentence.
    """

    model_config = ConfigDict(frozen=True)

    rule: str
    message: str
