"""Reports: what Dagster or Trino would refuse is refused where it is written."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from platform_assets.core.naming import is_owner
from reports.cron import check_cron
from reports.definition import DefinitionError, load_definition, load_definitions
from reports.kpi_sql import render_sql
from tests.unit.test_report_definition import GOOD, SQL, write

GOOD_CRONS = (
    "0 6 * * 1", "0 6 29 2 *", "0 6 31 * *", "*/15 * * * *", "0 6 * * mon-fri", "0 6 1-7 * mon",
    "0 6 L * *", "0 6 * * 1#1", "0 6 31 4,5 *", "0 22-2 * * *", "0 6 * jan,JUL *",
)  # fmt: skip
BAD_CRONS = (
    "0 6 31 2 *", "0 6 30 2 *", "0 6 30,31 2 *", "0 6 31 4 *", "0 6 31 4,6 *", "0 0 6 1 * *",
    "* * * * * * *", "@daily", "@reboot", "monthly", "", "60 6 * * *", "0 24 * * *", "0 6 0 * *",
    "0 6 * 13 *", "0 6 * * 8", "R 6 * * *", "H 6 * * *", "0 6 15W * *", "0 6 * * 5L",
    "0 6 * * mon#6", "0 6 31 2 1", "\u0660 6 * * *",
)  # fmt: skip


@dg.job
def nothing() -> None:
    """A job without steps."""


@pytest.mark.parametrize("cron", GOOD_CRONS)
def test_a_cron_that_is_taken_is_taken_by_dagster_and_comes(cron: str) -> None:
    check_cron(cron)
    dg.ScheduleDefinition(job=nothing, cron_schedule=cron)
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    (first,) = islice(schedule_execution_time_iterator(start, cron, "Europe/London"), 1)
    assert first.timestamp() >= start


@pytest.mark.parametrize("cron", BAD_CRONS)
def test_a_cron_that_is_refused_or_never_comes_is_refused_with_its_line(
    tmp_path: Path, cron: str
) -> None:
    path = write(tmp_path, GOOD.replace("0 6 1 * *", cron))
    with pytest.raises(DefinitionError, match=r"garden\.yaml:4: schedule\.cron: .*cron"):
        load_definition(path)


@pytest.mark.parametrize(
    "owner",
    ["garden@weir.example", "team:garden", "Gardeners", "a@b", "a b@weir.example", "team:",
     "a@weir.technology", "a@weir.internationals"],
)  # fmt: skip
def test_owners_are_those_of_dagster(owner: str) -> None:
    def taken() -> bool:
        try:
            dg.AssetSpec("x", owners=[owner])
        except dg.DagsterInvalidDefinitionError:
            return False
        return True

    assert is_owner(owner) == taken()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "    unit: GBP\n",
            "    unit: GBP\n    target: 1\n    target: 2\n",
            ":13: no YAML: 'target'",
        ),
        ("    unit: GBP\n", "    unit: GBP\n    target: .nan\n", ":12: kpis.0.target"),
        ("    unit: GBP\n", "    unit: GBP\n    target: .inf\n", ":12: kpis.0.target"),
        ("    unit: GBP\n", "    unit: GBP\n    target: yes\n", ":12: kpis.0.target"),
        ("    unit: GBP\n", "    unit: GBP\n    decimals: on\n", ":12: kpis.0.decimals"),
        ("owner: garden@weir.example", "owner: Garden", ":3: owner"),
        ("period: month\n", 'period: month\nfirst_period: "2010-02-30"\n', ":6: first_period"),
        ("period: month\n", 'period: month\nfirst_period: "0001-01-01"\n', ":6: first_period"),
        ("period: month\n", "period: month\nrecipients: ['mailto:nobody']\n", ":6: recipients"),
        ("sum(amount)", "sum(amount); drop table x", ":10: kpis.0.value"),
        ("sum(amount)", "sum(amount) -- all", ":10: kpis.0.value"),
        ("sum(amount)", "sum(amount", ":10: kpis.0.value"),
        ("sum(amount)", "sum(amount), 1", ":10: kpis.0.value"),
        ("sum(amount)", "sum(amount)) from (select 1", ":10: kpis.0.value"),
    ],
)
def test_what_a_definition_says_can_be_run(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(DefinitionError) as caught:
        load_definition(path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "tail", [";", " ;\n", "; -- the end", ";\n-- the end\n", "; /* the; end */ ;", " -- a; b"]
)
def test_what_follows_a_statement_is_cut_whatever_stands_in_it(tmp_path: Path, tail: str) -> None:
    path = write(tmp_path, sql=SQL + tail)
    statement = render_sql(load_definition(path).statements["sales"])
    assert statement.removesuffix(" -- a; b") == "select day, plant, amount from gold.garden.sales"


def test_a_semicolon_in_a_quote_or_comment_ends_nothing() -> None:
    text = "-- first; second\nselect ';' as a, 1 as \"b;\" /* ; */ from x"
    assert render_sql(text) == text


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (f"{SQL}; select 1", "second statement"),
        (f"{SQL}; drop table x", "second statement"),
        (f"{SQL} /* open", "not SQL"),
        (f"{SQL} where plant = 'rose", "not SQL"),
        (f"{SQL} where (plant = 'rose'", "not SQL"),
        (SQL.replace("day, ", ""), "no column 'day'; its columns are plant, amount"),
        (SQL.replace("plant, ", ""), "no column 'plant'"),
        ("delete from {{ table('gold.garden.sales') }}", "expected a select"),
    ],
)
def test_sql_that_trino_would_refuse_is_refused(tmp_path: Path, sql: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=r"garden\.yaml:9: sales\.sql: ") as caught:
        load_definition(write(tmp_path, sql=sql))
    assert words in str(caught.value)


def test_a_bad_definition_stops_no_other_and_is_named_when_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.with_name("zoo.yaml").write_text("title: [")
    path.with_name("Bad-Name.yaml").write_text(GOOD)
    path.with_name("bytes.yaml").write_bytes(b"\xff")
    found = load_definitions(path.parent)
    assert list(found) == ["garden"]
    assert [file.name for file in found.broken] == ["Bad-Name", "bytes", "zoo"]
    with pytest.raises(DefinitionError, match=r"zoo\.yaml:2: no YAML"):
        found["zoo"]
