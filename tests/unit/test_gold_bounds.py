"""Every number that gold casts has bounds in its contract, and they fit."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from platform_assets.cli.app import build
from platform_assets.contracts.load import CONTRACTS, load_contracts, read_contracts
from platform_assets.contracts.model import Contract
from platform_assets.gold.bounds import limit_of, misfits
from platform_assets.gold.columns import read_models
from platform_assets.gold.review import misfitting, review

CLICKS = "commerce.clickstream"


def _contract(topic: str) -> Contract:
    return next(one for one in load_contracts().values() if str(one.topic) == topic)


def _without(contract: Contract, *rules: str) -> list[Contract]:
    """The lake's contracts, one of them without these rules."""
    kept = tuple(rule for rule in contract.rules if rule.name not in rules)
    return [
        replace(contract, rules=kept) if one.topic == contract.topic else one
        for one in load_contracts().values()
    ]


def test_the_shipped_contracts_fit_the_shipped_models() -> None:
    assert [str(fault.error) for fault in review(load_contracts().values())] == []


def test_limits_come_from_every_rule_that_always_holds() -> None:
    assert limit_of(_contract(CLICKS), "price") == 1e6
    assert limit_of(_contract("feedback.reviews"), "rating") == 5
    assert limit_of(_contract("retail.invoice_lines"), "quantity") == 100_000
    # A rule for views alone bounds no purchase.
    (contract,) = [
        one for one in _without(_contract(CLICKS), "price_range") if str(one.topic) == CLICKS
    ]
    assert limit_of(contract, "price") is None


@pytest.mark.parametrize(
    ("topic", "rule", "column"),
    [
        (CLICKS, "price_range", "price"),
        ("energy.meter_readings", "power_kw_range", "power_kw"),
        ("industry.machine_readings", "pressure_bar_range", "pressure_bar"),
        ("retail.invoice_lines", "unit_price_range", "unit_price"),
        ("retail.invoice_lines", "quantity_range", "quantity"),
    ],
)
def test_a_column_without_bounds_is_told_with_file_and_line(topic, rule, column) -> None:
    contract = _contract(topic)
    faults = misfitting(_without(contract, rule))
    assert faults
    lines = Path(contract.path).read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if f"name: {column}" in text)
    told = f"{contract.path}:{line}: column {column} "
    assert any(told in str(fault.error) for fault in faults)


@pytest.mark.parametrize(
    ("sql", "fits"),
    [
        ("select cast(price as decimal(18, 4)) as v from {t}", True),
        ("select cast(price as decimal(9, 4)) as v from {t}", False),
        ("select cast(price * 1000 as decimal(12, 4)) as v from {t}", False),
        ("select cast(price / 100 as decimal(9, 4)) as v from {t}", True),
        ("select cast(price * user_id as decimal(12, 2)) as v from {t}", False),
        ("select cast(price * user_id as decimal(18, 2)) as v from {t}", True),
        ("select cast(price as integer) as v from {t}", True),
        ("select cast(price as smallint) as v from {t}", False),
        ("select cast(sum(price) as decimal(18, 4)) as v from {t}", False),
        ("select cast(avg(price) as decimal(18, 4)) as v from {t}", True),
        ("select sum(user_id) as v from {t}", True),
        ("select sum(user_id * product_id * product_id) as v from {t}", False),
        ("select cast(sum(cast(price as decimal(18, 4))) as double) as v from {t}", True),
        ("with a as (select price as p from {t}) select cast(p as decimal(9, 4)) v from a", False),
    ],
)  # fmt: skip
def test_what_a_model_does_with_a_column_must_fit(tmp_path, sql, fits) -> None:
    (tmp_path / "marts" / "shop").mkdir(parents=True)
    source = "{{ source('silver_commerce', 'clickstream') }}"
    (tmp_path / "marts" / "shop" / "mine.sql").write_text(sql.replace("{t}", source))
    contracts = list(load_contracts().values())
    found = misfits(contracts, read_models(contracts, tmp_path).values())
    assert (found == []) is fits


def test_contracts_check_refuses_bounds_that_do_not_fit(tmp_path) -> None:
    path = tmp_path / f"{CLICKS}.yaml"
    shutil.copy(CONTRACTS / path.name, path)
    assert CliRunner().invoke(build(), ["contracts", "check", str(path)]).exit_code == 0
    path.write_text(path.read_text().replace("maximum: 1000000", "maximum: 1.0e+15"))
    assert read_contracts(tmp_path)
    answer = CliRunner().invoke(build(), ["contracts", "check", str(path)])
    assert answer.exit_code == 1
    assert "decimal(18, 4)" in answer.output.replace("\n", " ")
