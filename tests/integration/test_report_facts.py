"""Facts on a real Trino: a report that is YAML and SQL only, its snapshots, and its rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from platform_assets.cli.reports import show_facts
from platform_assets.core.naming import TableName
from platform_assets.core.settings import Settings
from platform_assets.core.trino import execute
from reports.definition import Definition, load_definition
from reports.facts.collect import FactsError, collect, told_sections
from reports.facts.model import Fact, Kind
from reports.facts.query import to_decimal
from reports.periods import Grain, Period, midnight
from tests.trino_tables import show_to_analysts

DEFINITION = """\
title: Garden
audience: Gardeners
owner: garden@weir.example
schedule: {cron: "0 6 * * 1"}
period: week
kpis:
  - id: sales
    label: Sales
    sql: sales.sql
    value: sum(amount)
    unit: GBP
    compare: [previous, year_before]
    target: 900
    by: {column: plant, label: plants, top: 2}
    quiet_days: [sun]
  - id: mean
    label: Mean sale
    sql: sales.sql
    value: 1e0 * sum(amount) / count(*)
    unit: GBP
    decimals: 2
    quiet_days: [sun]
  - id: share
    label: Gift rate
    sql: sales.sql
    value: 100e0 * count_if(plant = 'lily') / count(*)
    unit: "%"
    quiet_days: [sun]
  - id: lost
    label: Lost
    sql: lost.sql
    value: count(*)
    unit: plants
headline: [sales, mean]
sections:
  - {id: sales, heading: Sales, kpis: [sales, mean, share, lost]}
"""
YOUNG = "  - id: young\n    label: Seedlings planted\n    sql: young.sql"
SALES = "select day, plant, amount from {{ table('gold.garden.sales') }} where amount < 1000"
WEEK = Period.parse("2026-W10", Grain.WEEK)
PLANTS = {"lily": 40, "o'hara tulip": 25, "oak": 9}


@pytest.fixture(scope="module")
def garden(trino_stack: Settings) -> Iterator[Settings]:
    """Eight weeks of sales, Mondays to Saturdays; the last week is 10 a day worse for lilies."""
    show_to_analysts(trino_stack, TableName("gold", "garden", "sales"))
    execute(trino_stack, "create schema if not exists gold.garden")
    execute(trino_stack, "create table gold.garden.sales (day date, plant varchar, amount integer)")
    rows = []
    for offset in range(8 * 7):
        day = WEEK.end - timedelta(days=offset + 1)
        if day.weekday() == 6:
            continue
        for plant, amount in PLANTS.items():
            worse = 10 if plant == "lily" and day >= WEEK.start else 0
            rows.append(
                f"(date '{day}', '{plant.replace(chr(39), chr(39) * 2)}', {amount - worse})"
            )
    execute(trino_stack, f"insert into gold.garden.sales values {', '.join(rows)}")
    yield trino_stack
    execute(trino_stack, "drop table gold.garden.sales")
    execute(trino_stack, "drop schema gold.garden")


@pytest.fixture(scope="module")
def definition(tmp_path_factory: pytest.TempPathFactory) -> Definition:
    folder = tmp_path_factory.mktemp("reports")
    (folder / "definitions").mkdir()
    (folder / "kpis").mkdir()
    (folder / "kpis" / "sales.sql").write_text(SALES)
    (folder / "kpis" / "lost.sql").write_text("select * from {{ table('gold.garden.lost') }}")
    path = folder / "definitions" / "garden.yaml"
    path.write_text(DEFINITION)
    return load_definition(path)


def facts(definition: Definition, settings: Settings, period: Period = WEEK) -> dict[str, Fact]:
    return {fact.id: fact for fact in collect(definition, period, settings).facts}


def test_facts_of_a_week(garden: Settings, definition: Definition) -> None:
    found = facts(definition, garden)
    values = {name: fact.value for name, fact in found.items()}
    assert values["sales"] == 6 * (30 + 25 + 9)
    assert values["sales.previous"] == 6 * (40 + 25 + 9)
    assert values["sales.difference.previous"] == -60
    assert values["sales.growth.previous"] == Decimal("-13.513514")
    assert values["sales.target"] == 900
    assert (values["sales.rank"], found["sales.rank"].among) == (8, 8)
    assert values["sales.plant.lily.contribution"] == -60
    assert values["sales.plant.o-hara-tulip.contribution"] == 0
    assert values["sales.plant.lily.share"] == Decimal("46.875")
    assert "sales.plant.oak" not in values
    trend = values["sales.trend"]
    assert trend is not None
    assert trend < 0
    assert values["share.difference.previous"] == 0
    assert found["share.difference.previous"].unit == "pp"
    assert "share.growth.previous" not in values


@pytest.mark.parametrize(
    ("zone", "column"),
    [("Europe/London", "hour"), ("Asia/Tokyo", "hour"), ("Asia/Kathmandu", "at"), ("UTC", "hour"),
     ("America/New_York", "at")],
)  # fmt: skip
def test_a_week_is_a_week_of_the_reports_zone(
    garden: Settings, tmp_path: Path, zone: str, column: str
) -> None:
    """A sale an hour or a quarter before and after each midnight of two weeks with a change."""
    week = Period.parse("2026-W13", Grain.WEEK)
    step = timedelta(minutes=60 if column == "hour" else 15)
    days = [week.start + timedelta(days=n) for n in range(-7, 8)]
    firsts = [midnight(day, zone) for day in days]
    moments = {at for first in firsts for at in (first - step, first)}
    table = f"gold.garden.{column}_{zone.replace('/', '_').lower()}"
    execute(garden, f"create table {table} (at timestamp(6) with time zone, amount integer)")
    values = ", ".join(f"(timestamp '{at:%Y-%m-%d %H:%M:%S} UTC', 1)" for at in sorted(moments))
    execute(garden, f"insert into {table} values {values}")
    (tmp_path / "definitions").mkdir()
    (tmp_path / "kpis").mkdir()
    sql = f"select at as {column}, amount from {{{{ table('{table}') }}}}"
    (tmp_path / "kpis" / "sales.sql").write_text(sql)
    path = tmp_path / "definitions" / "zoned.yaml"
    schedule = f'schedule: {{cron: "0 6 * * 1", timezone: {zone}}}'
    path.write_text(f"""\
