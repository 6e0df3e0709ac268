"""Gold on a real Trino: figures against Polars on the same rows, late and removed ones too."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import polars as pl
import pytest
from dagster import AssetCheckSeverity
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from platform_assets.cli.app import build
from platform_assets.contracts import load
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.trino import TrinoQueryError, execute
from platform_assets.gold import access, held
from platform_assets.gold.bootstrap import bootstrap, protect_tables
from platform_assets.gold.follow import Follower
from platform_assets.gold.register import register_tables
from platform_assets.gold.results import row_counts, tables
from platform_assets.graph.checks.gold import gold_models, gold_suite_check
from platform_assets.streaming.ledger import Ledger
from platform_assets.streaming.ledger_database import ledger_database
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
    "products_per_hour",
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
    assert len(counts) == 12
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
    sold = ~pl.col("cancelled") & (pl.col("quantity") > 0)
    want = (
        lines.group_by(pl.col("invoice_date").dt.truncate("1h").alias("hour"), "country")
        .agg(
            pl.col("amount").filter(sold).sum()
            .alias("gross_sales"),
            (-pl.col("amount").filter("cancelled").sum()).alias("returns"),
        )
    )  # fmt: skip
    found = lake.query("select hour, country, gross_sales, returns from gold.retail.sales_per_hour")
    assert_frame_equal(
        pl.DataFrame(found, schema=want.schema, orient="row"), want,
        check_row_order=False, abs_tol=1e-4,
    )  # fmt: skip
    # Invoices of the test's lake go on for days: each is one order of a date, not of each hour.
    orders = (
        lines.filter(sold)
        .group_by("event_date", "country")
        .agg(pl.col("invoice_no").n_unique().cast(pl.Int64()).alias("orders"))
    )
    found = lake.query(
        "select event_date, country, sum(orders) from gold.retail.sales_per_hour "
        "group by 1, 2 having sum(orders) > 0"
    )
    assert_frame_equal(
        pl.DataFrame(found, schema=orders.schema, orient="row"), orders, check_row_order=False
    )
    reviews = lake.frames[TopicName("feedback", "reviews")]
    assert lake.query(
        "select sum(reviews), sum(rating_5), sum(tickets) from gold.feedback.feedback_daily"
    ) == [(reviews.height, (reviews["rating"] == 5).sum(), 400)]


def test_rfm_counts_the_buyers_of_each_shop(lake, gold) -> None:
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
    assert lake.query("select count(*) from gold.commerce.customer_rfm") == [(want.height,)]
    lines = lake.frames[TopicName("retail", "invoice_lines")].filter(
        pl.col("customer_id").is_not_null()
        & ((pl.col("quantity") > 0) | pl.col("invoice_no").str.starts_with("C"))
    )
    spent = lines.group_by("customer_id").agg(
        (pl.col("quantity") * pl.col("unit_price")).sum().alias("monetary")
    )
    found = lake.query("select customer_id, monetary from gold.retail.wholesale_rfm")
    assert_frame_equal(
        pl.DataFrame(found, schema=spent.schema, orient="row"), spent,
        check_row_order=False, abs_tol=1e-4,
    )  # fmt: skip


def test_step_follows_late_rows_and_removals(lake, gold) -> None:
    clicks = lake.frames[CLICKS]
    contract = lake.contracts[CLICKS]
    late_day, gone_day = gold_rows.FIRST.date(), (gold_rows.FIRST + timedelta(days=2)).date()
    late = gold_rows.frame(
        contract,
        [
            row | {"timestamp": gold_rows.FIRST + timedelta(hours=4, minutes=30)}
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


def test_a_filled_statement_is_what_dbt_makes_for_those_dates(lake, gold) -> None:
    dates = {CLICKS.slug: ["2026-03-02", "2026-03-01"], "energy_meter_readings": ["2026-03-04"]}
    statements = dict(gold.statements())
    gold._run_dbt(
        tuple(statements), {"fresh": True, "render_only": True, "changed_dates": dates}, {}, {}
    )
    written = {
        path.stem: path for path in (lake.settings.home / "dbt" / "fresh" / "run").rglob("*.sql")
    }
    for name in ("revenue_per_hour", "conversion_rate", "meter_rollup"):
        assert "2026-03-0" in written[name].read_text()
        assert statements[name].for_dates(dates).split() == written[name].read_text().split()


def test_a_run_without_dates_corrects_everything(lake, gold) -> None:
    contract = lake.contracts[CLICKS]
    lake.put(CLICKS, gold_rows.frame(contract, gold_rows.rows(contract, 900, seed=5)))
    gold.full()
    _assert_marts(lake, ALL)


def _changed(lake, topic: TopicName, days) -> None:
    """Tell the ledger of event dates whose silver rows changed."""
    with ledger_database(lake.settings).borrow() as connection:
        for day in days:
            connection.execute(
                """insert into silver_change (topic, seq, event_date)
                   select %s, coalesce(max(seq), 0) + 1, %s from silver_change where topic = %s""",
                (str(topic), day, str(topic)),
            )


def test_a_value_that_one_model_cannot_hold_holds_back_that_model(lake, gold, monkeypatch) -> None:
    monkeypatch.setattr(held, "FIRST_PAUSE_SECONDS", 0.0)
    day, other = gold_rows.FIRST.date(), (gold_rows.FIRST + timedelta(days=1)).date()
    meters, fine = TopicName("energy", "meter_readings"), lake.frames[CLICKS]
    models, ledger = held.HeldModels(lake.settings), Ledger(lake.settings)
    short: set[TopicName] = set()

    def follow() -> Follower:
        return Follower(
            [CLICKS, meters], gold, ledger, models,
            show=lambda: bootstrap(lake.settings), short=short.intersection,
        )  # fmt: skip

    follower = follow()
    # As it came before the contract had bounds: a purchase that decimal(18, 4) cannot hold.
    too_large = pl.when(pl.int_range(pl.len()) == 0).then(1e15).otherwise(pl.col("price"))
    bad = fine.filter((pl.col("event_type") == "purchase") & (pl.col("event_date") == day))
    lake.put(CLICKS, pl.concat([fine, bad.head(1).with_columns(too_large.alias("price"))]))
    _changed(lake, CLICKS, [day, other])
    _changed(lake, meters, [day])

    turn = follower.turn()
    assert turn is not None
    assert set(turn.held) == {"revenue_per_hour"}
    assert set(turn.rows) == {"active_users_per_hour", "conversion_rate", "meter_rollup"}
    have = lake.query(
        "select sum(events) from gold.commerce.active_users_per_hour "
        f"where event_date = date '{day}'"
    )
    assert have == [(fine.filter(pl.col("event_date") == day).height + 1,)]
    (row,) = models.rows()
    assert (row.model, row.failures) == ("revenue_per_hour", 1)
    assert "decimal" in row.reason.lower()
    monkeypatch.setattr("platform_assets.core.settings.get_settings", lambda: lake.settings)
    told = CliRunner().invoke(build(), ["streams", "--gold", "--json"])
    assert "revenue_per_hour" in told.output

    # It is tried again, and the others go on, also across a restart of the run.
    turn = follower.turn()
    assert turn is not None
    assert set(turn.held) == {"revenue_per_hour"}
    assert models.rows()[0].failures == 2
    monkeypatch.setattr(held, "FIRST_PAUSE_SECONDS", 3600.0)
    models.hold("revenue_per_hour", "later", 3)
    _changed(lake, CLICKS, [other])
    again = follow()
    turn = again.turn()
    assert turn is not None
    assert not turn.held
    assert set(turn.rows) == {"active_users_per_hour", "conversion_rate"}
    assert again.turn() is None

    # A topic whose silver must not be read waits by itself.
    short.add(CLICKS)
    _changed(lake, CLICKS, [day])
    _changed(lake, meters, [day])
    turn = again.turn()
    assert turn is not None
    assert set(turn.rows) == {"meter_rollup"}
    short.clear()
    again = follow()
    turn = again.turn()
    assert turn is not None
    assert set(turn.rows) == {"active_users_per_hour", "conversion_rate"}

    # The row is gone: the model catches up on every date that it missed.
    lake.put(CLICKS, fine)
    _changed(lake, CLICKS, [day])
    models.try_now("revenue_per_hour")
    turn = again.turn()
    assert turn is not None
    assert turn.released == ("revenue_per_hour",)
    assert set(turn.dates[CLICKS]) == {day, other}
    assert models.rows() == []
    assert again.turn() is not None
    assert again.turn() is None
    _assert_marts(lake, ("revenue_per_hour", "active_users_per_hour", "conversion_rate"))
    models.close()


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


def test_what_never_had_data_is_not_broken_and_what_lost_it_is(lake, gold, monkeypatch) -> None:
    published = 0
    monkeypatch.setattr(Ledger, "totals", lambda *_: SimpleNamespace(published=published))
    models = {model.table.entity: model for model in gold_models()}
    model = models["sales_per_hour"]

    def make() -> None:
        assert gold._run_retrying(("sales_per_hour",), {})[0].keys() == {"sales_per_hour"}

    lake.query("drop table gold.retail.sales_per_hour")
    lines = TopicName("retail", "invoice_lines")
    held_back = lake.frames[lines]
    lake.put(lines, held_back.clear())
    make()
    new = gold_suite_check(lake.settings, model)
    assert new.passed
    assert "no data yet" in (new.description or "")
    published = 5
    swallowed = gold_suite_check(lake.settings, model)
    assert not swallowed.passed
    assert swallowed.severity is AssetCheckSeverity.WARN
    lake.put(lines, held_back)
    make()
    assert gold_suite_check(lake.settings, model).passed
    lake.query("delete from gold.retail.sales_per_hour")
    published = 0
    lost = gold_suite_check(lake.settings, model)
    assert not lost.passed
    assert lost.severity is AssetCheckSeverity.ERROR
    make()


def test_others_see_nothing(lake) -> None:
    with pytest.raises(TrinoQueryError, match="Access Denied"):
        lake.query("select 1", "somebody")


ORDERS = TopicName("shop", "orders")
ORDERS_CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: weir:shop.orders
version: 1.0.0
status: active
domain: shop
schema:
- name: orders
  properties:
  - {name: event_id, logicalType: string, primaryKey: true}
  - {name: phone, logicalType: string, classification: pii}
  - {name: note, logicalType: string}
  - {name: timestamp, logicalType: timestamp}
"""


