"""The one command, as a new user runs it: everything up, everything materialised, nothing left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from platform_assets.contracts.load import load_contracts
from reports.document import Report
from tests.ports import free_port_base

EVENTS = 20_000
pytestmark = pytest.mark.timeout(1200)
"""A hang is found; how long a run takes is measured in benchmarks."""

KEYS = {
    "events", "bronze_rows", "silver_rows", "quarantined", "duplicates", "dead_letters", "late",
}  # fmt: skip
NEVER_EMPTY = {
    "revenue_per_hour", "active_users_per_hour", "conversion_rate", "sessions",
    "products_per_hour", "meter_rollup", "machine_rollup", "customer_rfm", "feedback_daily",
}  # fmt: skip


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Home and last line of one run of the command."""
    home = tmp_path_factory.mktemp("once")
    environment = {
        **os.environ,
        "WEIR_HOME": str(home),
        "WEIR_PORT_BASE": str(free_port_base()),
    }
    command = ["run", "--once", "--events", str(EVENTS), "--seed", "7", "--json"]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "weir"), *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return home, json.loads(done.stdout.strip().splitlines()[-1])


def test_every_record_is_accounted_for(outcome: tuple[Path, dict[str, Any]]) -> None:
    _, figures = outcome
    assert figures["events"] == EVENTS
    assert set(figures["topics"]) == {str(topic) for topic in load_contracts()}
    for counts in (figures, *figures["topics"].values()):
        assert set(counts) >= KEYS
        assert all(isinstance(counts[key], int) for key in KEYS)
        assert counts["bronze_rows"] == counts["events"]
        assert counts["bronze_rows"] == (
            counts["silver_rows"]
            + counts["quarantined"]
            + counts["duplicates"]
            + counts["dead_letters"]
        )
    for key in KEYS - {"events"}:
        assert figures[key] == sum(topic[key] for topic in figures["topics"].values())
        assert figures[key] > 0


def test_gold_is_built_and_the_stages_are_timed(outcome: tuple[Path, dict[str, Any]]) -> None:
    _, figures = outcome
    rows = {name.rpartition(".")[2]: count for name, count in figures["gold"].items()}
    assert {name for name in NEVER_EMPTY if not rows.get(name)} == set()
    assert all(isinstance(seconds, int | float) for seconds in figures["seconds"].values())
    assert {"servers", "simulate", "stream", "gold", "report"} <= set(figures["seconds"])


def test_no_process_is_left(outcome: tuple[Path, dict[str, Any]]) -> None:
    home, _ = outcome
    left = [
        process.info["cmdline"]
        for process in psutil.process_iter(["cmdline"])
        if any(str(home) in part for part in process.info["cmdline"] or ())
    ]
    assert left == []


def test_it_ends_with_a_report(outcome: tuple[Path, dict[str, Any]]) -> None:
    home, figures = outcome
    folder = home / "once" / "reports" / "weekly-commerce" / figures["report"]
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    report = Report.model_validate_json((folder / "report.json").read_bytes())
    assert report.fact("online_revenue").value
    assert report.summary
    assert not [notice for notice in report.notices if notice.rule == "guard"]
