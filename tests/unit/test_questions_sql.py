"""SQL of a model before it may run: one SELECT over allowed tables, and nothing else."""

from __future__ import annotations

import pytest

from reports.questions.sql_check import ForbiddenSqlError, checked

TABLES = {"gold.retail.sales_per_hour", "gold.commerce.sessions"}


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select 1 from gold.retail.sales_per_hour", "LIMIT 1000"),
        ("select 1 from gold.retail.sales_per_hour limit 5;", "LIMIT 5"),
        ("select 1 from gold.retail.sales_per_hour limit 99999", "LIMIT 1000"),
        ("select 1 from gold.retail.sales_per_hour limit all", "LIMIT 1000"),
        ("select 1 from gold.retail.sales_per_hour fetch first 99999 rows only", "LIMIT 1000"),
        ("with a as (select * from gold.retail.sales_per_hour) select * from a", "WITH a"),
        ("select 1 from GOLD.retail.Sales_per_Hour -- ; drop table x", "LIMIT 1000"),
    ],
)
def test_a_select_is_bounded(sql: str, found: str) -> None:
    made = checked(sql, TABLES)
    assert found in made
    assert "--" not in made
    assert "99999" not in made


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("drop table gold.retail.sales_per_hour", "expected a SELECT"),
        ("insert into gold.retail.sales_per_hour select 1", "expected a SELECT"),
        ("create table x as select 1", "expected a SELECT"),
        ("call system.create_empty_partition()", "expected a SELECT"),
        ("set session a = 1", "expected a SELECT"),
        ("execute immediate 'drop table x'", "expected a SELECT"),
        ("explain analyze select 1 from gold.retail.sales_per_hour", "expected a SELECT"),
        ("select 1 from gold.retail.sales_per_hour; select 2", "one statement"),
        ("", "one statement"),
        ("select (", "not SQL"),
        ("select 1 as revenue", "reads no table"),
        ("select * from unnest(sequence(1, 9)) as t (n)", "reads no table"),
        ("select * from silver.commerce.customers", "not among those allowed"),
        ("select * from sales_per_hour", "not among those allowed"),
        ('select * from gold.retail."sales_per_hour$history"', "not among those allowed"),
        ("table silver.commerce.customers", "not among those allowed"),
        ("select 1 from gold.retail.sales_per_hour, system.runtime.queries", "not among"),
        (
            (
                "select (select max(email) from silver.commerce.customers) "
                "from gold.retail.sales_per_hour"
            ),
            "not among",
        ),
        (
            (
                "with customers as (select 1 as x from gold.retail.sales_per_hour) "
                "select * from silver.commerce.customers"
            ),
            "not among",
        ),
        (
            (
                "select 1 from gold.retail.sales_per_hour union all "
                "select 2 from silver.commerce.customers"
            ),
            "not among",
        ),
        ("select * from table(exclude_columns(input => table(x)))", "in place of a table"),
        ("select '" + "x" * 10_000 + "' from gold.retail.sales_per_hour", "characters"),
    ],
)
def test_anything_else_is_refused(sql: str, rule: str) -> None:
    with pytest.raises(ForbiddenSqlError, match=rule):
        checked(sql, TABLES)