title: Zoned
audience: Gardeners
owner: garden@weir.example
{schedule}
period: week
kpis: [{{id: sales, label: Sales, sql: sales.sql, value: sum(amount)}}]
headline: [sales]
sections: [{{id: sales, heading: Sales, kpis: [sales]}}]
""")
    try:
        found = facts(load_definition(path), garden, week)
        start, end = week.bounds(zone)
        assert found["sales"].value == sum(1 for at in moments if start <= at < end) == 14
        assert found["sales.previous"].value == 14
        source = found["sales"].source
        assert source is not None
        assert execute(garden, source.sql).rows[0][0] == 14
        assert len(execute(garden, source.rows_sql).rows) == 14
    finally:
        execute(garden, f"drop table {table}")


def test_a_table_that_never_had_data_is_no_gap(garden: Settings, tmp_path: Path) -> None:
    for folder in ("definitions", "kpis"):
        (tmp_path / folder).mkdir()
    (tmp_path / "kpis" / "sales.sql").write_text(SALES)
    (tmp_path / "kpis" / "young.sql").write_text("select day from {{ table('gold.garden.young') }}")
    path = tmp_path / "definitions" / "garden.yaml"
    path.write_text(
        DEFINITION.replace("  - id: lost\n    label: Lost\n    sql: lost.sql", YOUNG)
        .replace(", lost]", "]")
        .rstrip()
        + "\n  - {id: seedlings, heading: Seedlings, kpis: [young]}\n"
    )
    definition = load_definition(path)
    execute(garden, "create table gold.garden.young (day date)")
    try:
        sheet = collect(definition, WEEK, garden)
        assert sheet.left_out == ("seedlings",)
        notices = [(notice.rule, notice.message) for notice in sheet.notices]
        assert notices == [("empty", "Seedlings: no data yet; left out")]
        assert [one.id for one in told_sections(definition, sheet)] == ["sales"]
        # Rows of another week: the report has a gap, as it has when rows were lost.
        execute(garden, f"insert into gold.garden.young values date '{WEEK.shift(-1).start}'")
        for statement in ("select 1", "delete from gold.garden.young"):
            execute(garden, statement)
            sheet = collect(definition, WEEK, garden)
            notices = [(notice.rule, notice.message) for notice in sheet.notices]
            assert notices == [("gap", f"Seedlings: no data for {WEEK.key}; left out")]
    finally:
        execute(garden, "drop table gold.garden.young")


def test_what_is_missing_is_a_gap(garden: Settings, definition: Definition) -> None:
    sheet = collect(definition, WEEK, garden)
    gaps = {fact.id: fact.gap for fact in sheet.facts if fact.value is None}
    assert gaps == {
        "sales.year_before": "no data for 2025-W10",
        "lost": "table gold.garden.lost does not exist",
    }
    assert [notice.rule for notice in sheet.notices] == ["gap"]
    empty = collect(definition, WEEK.shift(-30), garden)
    assert all(fact.value is None for fact in empty.facts)
    assert empty.headline == ()


def test_every_value_is_what_its_statement_gives(garden: Settings, definition: Definition) -> None:
    checked = 0
    for fact in facts(definition, garden).values():
        if fact.source is None or fact.kind is Kind.TREND:
            continue
        found = to_decimal(execute(garden, fact.source.sql, "analyst").rows[0][0])
        assert found is not None
        # What is computed from two values starts from their six places.
        tolerance = Decimal("0.0001") if fact.derivation else 0
        assert abs(found - (fact.value or 0)) <= tolerance, fact
        checked += 1
    assert checked >= 20


def test_the_rows_behind_a_value_add_up_to_it(garden: Settings, definition: Definition) -> None:
    found = facts(definition, garden)
    for name in ("sales", "sales.plant.lily", "sales.plant.o-hara-tulip", "sales.previous"):
        source = found[name].source
        assert source is not None
        rows = execute(garden, source.rows_sql, "analyst").rows
        assert sum(row[2] for row in rows) == found[name].value
        assert len(rows) == (18 if "plant" not in name else 6)


def test_a_snapshot_is_read_again_after_the_table_changed(
    garden: Settings, definition: Definition
) -> None:
    before = collect(definition, WEEK, garden)
    execute(garden, f"insert into gold.garden.sales values (date '{WEEK.start}', 'fern', 500)")
    after = collect(definition, WEEK, garden)
    again = collect(definition, WEEK, garden, snapshots=before.snapshots)
    assert again == before
    assert after.facts[0].value == (before.facts[0].value or 0) + 500


def test_late_and_thin_weeks_say_so(garden: Settings, definition: Definition) -> None:
    later = WEEK.shift(1)
    execute(garden, f"insert into gold.garden.sales values (date '{later.start}', 'oak', 5)")
    sheet = collect(definition, later, garden)
    words = {notice.message for notice in sheet.notices if notice.message.startswith("Sales")}
    assert words == {
        "Sales, Mean sale, Gift rate: rows end on 2026-03-09, the period on 2026-03-14",
        "Sales, Mean sale, Gift rate: rows on 1 of 6 expected days",
    }
    assert "sales" in sheet.late
    ids = {fact.id for fact in sheet.facts}
    assert "sales.previous" in ids
    assert not {"sales.growth.previous", "sales.rank", "sales.trend"} & ids


def test_a_dry_run_shows_what_a_person_wants_and_counts_the_rest(
    garden: Settings, definition: Definition, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = collect(definition, WEEK, garden)
    show_facts(definition, WEEK, garden)
    shown = capsys.readouterr().out
    points = [fact for fact in sheet.facts if fact.is_point]
    assert {fact.kpi for fact in points} == {"sales", "mean", "share"}
    assert f"and {len(points)} values of earlier periods" in shown
    assert ".at." not in shown
    assert shown.count("\nsales") == sum(
        fact.kpi == "sales" and not fact.is_point for fact in sheet.facts
    )


def test_refused_sql_names_the_kpi(garden: Settings, definition: Definition) -> None:
    wrong = definition.kpis[0].model_copy(update={"value": "sum(amont)"})
    broken = definition.model_copy(update={"kpis": (wrong, *definition.kpis[1:])})
    with pytest.raises(FactsError, match=r"garden: KPI sales \(sales.sql\): .*amont"):
        collect(broken, WEEK, garden)
