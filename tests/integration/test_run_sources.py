"""The one command with a live source of each kind: all of them in silver, nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from platform_assets.connectors.simulate.outside.connected import kinds_of
from tests.ports import free_port_base

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]

TOPICS = {
    "cdc": "outside.warehouse_orders",
    "files": "outside.order_exports",
    "graphql": "outside.storefront_orders",
    "mqtt": "outside.temperatures",
    "odata": "outside.open_orders",
    "rest": "outside.orders",
    "sql": "outside.shipments",
    "webhook": "outside.order_events",
}


def test_each_kind_of_source_has_rows_in_silver(tmp_path: Path) -> None:
    environment = {
        **os.environ, "WEIR_HOME": str(tmp_path), "WEIR_PORT_BASE": str(free_port_base())
    }  # fmt: skip
    command = ["run", "--once", "--events", "2000", "--sources", "all", "--json"]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "weir"), *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    wanted = {TOPICS[kind] for kind in kinds_of("all")}
    assert {name for name in figures["topics"] if name.startswith("outside.")} == wanted
    for topic in wanted:
        counts = figures["topics"][topic]
        assert counts["silver_rows"] > 0, topic
        assert counts["quarantined"] == counts["dead_letters"] == 0, topic
    assert "Live sources" in done.stderr
    left = [
        process.info["cmdline"]
        for process in psutil.process_iter(["cmdline"])
        if any(str(tmp_path) in part for part in process.info["cmdline"] or ())
    ]
    assert left == []
