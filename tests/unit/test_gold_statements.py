"""A model's statement, rendered once, is filled in with the dates of each step."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from platform_assets.gold.statements import Statement, session_properties

ORDERS, VISITS = "0001-01-01", "0001-01-02"
MARKS = {ORDERS: "shop_orders", VISITS: "web_visits"}
DAYS = st.lists(st.dates(date(1970, 1, 1), date(2100, 1, 1)).map(date.isoformat), max_size=5)


def listed(*days: str) -> str:
    return "in (" + ", ".join(f"date '{day}'" for day in sorted(set(days))) + ")"


@given(DAYS, DAYS)
def test_each_list_gets_the_dates_of_its_topics(orders: list[str], visits: list[str]) -> None:
    text = (
        f"merge into t using (select 1 from a where d {listed(ORDERS)}\n"
        f"and e {listed(ORDERS, VISITS)} and f in (date '2026-01-01') and g in ('x')) on "
        f"t.d {listed(VISITS)}"
    )
    filled = Statement(text, MARKS).for_dates({"shop_orders": orders, "web_visits": visits})
    assert filled == (
        f"merge into t using (select 1 from a where d {listed(*orders or [ORDERS])}\n"
        f"and e {listed(*([*orders, *visits] or [ORDERS]))} and f in (date '2026-01-01') "
        f"and g in ('x')) on t.d {listed(*visits or [VISITS])}"
    )


def test_a_topic_that_did_not_change_keeps_a_date_that_no_row_has() -> None:
    statement = Statement(f"where d {listed(ORDERS, VISITS)}", MARKS)
    assert statement.for_dates({"web_visits": ["2026-03-01"]}) == "where d in (date '2026-03-01')"
    assert statement.for_dates({}) == f"where d {listed(ORDERS)}"


def test_a_step_runs_with_the_session_that_dbt_would_use() -> None:
    session = session_properties("fresh")
    assert session["task_concurrency"] == "1"
    assert session["scale_writers"] == "false"