@pytest.fixture
def contracts_folder(lake, monkeypatch, tmp_path):
    """A copy of the lake's contracts that a test may change; the rules are the lake's after."""
    folder = tmp_path / "contracts"
    shutil.copytree(load.CONTRACTS, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    with monkeypatch.context() as patched:
        patched.setattr(load, "CONTRACTS", folder)
        load_contracts.cache_clear()
        yield folder
    load_contracts.cache_clear()
    bootstrap(lake.settings)


def _refused(lake, sql: str) -> bool:
    try:
        lake.query(sql, "analyst")
    except TrinoQueryError as error:
        return error.name in ("PERMISSION_DENIED", "COLUMN_NOT_FOUND", "TABLE_NOT_FOUND")
    return False


def test_a_new_contract_is_hidden_before_it_is_shown(lake, gold, contracts_folder) -> None:
    file = contracts_folder / f"{ORDERS}.yaml"
    file.write_text(ORDERS_CONTRACT)
    contract = load.load_contract(file)
    day = pl.Series([datetime(2026, 11, 1, tzinfo=UTC)]).dt.cast_time_unit("us")
    data = pl.DataFrame(
        {"event_id": ["a"], "phone": ["+44 20"], "note": ["ring +44 20"], "timestamp": day}
    ).with_columns(pl.col("timestamp").dt.date().alias("event_date"))
    raw = data.with_columns(
        pl.lit(b"+44 20").alias("kafka_value"), pl.lit("+44 20").alias("reason")
    )
    gold_rows.write(lake.root, ORDERS.silver, data)
    gold_rows.write(lake.root, ORDERS.bronze, raw)
    gold_rows.write(lake.root, ORDERS.quarantine, raw)
    personal = [
        f"select phone from {ORDERS.silver.sql}",
        f"select phone from {ORDERS.silver.sql} for version as of 0",
        f"select phone from {ORDERS.silver.sql}_public",
        f"select phone from {ORDERS.bronze.sql}",
        f"select kafka_value from {ORDERS.bronze.sql}",
        f"select kafka_value from {ORDERS.quarantine.sql}",
        f"select reason from {ORDERS.quarantine.sql}",
        'select * from silver.shop."orders$history"',
        'select * from silver.shop."orders$properties"',
        "select user_id from gold.commerce.sessions",
    ]
    note = f"select note from {ORDERS.silver.sql}"
    old_view = f"{note}_public"

    # Whoever registers without the rules shows nothing.
    register_tables(lake.settings, [contract])
    assert _refused(lake, note)

    bootstrap(lake.settings)
    assert [sql for sql in personal[:-1] if not _refused(lake, sql)] == []
    assert lake.query(note, "analyst") == lake.query(old_view, "analyst") == [("ring +44 20",)]
    assert not _refused(lake, personal[-1])
    stats = lake.query(f"show stats for {ORDERS.silver.sql}", "analyst")
    assert "phone" not in {row[0] for row in stats}

    # A column becomes personal in tables that are shown already; a view made before that is shown
    # no longer either, nor what gold computes from such a column.
    file.write_text(
        ORDERS_CONTRACT.replace("note, logicalType", "note, classification: pii, logicalType")
    )
    clicks = contracts_folder / f"{CLICKS}.yaml"
    clicks.write_text(
        clicks.read_text().replace("name: user_id\n", "name: user_id\n    classification: pii\n")
    )
    assert not protect_tables(lake.settings)
    assert [sql for sql in (*personal, note, old_view) if not _refused(lake, sql)] == []
    assert lake.query("select count(events) from gold.commerce.sessions", "analyst")[0][0] > 0

    # A column leaves its contract: its values stay in the tables, and hidden.
    file.write_text("\n".join(line for line in ORDERS_CONTRACT.splitlines() if "phone" not in line))
    bootstrap(lake.settings)
    assert [sql for sql in personal[:-1] if not _refused(lake, sql)] == []
    assert lake.query(note, "analyst") == [("ring +44 20",)]

    # The contract goes: its tables are what nothing names.
    file.unlink()
    bootstrap(lake.settings)
    assert _refused(lake, note)


def test_rules_that_trino_does_not_follow_show_nothing(lake, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(access, "EFFECT_SECONDS", 0.5)
    monkeypatch.setattr("platform_assets.local.trino.etc_dir", lambda _: tmp_path)
    monkeypatch.setattr(access, "ANALYST", "somebody")
    with pytest.raises(access.RulesNotInEffectError, match="does not follow"):
        bootstrap(lake.settings)
    assert protect_tables(lake.settings)


def test_public_view_follows_a_new_column(lake, contracts_folder) -> None:
    topic = TopicName("commerce", "customers")
    file = contracts_folder / f"{topic}.yaml"
    file.write_text(file.read_text() + "  - {name: tier, logicalType: string}\n")
    wider = lake.frames[topic].with_columns(pl.lit("gold").alias("tier"))
    wider.write_delta(
        str(lake.root / topic.silver.path), mode="overwrite",
        delta_write_options={"schema_mode": "overwrite"},
    )  # fmt: skip
    bootstrap(lake.settings)
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
