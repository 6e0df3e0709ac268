"""Units: from the contract through the SQL of gold and of a KPI, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.contracts.load import ContractError, load_contract, load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TableName
from platform_assets.gold.columns import definitions, leaf, leaf_of
from platform_assets.gold.mart_units import gold_units
from platform_assets.gold.units import (
    UnitError,
    check_stated,
    is_currency,
    measure_of,
    measured_in,
    silver_units,
)
from reports.definition import DefinitionError, load_definition

UNITS = {
    "eur": "EUR", "gbp": "GBP", "kw": "kW", "ms": "ms", "kwh": "kWh", "count": "", "code": "",
    "amount": "by code", "celsius": "°C", "bar": "bar",
}  # fmt: skip
TABLE = TableName("silver", "shop", "t")
UNION = "select eur as m from t union all select gbp from t"


def _unit(sql: str, stated: str = "") -> str:
    """The unit of the first column of a select over ``t``."""
    found = definitions(sql, {"t": {name: leaf(TABLE, name) for name in UNITS}})
    measure = measure_of(
        next(iter(found.values())), lambda column: measured_in(UNITS[leaf_of(column)[1]])
    )
    if stated:
        check_stated(stated, measure)
    return measure.unit


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("sum(eur)", "EUR"),
        ("cast(sum(cast(eur as decimal(18, 4))) as double)", "EUR"),
        ("sum(eur) / count(*)", "EUR"),
        ("sum(eur) / nullif(sum(count), 0)", "EUR"),
        ("sum(count * eur)", "EUR"),
        ("sum(eur) / sum(eur)", ""),
        ("100e0 * sum(eur) / nullif(sum(eur), 0)", ""),
        ("coalesce(sum(if(count > 1, eur)), 0)", "EUR"),
        ("sum(case when count > 1 then -eur else 0 end)", "EUR"),
        ("sum(eur * 0.81)", "EUR"),
        ("max(kw) - min(kw)", "kW"),
        ("approx_percentile(ms, 0.95)", "ms"),
        ("stddev(eur)", "EUR"),
        ("sum(kw * 1000)", ""),
        ("count(eur)", ""),
        ("count_if(eur > 5)", ""),
        ("sum(if(code = 'EUR', amount))", "EUR"),
        ("sum(case when code = 'GBP' then amount end)", "GBP"),
        ("min_by(eur, ms)", "EUR"),
    ],
)
def test_a_unit_follows_the_expression(value: str, unit: str) -> None:
    assert _unit(f"select {value} as v from t") == unit


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select sum(eur) + sum(gbp) as v from t", "adds EUR and GBP"),
        ("select sum(eur - gbp) as v from t", "adds EUR and GBP"),
        ("select sum(kw) + sum(kwh) as v from t", "adds kW and kWh"),
        ("select coalesce(eur, gbp) as v from t", "puts in one column EUR and GBP"),
        ("select if(count > 1, eur, gbp) as v from t", "puts in one column EUR and GBP"),
        ("select case when count > 1 then eur else gbp end as v from t", "EUR and GBP"),
        ("select greatest(eur, gbp) as v from t", "EUR and GBP"),
        ("select count_if(eur > gbp) as v from t", "compares EUR and GBP"),
        ("select sum(eur) / sum(gbp) as v from t", "divides EUR and GBP"),
        ("select eur * gbp as v from t", "multiplies EUR and GBP"),
        ("select eur as v from t union all select gbp from t", "puts in one column EUR and GBP"),
        (
            f"with a as ({UNION}) select sum(m) as v from a",
            "puts in one column EUR and GBP",
        ),
        (
            f"with a as ({UNION}) select rank() over (order by m desc) as v from a",
            "puts in one column EUR and GBP",
        ),
        ("select (select max(eur) from t) - sum(gbp) as v from t", "adds EUR and GBP"),
        ("select sum(amount) as v from t", "whose unit differs"),
        ("select rank() over (order by amount) as v from t", "whose unit differs"),
        ("select max(if(code = 'EUR' or count > 1, amount)) as v from t", "whose unit differs"),
        ("select eur + amount as v from t", "adds EUR and by code"),
    ],
)
def test_two_units_do_not_mix(sql: str, told: str) -> None:
    with pytest.raises(UnitError, match=told):
        _unit(sql)


@pytest.mark.parametrize(
    ("value", "stated"),
    [
        ("sum(eur)", "EUR"), ("sum(kw * 1000)", "W"), ("sum(ms) / 1000", "s"),
        ("sum(ms) / 60000", "min"), ("sum(eur) / 1000", "k€"), ("sum(eur) * 100", "cents"),
        ("100 * sum(eur) / count(*)", "EUR"), ("count(*)", "orders"), ("sum(count)", "pieces"),
        ("100 * sum(eur) / sum(eur)", "%"), ("avg(kw) * 24", "kWh a day"),
        ("sum(celsius * 1.8 + 32)", "°F"), ("max(bar * 100)", "kPa"), ("sum(kwh) / 1000", "MWh"),
        ("sum(eur) / sum(kwh)", "EUR"),
    ],
)  # fmt: skip
def test_a_unit_that_fits_may_be_stated(value: str, stated: str) -> None:
    _unit(f"select {value} as v from t", stated)


@pytest.mark.parametrize(
    ("value", "stated"),
    [
        ("sum(eur)", "GBP"), ("sum(gbp)", "EUR"), ("sum(eur * 0.85)", "GBP"), ("sum(kw)", "kWh"),
        ("sum(kw)", "W"), ("sum(ms)", "s"), ("sum(kw * 1000)", "kW"), ("sum(kw * 1000)", "MW"),
        ("sum(ms) / 60", "s"), ("count(*)", "GBP"), ("sum(eur) / sum(eur)", "EUR"),
        ("sum(count)", "kWh"), ("sum(eur)", "%"), ("sum(eur)", "orders"),
        ("sum(eur) / 1000", "EUR"), ("sum(kw * count)", "EUR"), ("avg(celsius)", "°F"),
        ("sum(eur) / sum(kwh)", "GBP"),
    ],
)  # fmt: skip
def test_another_unit_is_refused(value: str, stated: str) -> None:
    with pytest.raises(UnitError, match=stated):
        _unit(f"select {value} as v from t", stated)


_EXPRESSIONS = st.recursive(
    st.sampled_from(["eur", "0", "eur * count"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", " - "]), inner).map(lambda p: f"({''.join(p)})"),
        inner.map(lambda one: f"coalesce({one}, 0)"),
        inner.map(lambda one: f"if(count > 1, {one}, 0)"),
        inner.map(lambda one: f"abs(-{one})"),
        st.tuples(inner, inner).map(lambda p: f"greatest({p[0]}, {p[1]})"),
    ),
    max_leaves=6,
)


@given(_EXPRESSIONS)
def test_whatever_is_computed_from_euros_alone_is_euro_or_bare(expression: str) -> None:
    unit = _unit(f"select sum({expression}) as v from t")
    assert unit == ("EUR" if "eur" in expression else "")
    with pytest.raises(UnitError):
        _unit(f"select sum({expression}) as v from t", "GBP")
    # One pound anywhere in it, and it is refused.
    if "eur" in expression:
        with pytest.raises(UnitError):
            _unit(f"select sum({expression} + gbp) as v from t")


def test_every_number_of_gold_has_the_unit_of_its_contract() -> None:
    found = gold_units(load_contracts().values())
    assert not [problem for units in found.values() for problem in units.problems.values()]
    assert (
        found[TableName("gold", "commerce", "revenue_per_hour")].of("total_revenue").unit == "EUR"
    )
    assert found[TableName("gold", "retail", "sales_per_hour")].of("net_sales").unit == "GBP"
    assert found[TableName("gold", "energy", "meter_rollup")].of("energy_kwh").unit == "kWh"
    for table, units in found.items():
        for column, measure in units.columns.items():
            assert not measure.origins or measure.unit, f"{table.sql}.{column}: state its unit"


def _in_pounds() -> list[Contract]:
    return [
        replace(
            contract,
            columns=tuple(
                replace(column, unit="GBP" if column.unit == "EUR" else column.unit)
                for column in contract.columns
            ),
        )
        for contract in load_contracts().values()
    ]


def test_a_model_that_states_another_unit_is_told_with_file_and_line() -> None:
    units = gold_units(_in_pounds())[TableName("gold", "commerce", "revenue_per_hour")]
    with pytest.raises(UnitError, match=r"commerce\.yml:\d+: column total_revenue: .* GBP"):
        units.of("total_revenue")
    assert units.of("purchases").unit == ""


REPORT = """
title: Sums
audience: Board
owner: board@weir.example
schedule: {{cron: "0 6 * * 1"}}
period: week
kpis:
  - id: total
    label: Total
    sql: rows.sql
    value: {value}
    {unit}
