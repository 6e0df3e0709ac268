"""Gold on a real Trino: figures against Polars on the same rows, late and removed ones too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from platform_assets.core.naming import TopicName
from platform_assets.core.trino import TrinoQueryError, execute
from platform_assets.gold.register import register_tables
from platform_assets.gold.results import row_counts, tables
from tests.integration import gold_rows
from tests.integration.gold_lake import CLICKS, Lake


def _assert_marts(lake: Lake, names) -> None:
    for name, want in gold_rows.expected(lake.frames[CLICKS]).items():
        if name in names:
            have = lake.mart(name, want)
            assert_frame_equal(
                have, want, check_row_order=False, check_column_order=False, abs_tol=1e-4
            )


ALL = (
    "revenue_per_hour", "active_users_per_hour", "conversion_rate", "sessions",
    "product_performance",
)  # fmt: skip


def test_registration_is_idempotent_and_lists_tables(lake) -> None:
    assert register_tables(lake.settings, lake.contracts.values()) == []
    assert lake.query("select count(*) from silver.commerce.clickstream") == [(1500,)]
    listed = lake.query("show tables from silver.commerce")
    assert ("clickstream",) in listed
    assert ("customers_public",) in listed


def test_marts_equal_polars(lake, gold) -> None:
    _assert_marts(lake, ALL)
    counts = row_counts(lake.settings)
    assert set(counts) >= {f"commerce.{name}" for name in ALL}
    assert len(counts) == 10
    assert all(counts.values())


def test_rollups_sales_and_feedback_equal_polars(lake, gold) -> None:
    meters = lake.frames[TopicName("energy", "meter_readings")]
    have = lake.query(
        "select sum(readings), sum(faults), count(*), max(max_power_kw) "
        "from gold.energy.meter_rollup"
    )
    hours = meters.select("meter_id", pl.col("timestamp").dt.truncate("1h")).n_unique()
    assert have == [(meters.height, meters["fault"].count(), hours, meters["power_kw"].max())]
    lines = lake.frames[TopicName("retail", "invoice_lines")].with_columns(
        (pl.col("quantity") * pl.col("unit_price")).alias("amount"),
        pl.col("invoice_no").str.starts_with("C").alias("cancelled"),
    )
    want = (
        lines.group_by(pl.col("event_date").alias("sales_date"), "country")
        .agg(
            pl.col("amount").filter(~pl.col("cancelled") & (pl.col("quantity") > 0)).sum()
            .alias("gross_sales"),
            (-pl.col("amount").filter("cancelled").sum()).alias("returns"),
        )
    )  # fmt: skip
    found = lake.query(
        "select sales_date, country, gross_sales, returns from gold.retail.daily_sales_by_country"
    )
    assert_frame_equal(
        pl.DataFrame(found, schema=want.schema, orient="row"), want,
        check_row_order=False, abs_tol=1e-4,
    )  # fmt: skip
    reviews = lake.frames[TopicName("feedback", "reviews")]
    assert lake.query(
        "select sum(reviews), sum(rating_5), sum(tickets) from gold.feedback.feedback_daily"
    ) == [(reviews.height, (reviews["rating"] == 5).sum(), 400)]


def test_rfm_counts_buyers_of_both_channels(lake, gold) -> None:
    clicks = lake.frames[CLICKS]
    buyers = clicks.filter(pl.col("event_type") == "purchase")
    want = buyers.group_by("user_id").agg(
        (clicks["event_date"].max() - pl.col("event_date").max())
        .dt.total_days().alias("recency_days"),
        pl.len().cast(pl.Int64()).alias("frequency"),
        pl.col("price").sum().round(4).alias("monetary"),
    )  # fmt: skip
    found = lake.query(
        "select customer_id, recency_days, frequency, monetary "
        "from gold.commerce.customer_rfm where channel = 'web'"
    )
    assert_frame_equal(
        pl.DataFrame(found, schema=want.schema, orient="row"), want,
        check_row_order=False, abs_tol=1e-4,
    )  # fmt: skip
    assert lake.query(
        "select count(*) from gold.commerce.customer_rfm where channel = 'wholesale'"
    ) == [(3,)]


def test_step_follows_late_rows_and_removals(lake, gold) -> None:
    clicks = lake.frames[CLICKS]
    contract = lake.contracts[CLICKS]
    late_day, gone_day = gold_rows.FIRST.date(), (gold_rows.FIRST + timedelta(days=2)).date()
    late = gold_rows.frame(
        contract,
        [
            row | {"timestamp": datetime(2026, 10, 30, 4, 30, tzinfo=UTC)}
            for row in gold_rows.rows(contract, 20, seed=2)
        ],
    )
    hour = clicks.filter(pl.col("event_date") == gone_day)["timestamp"].dt.hour().min()
    gone = (pl.col("event_date") == gone_day) & (pl.col("timestamp").dt.hour() == hour)
    before = lake.query("select count(*) from gold.commerce.revenue_per_hour")
    lake.put(CLICKS, pl.concat([clicks.filter(~gone), late]))

    result = gold.step({CLICKS.slug: [late_day, gone_day]})

    assert set(result.models) == {"revenue_per_hour", "active_users_per_hour", "conversion_rate"}
    assert not result.everything
    assert result.rows["active_users_per_hour"] >= 2
    _assert_marts(lake, result.models)
    vanished = datetime.combine(gone_day, datetime.min.time(), UTC) + timedelta(hours=int(hour))
    stamp = f"timestamp '{vanished:%Y-%m-%d %H:%M:%S} UTC'"
    assert lake.query(
        f"select count(*) from gold.commerce.active_users_per_hour where hour = {stamp}"
    ) == [(0,)]

    # Time travel, in Iceberg and in Delta, still shows what was.
    snapshots = lake.query(
        'select snapshot_id from gold.commerce."revenue_per_hour$snapshots" order by committed_at'
    )
    assert len(snapshots) >= 2
    then = lake.query(
        f"select count(*) from gold.commerce.revenue_per_hour for version as of {snapshots[-2][0]}"
    )
    assert then == before
    assert lake.query("select count(*) from silver.commerce.clickstream for version as of 0") == [
        (1500,)
    ]


def test_step_that_names_only_some_dates_leaves_the_others(lake, gold) -> None:
    clicks = lake.frames[CLICKS]
    other = (gold_rows.FIRST + timedelta(days=3)).date()
    want = lake.query("select * from gold.commerce.revenue_per_hour order by hour")
    lake.put(CLICKS, clicks.filter(pl.col("event_date") != other))
    gold.step({CLICKS.slug: [gold_rows.FIRST.date()]})
    assert lake.query("select * from gold.commerce.revenue_per_hour order by hour") == want
    # A whole date gone, and the run told of it: its rows go.
    gold.step({CLICKS.slug: [other]})
    _assert_marts(lake, ("revenue_per_hour", "active_users_per_hour", "conversion_rate"))


def test_run_without_dates_mends_everything(lake, gold) -> None:
    contract = lake.contracts[CLICKS]
    lake.put(CLICKS, gold_rows.frame(contract, gold_rows.rows(contract, 900, seed=5)))
    gold.full()
    _assert_marts(lake, ALL)


@pytest.mark.parametrize(
    "sql",
    [
        "select email from silver.commerce.customers",
        "select name from silver.commerce.customers for version as of 0",
        "select body from silver.feedback.support_tickets",
        "select kafka_value from bronze.feedback.support_tickets",
        "select * from gold.staging.stg_customers",
        "select * from table(silver.system.table_changes('commerce', 'customers', 0))",
        "drop table gold.commerce.sessions",
        "delete from gold.commerce.sessions",
        "insert into gold.commerce.customer_rfm (channel) values ('x')",
        "create table gold.commerce.mine as select 1 as one",
        "call silver.system.unregister_table('commerce', 'customers')",
        "set session query_max_execution_time = '1d'",
    ],
)
def test_analyst_is_refused(lake, gold, sql) -> None:
    with pytest.raises(TrinoQueryError, match=r"Access Denied|not allowed"):
        lake.query(sql, "analyst")


def test_analyst_reads_the_rest(lake, gold) -> None:
    customers = execute(lake.settings, "select * from silver.commerce.customers", "analyst")
    assert len(customers.rows) == 30
    assert not {"name", "email"} & set(customers.columns)
    public = execute(lake.settings, "select * from silver.commerce.customers_public", "analyst")
    assert public.columns == customers.columns
    raw = execute(lake.settings, "select * from bronze.feedback.support_tickets", "analyst")
    assert not {"kafka_value", "kafka_key", "body", "email"} & set(raw.columns)
    open_raw = execute(lake.settings, "select * from bronze.commerce.clickstream", "analyst")
    assert "kafka_value" in open_raw.columns
    assert lake.query("select count(*) from gold.commerce.sessions", "analyst")[0][0] > 0


def test_others_see_nothing(lake) -> None:
    with pytest.raises(TrinoQueryError, match="Access Denied"):
        lake.query("select 1", "somebody")


def test_public_view_follows_a_new_column(lake) -> None:
    topic = TopicName("commerce", "customers")
    wider = lake.frames[topic].with_columns(pl.lit("gold").alias("tier"))
    wider.write_delta(
        str(lake.root / topic.silver.path), mode="overwrite",
        delta_write_options={"schema_mode": "overwrite"},
    )  # fmt: skip
    register_tables(lake.settings, lake.contracts.values())
    public = execute(lake.settings, "select * from silver.commerce.customers_public", "analyst")
    assert "tier" in public.columns


def test_step_makes_what_is_missing_and_no_more(lake, gold) -> None:
    lake.query("drop table gold.commerce.revenue_per_hour")
    lake.query("drop view gold.staging.stg_clickstream")
    lake.query("drop table gold.energy.meter_rollup")
    result = gold.step({CLICKS.slug: [gold_rows.FIRST.date()]})
    assert result.everything
    _assert_marts(lake, ("revenue_per_hour",))
    assert "energy.meter_rollup" not in tables(lake.settings)
