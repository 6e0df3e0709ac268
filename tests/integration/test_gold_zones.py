"""The shipped commerce report on gold: its weeks are those of London's clock."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from platform_assets.core.naming import TopicName
from reports.definition import load_definitions
from reports.facts.collect import collect
from reports.facts.query import to_decimal
from reports.periods import Grain, Period
from tests.integration.gold_lake import CLICKS

ZONE = "Europe/London"
WEEKS = ("2026-W43", "2026-W44")
"""The first ends with the day of 25 hours: an hour after it is Monday in London, and in UTC."""


def in_week(time: str, week: Period) -> pl.Expr:
    """Rows whose day, by London's clock, is of a week."""
    day = pl.col(time).dt.convert_time_zone(ZONE).dt.date()
    return (day >= week.start) & (day < week.end)


@pytest.mark.parametrize("key", WEEKS)
def test_the_figures_of_a_week_are_those_of_londons_days(lake, gold, key: str) -> None:
    definition = load_definitions()["weekly-commerce"]
    assert definition.zone == ZONE
    week = Period.parse(key, Grain.WEEK)
    sheet = collect(definition, week, lake.settings)
    values = {fact.id: fact.value for fact in sheet.facts}
    clicks = lake.frames[CLICKS].filter(in_week("timestamp", week))
    bought = clicks.filter(pl.col("event_type") == "purchase")
    every = lake.frames[TopicName("retail", "invoice_lines")].with_columns(
        (pl.col("quantity") * pl.col("unit_price")).alias("amount"),
        pl.col("invoice_no").str.starts_with("C").alias("cancelled"),
    )
    sold = ~pl.col("cancelled") & (pl.col("quantity") > 0)
    lines = every.filter(in_week("invoice_date", week))
    began = (
        every.filter(sold).group_by("event_date", "country", "invoice_no")
        .agg(pl.col("invoice_date").min()).filter(in_week("invoice_date", week))
    )  # fmt: skip
    want = {
        "net_sales": lines.filter(sold | pl.col("cancelled"))["amount"].sum(),
        "returns": -lines.filter("cancelled")["amount"].sum(),
        "wholesale_orders": began.height,
        "online_revenue": bought["price"].sum(),
        "product_revenue": bought["price"].sum(),
        "purchases": bought.height,
    }
    for name, value in want.items():
        found = values[name]
        assert found is not None, name
        assert abs(found - (to_decimal(value) or 0)) < Decimal("0.001"), name
    rates = {"view_to_cart": ("cart", "view"), "cart_to_purchase": ("purchase", "cart")}
    for name, (part, whole) in rates.items():
        counts = [clicks.filter(pl.col("event_type") == kind).height for kind in (part, whole)]
        found = values[name]
        assert found is not None
        assert abs(found - Decimal(100 * counts[0]) / counts[1]) < Decimal("0.001"), name


def test_weeks_of_utc_would_be_other_weeks(lake) -> None:
    """The test above can fail: rows lie in the hour in which London's Monday is UTC's Sunday."""
    times = lake.frames[CLICKS]["timestamp"]
    london = times.dt.convert_time_zone(ZONE).dt.date()
    assert (london != times.dt.date()).any()