headline: [total]
sections: [{{id: all, heading: All, kpis: [total]}}]
"""
ONLINE = """
select event_date as day, total_revenue, purchases
from {{ table('gold.commerce.revenue_per_hour') }}
"""
BOTH = """
select a.event_date as day, a.total_revenue as eur, b.net_sales as gbp, a.purchases as n
from {{ table('gold.commerce.revenue_per_hour') }} as a
join {{ table('gold.retail.sales_per_hour') }} as b on b.event_date = a.event_date
"""


def _report(folder: Path, rows: str, value: str, unit: str = "") -> Path:
    (folder / "kpis").mkdir(parents=True, exist_ok=True)
    (folder / "kpis" / "rows.sql").write_text(rows)
    path = folder / "definitions" / "sums.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(REPORT.format(value=value, unit=f"unit: {unit}" if unit else ""))
    return path


@pytest.mark.parametrize(
    ("rows", "value", "unit"),
    [
        (ONLINE, "sum(total_revenue)", "EUR"),
        (ONLINE, "sum(total_revenue) / nullif(sum(purchases), 0)", "EUR"),
        (BOTH, "sum(gbp)", "GBP"),
        (ONLINE, "sum(purchases)", ""),
    ],
)
def test_a_kpi_takes_the_unit_of_its_columns(tmp_path, rows, value, unit) -> None:
    kpi = load_definition(_report(tmp_path, rows, value)).kpis[0]
    assert kpi.unit == unit


@pytest.mark.parametrize(
    ("rows", "value", "unit", "told"),
    [
        (ONLINE, "sum(total_revenue)", "GBP", "computed from EUR, not GBP"),
        (ONLINE, "sum(total_revenue)", "kWh", "in EUR, not kWh"),
        (ONLINE, "sum(purchases)", "EUR", "bare number"),
        (BOTH, "sum(eur) + sum(gbp)", "EUR", "adds EUR and GBP"),
        (BOTH, "sum(eur - gbp)", "", "adds EUR and GBP"),
        (BOTH, "sum(eur) / sum(gbp)", '"%"', "divides EUR and GBP"),
        (BOTH, "max(greatest(eur, gbp))", "", "puts in one column EUR and GBP"),
    ],
)
def test_a_kpi_with_another_unit_is_refused_with_its_line(
    tmp_path, rows, value, unit, told
) -> None:
    path = _report(tmp_path, rows, value, unit)
    line = (
        path.read_text().splitlines().index(f"    unit: {unit}" if unit else f"    value: {value}")
    )
    with pytest.raises(DefinitionError, match=told) as refused:
        load_definition(path)
    assert f"{path}:{line + 1}" in str(refused.value)


def test_a_kpi_may_not_show_personal_data(tmp_path) -> None:
    rows = "select valid_from as day, email from {{ table('gold.staging.stg_customers') }}"
    with pytest.raises(DefinitionError, match="personal data"):
        load_definition(_report(tmp_path, rows, "max(email)"))


def test_a_unit_is_read_from_the_contract() -> None:
    contracts = {str(one.topic): one for one in load_contracts().values()}
    clicks, payments = contracts["commerce.clickstream"], contracts["payments.tender_transactions"]
    assert payments.column("amount").unit_column == "currency"
    assert silver_units([clicks])(clicks.topic.silver, "price") == measured_in("EUR")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("customProperties: [{property: units, value: EUR}]", "unknown property 'units'"),
        ("customProperties: [{property: unit, value: 3}]", "expected a word"),
        ("customProperties: [{property: unitColumn, value: nothing}]", "no string column"),
        (
            "customProperties: [{property: unit, value: EUR}, {property: unitColumn, value: code}]",
            "both",
        ),
    ],
)
def test_a_malformed_unit_is_refused_with_its_line(tmp_path, line, told) -> None:
    path = tmp_path / "shop.orders.yaml"
    path.write_text(
        "apiVersion: v3.2.0\nkind: DataContract\nstatus: active\nschema:\n- name: orders\n"
        "  properties:\n  - {name: timestamp, logicalType: timestamp}\n"
        "  - {name: code, logicalType: string}\n  - name: price\n    logicalType: number\n"
        f"    {line}\n"
    )
    with pytest.raises(ContractError, match=told) as refused:
        load_contract(path)
    assert f"{path}:" in str(refused.value)


def test_currencies_are_those_of_iso_4217() -> None:
    assert is_currency("EUR")
    assert is_currency("JPY")
    assert not is_currency("kWh")
    assert not is_currency("orders")
