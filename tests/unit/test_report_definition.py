"""Definitions that ship, and how wrong ones are refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from platform_assets.core.settings import REPOSITORY
from reports.definition import (
    _LANGUAGES,
    DefinitionError,
    load_definition,
    load_definitions,
    tables_of,
)
from reports.kpi_sql import time_column, with_days
from reports.narrative.languages import PHRASES
from reports.page.labels import _CATALOGUE

GOOD = """\
title: Garden
audience: Gardeners
owner: garden@weir.example
schedule: {cron: "0 6 1 * *"}
period: month
kpis:
  - id: sales
    label: Sales
    sql: sales.sql
    value: sum(amount)
    unit: GBP
    by: {column: plant, label: plants}
headline: [sales]
charts:
  - {id: plants, kind: ranking, kpi: sales}
sections:
  - id: sales
    heading: Sales
    kpis: [sales]
    charts: [plants]
"""
SQL = "select day, plant, amount from {{ table('gold.garden.sales') }}"


def write(folder: Path, text: str = GOOD, sql: str | None = SQL) -> Path:
    definitions = folder / "definitions"
    definitions.mkdir(parents=True)
    path = definitions / "garden.yaml"
    path.write_text(text)
    if sql is not None:
        (folder / "kpis").mkdir()
        (folder / "kpis" / "sales.sql").write_text(sql)
    return path


def test_what_ships_is_well_formed() -> None:
    shipped = load_definitions()
    assert set(shipped) == {"weekly-commerce", "daily-energy"}
    assert "gold.retail.sales_per_hour" in shipped["weekly-commerce"].tables()


def test_a_definition_knows_its_tables(tmp_path: Path) -> None:
    definition = load_definition(write(tmp_path))
    assert definition.name == "garden"
    assert definition.tables() == ("gold.garden.sales",)


def test_a_report_cannot_have_the_name_under_which_models_are_granted(tmp_path: Path) -> None:
    path = write(tmp_path)
    with pytest.raises(DefinitionError, match="'models' is the portal's word"):
        load_definition(path.rename(path.with_name("models.yaml")))


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("period: month", "period: fortnight", 5, "'day', 'week' or 'month'"),
        ("headline: [sales]", "headline: [profit]", 1, "no 'profit'; known: sales"),
        ("    unit: GBP\n", "    unit: GBP\n    colour: red\n", 12, "kpis.0.colour"),
        ('cron: "0 6 1 * *"', "cron: monthly", 4, "five cron fields"),
        ("value: sum(amount)", "value: avg(amount)", 7, "adds up"),
        ("title: Garden", "titel: Garden", 1, "title"),
        ("    sql: sales.sql", "    sql: other.sql", 9, "other.sql"),
        ("kind: ranking", "kind: pie", 15, "'trend', 'ranking' or 'contributions'"),
        ("period: month", "period: [month", 6, "no YAML"),
    ],
)
def test_a_wrong_definition_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(DefinitionError) as caught:
        load_definition(path)
    assert f"{path}:{line}: " in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("language", "known"),
    [("en-GB", True), ("de-CH", True), ("ja", True), ("fr", False), ("en-XX", False), ("", False)],
)
def test_a_language_may_have_a_region(tmp_path: Path, language: str, known: bool) -> None:
    text = GOOD.replace("period: month", f'language: "{language}"\nperiod: month', 1)
    assert "language:" not in GOOD
    if known:
        assert load_definition(write(tmp_path, text)).language == language
        return
    with pytest.raises(DefinitionError, match="expected en, de, ja, ar, or one with a region"):
        load_definition(write(tmp_path, text))


def test_a_language_is_one_that_the_template_writes_and_a_page_has_labels_in() -> None:
    assert set(_LANGUAGES) == set(PHRASES) == set(_CATALOGUE)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select 1", "reads no table"),
        ("select * from {{ table('silver.x.y') }}", "gold.domain.name"),
        ("select * from {{ tabel('gold.x.y') }}", "tabel"),
        ("select * from {{ table('gold.x.y; drop') }}", "gold.domain.name"),
    ],
)
def test_wrong_sql_is_refused(tmp_path: Path, sql: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        load_definition(write(tmp_path, sql=sql))


BY_DAY = "select day, plant, amount from {{ table('gold.garden.sales') }}"
BY_HOUR = "select day, hour, plant, amount from {{ table('gold.garden.sales') }}"
BY_MOMENT = "select sold_at as at, plant, amount from {{ table('gold.garden.sales') }}; -- sold"
EVERYTHING = "select * from {{ table('gold.garden.sales') }}"


@pytest.mark.parametrize(
    ("zone", "sql", "words"),
    [
        ("Europe/London", BY_DAY, "by day of UTC, the report's days are those of Europe/London"),
        ("Asia/Tokyo", BY_DAY, "select a column `at`"),
        ("Europe/London", EVERYTHING, "hides whether it has a column"),
        ("Asia/Kolkata", BY_HOUR, "days there begin between hours"),
        ("Australia/Lord_Howe", BY_HOUR, "days there begin between hours"),
        ("UTC", "select plant, amount from {{ table('gold.garden.sales') }}", "no column 'day'"),
        ("Factory", BY_MOMENT, "IANA time zone"),
        ("localtime", BY_MOMENT, "IANA time zone"),
    ],
)
def test_days_that_are_not_those_of_the_zone_are_refused(
    tmp_path: Path, zone: str, sql: str, words: str
) -> None:
    zoned = GOOD.replace('1 * *"}', f'1 * *", timezone: {zone}}}')
    with pytest.raises(DefinitionError, match=re.escape(words)) as caught:
        load_definition(write(tmp_path, zoned, sql))
    assert re.search(r"garden\.yaml:\d+: ", str(caught.value))


@pytest.mark.parametrize(
    ("zone", "sql", "column"),
    [
        ("UTC", BY_DAY, "day"), ("UTC", EVERYTHING, "day"), ("UTC", BY_HOUR, "day"),
        ("Etc/GMT", BY_DAY, "day"), ("UTC", BY_MOMENT, "at"), ("Europe/London", BY_HOUR, "hour"),
        ("Asia/Kathmandu", BY_MOMENT, "at"),
    ],
)  # fmt: skip
def test_rows_get_their_days_from_the_sharpest_column_that_fits(
    tmp_path: Path, zone: str, sql: str, column: str
) -> None:
    zoned = GOOD.replace('1 * *"}', f'1 * *", timezone: {zone}}}')
    assert load_definition(write(tmp_path, zoned, sql)).zone == zone
    assert time_column(sql, zone) == column
    rows = with_days("ROWS", sql, zone)
    assert rows.count("AT TIME ZONE") == (column != "day")
    assert column == "day" or rows.startswith(f'SELECT "{"at" if column == "at" else column}"')


def test_a_template_reaches_nothing_of_python() -> None:
    with pytest.raises(ValueError, match=r"unsafe|undefined|no attribute"):
        tables_of("{{ table.__globals__['os'].system('true') }}")


def test_the_how_to_is_a_report_that_loads(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "how-to" / "reports.md").read_text()
    blocks = dict(re.findall(r"^```(sql|yaml)\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    path = write(tmp_path, blocks["yaml"])
    (tmp_path / "kpis" / "countries.sql").write_text(blocks["sql"])
    definition = load_definition(path)
    assert definition.tables() == ("gold.retail.sales_per_hour",)
    assert len(definition.recipients) == 3
