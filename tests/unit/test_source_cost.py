"""What a source costs: sums that add up, budgets, and no amount where no price is stated."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from platform_assets.connectors.definitions import SourceError
from platform_assets.connectors.operate.health import Health, of_source, summed
from platform_assets.connectors.seam.cost import Prices, Usage, money
from platform_assets.connectors.seam.definition import SourceDefinition, read_source
from platform_assets.connectors.seam.state import StreamState
from platform_assets.core.yaml_lines import read_all

PRICE = st.none() | st.decimals(0, 10**6, places=8)
PRICES = st.builds(
    Prices.model_construct,
    currency=st.just("EUR"),
    per_request=PRICE,
    per_gigabyte=PRICE,
    per_hour=PRICE,
    per_month=PRICE,
)
# Seconds that a float holds exactly: their sum is then no rounding of ours.
SECONDS = st.integers(0, 2**30).map(lambda n: n / 2**10)
USAGE = st.builds(Usage, st.integers(0, 10**9), st.integers(0, 10**13), SECONDS)
DAYS = st.decimals(0, 400, places=4)


@given(PRICES, st.lists(st.tuples(USAGE, DAYS), min_size=2, max_size=5))
def test_windows_cost_together_what_each_costs_and_never_less_than_nothing(
    prices: Prices, windows: list[tuple[Usage, Decimal]]
) -> None:
    each = [prices.of(usage, days) for usage, days in windows]
    whole = sum((usage for usage, _ in windows), Usage())
    together = prices.of(whole, sum((days for _, days in windows), Decimal()))
    assert min(each) >= 0
    assert together == pytest.approx(sum(each), rel=Decimal("1e-20"), abs=Decimal("1e-20"))


def test_each_price_is_of_its_own_use() -> None:
    used = Usage(requests=2_000, bytes=3 * 10**9, busy_seconds=1_800)
    prices = Prices.model_validate(
        {"currency": "EUR", "per_request": 0.0004, "per_gigabyte": 0.05, "per_hour": 2,
         "per_month": 30}
    )  # fmt: skip
    cost = prices.cost([used, Usage()])
    assert cost.day == Decimal("0.8") + Decimal("0.15") + 1 + 1
    assert cost.month == Decimal("88.5")


@pytest.mark.parametrize(
    ("amount", "shown"), [("0", "0.00"), ("0.0004", "0.000400"), ("1234.5", "1,234.50")]
)
def test_a_small_amount_is_not_shown_as_nothing(amount: str, shown: str) -> None:
    assert money(Decimal(amount)) == shown


@pytest.mark.parametrize(
    "wrong",
    [
        {"currency": "EUR"},
        {"currency": "EUR", "monthly_budget": 5},
        {"currency": "euro", "per_month": 1},
        {"currency": "EUR", "per_month": -1},
        {"currency": "EUR", "per_month": "NaN"},
        {"per_month": 1},
    ],
)
def test_prices_without_price_or_currency_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Prices.model_validate(wrong)


def source(folder: Path, cost: object, connector: str = "rest") -> SourceDefinition:
    (folder / "shop").mkdir()
    config = {"base_url": "https://shop.example"}
    options: dict[str, object] = {"path": "orders"}
    if connector == "sql":
        config, options = {"url": "sqlite://"}, {"table": "orders", "cursor": "id", "key": ["id"]}
    streams = [
        {"stream": name, "topic": f"shop.{name}", "options": options, "identity": ["id"],
         "columns": {"id": "id"}}
        for name in ("orders", "lines")
    ]  # fmt: skip
    attributes = {
        "source": "shop", "connector": connector, "owner": "team:shop", "config": config,
        "streams": streams, **({"cost": cost} if cost else {}),
    }  # fmt: skip
    path = folder / "shop" / "defs.yaml"
    component = "platform_assets.graph.sources.Source"
    path.write_text(yaml.safe_dump({"type": component, "attributes": attributes}))
    (document,) = read_all(path, SourceError, "source")
    return read_source(document)


@pytest.mark.parametrize(("budget", "health"), [(14, Health.WARNING), (15, Health.GOOD)])
def test_a_month_above_its_budget_is_a_warning_with_both_amounts(
    tmp_path: Path, budget: int, health: Health
) -> None:
    cost = {"currency": "USD", "per_request": 0.001, "monthly_budget": budget}
    shop = source(tmp_path, cost)
    streams = of_source(shop, read_well(shop), None)
    assert {one.health for one in streams} == {health}
    (row,) = summed(streams)
    assert (row["requests_day"], row["cost_day"]) == (500, Decimal("0.5"))
    assert (row["cost_month"], row["currency"]) == (15, "USD")
    said = "a month costs 15.00 USD at this rate; the budget is 14.00"
    assert row["why"] == (said if budget == 14 else "")


def read_well(shop: SourceDefinition) -> dict[tuple[str, str], StreamState]:
    """A good read a moment ago, of two streams with 500 requests in a day."""
    return {
        ("shop", name): StreamState(
            "shop", name, f"shop.{name}", read_at=datetime.now(UTC), day=Usage(requests, 10**6, 3)
        )
        for name, requests in zip(shop.options, (200, 300), strict=True)
    }


def test_without_a_price_there_is_no_amount_and_without_http_no_requests(tmp_path: Path) -> None:
    shop = source(tmp_path, None, "sql")
    (row,) = summed(of_source(shop, read_well(shop), None))
    assert row["health"] == "good"
    assert [row[name] for name in ("requests_day", "cost_day", "cost_month", "currency")] == [
        None
    ] * 4


def test_a_price_for_requests_that_nobody_counts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"`cost.per_request`: requests of sql are not counted"):
        source(tmp_path, {"currency": "EUR", "per_request": 1}, "sql")
