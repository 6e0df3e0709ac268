"""Reports in the asset graph: parts, lineage, partitions, schedules, checks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache

import dagster as dg
import pytest

from platform_assets.definitions import build_defs
from reports.assets.report import check_document, job_name, latest_period, partitions
from reports.definition import load_definitions
from reports.document import Report
from reports.facts.collect import FactSheet
from reports.facts.model import Notice
from reports.make import held
from reports.periods import Period

REPORTS = load_definitions()
PARTS = {"facts", "context", "narrative", "charts", "document", "delivery"}
SHEET = FactSheet(
    name="x", period="2010-W50", snapshots={}, data_until="", headline=(), facts=(), series={},
)  # fmt: skip


@cache
def graph():
    return build_defs().resolve_asset_graph()


def key(report: str, part: str) -> dg.AssetKey:
    return dg.AssetKey(["reports", report.replace("-", "_"), part])


@pytest.mark.parametrize("name", REPORTS)
def test_lineage_runs_from_the_delivery_to_the_topic(name: str) -> None:
    for part in PARTS:
        node = graph().get(key(name, part))
        assert node.group_name == "reports"
        assert node.owners == [REPORTS[name].owner]
    behind = graph().upstream_key_iterator(key(name, "delivery"))
    found = {key.path[0] for key in behind}
    assert {"reports", "gold", "silver", "bronze", "source"} <= found
    tables = {dg.AssetKey(table.split(".")) for table in REPORTS[name].tables()}
    assert graph().get(key(name, "facts")).parent_keys == tables


@pytest.mark.parametrize("name", REPORTS)
def test_the_schedule_asks_for_the_last_period_that_is_over(name: str) -> None:
    repository = build_defs().get_repository_def()
    schedule = repository.get_schedule_def(f"{job_name(name)}_schedule")
    assert schedule.execution_timezone == REPORTS[name].schedule.timezone
    at = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=at, repository_def=repository)
    (request,) = schedule.evaluate_tick(context).run_requests or []
    wanted = {"weekly-commerce": "2026-11-16", "daily-energy": "2026-11-22"}
    assert request.partition_key == wanted[name]


@pytest.mark.parametrize("name", REPORTS)
def test_the_schedule_skips_what_is_before_the_first_partition(name: str) -> None:
    repository = build_defs().get_repository_def()
    schedule = repository.get_schedule_def(f"{job_name(name)}_schedule")
    first = partitions(REPORTS[name]).get_first_partition_key()
    period = Period.of(date.fromisoformat(first), REPORTS[name].period)
    for last, asked in ((period, [first]), (period.shift(-1), [])):
        at = datetime.combine(last.end, time(9), UTC)
        context = dg.build_schedule_context(scheduled_execution_time=at, repository_def=repository)
        requests = schedule.evaluate_tick(context).run_requests or []
        assert [request.partition_key for request in requests] == asked


@pytest.mark.parametrize("name", REPORTS)
def test_a_partition_is_a_period(name: str) -> None:
    definition = REPORTS[name]
    now = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    keys = partitions(definition).get_partition_keys(current_time=now)
    period = latest_period(definition, now)
    assert period.start.isoformat() in keys
    assert len(keys) < 2_000


def test_what_a_reader_must_know_is_a_check() -> None:
    report = Report(
        name="x", title="X", audience="", language="en", period="2010-W50", period_label="",
        data_until="", narrator="template", headline=(), facts=(),
        notices=(
            Notice(rule="gap", message="a"), Notice(rule="freshness", message="b"),
            Notice(rule="quality", message="c"), Notice(rule="guard", message="d"),
            Notice(rule="narrator", message="e"), Notice(rule="empty", message="f"),
        ),
    )  # fmt: skip
    assert check_document(report) == {
        "guard": ["d", "e"],
        "freshness": ["b", "c"],
        "completeness": ["a"],
    }


def test_a_report_is_held_back_by_policy_only() -> None:
    failed = SHEET.model_copy(
        update={"notices": (Notice(rule="quality", message="gold.x: unique"),), "late": ("sales",)}
    )
    energy, commerce = REPORTS["daily-energy"], REPORTS["weekly-commerce"]
    assert held(energy, failed) == "gold.x: unique"
    assert held(energy.model_copy(update={"late": "hold"}), failed).startswith("late data (sales)")
    assert held(commerce, failed) == ""
    assert held(energy, SHEET) == ""
