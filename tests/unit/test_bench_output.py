"""What ``python -m benchmarks`` promises to those who read its output: names and JSON.

Belongs here: shape only. Does not belong here: any timing.
"""

from __future__ import annotations

import importlib
import io
import json

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from benchmarks.__main__ import BENCHES, main
from benchmarks.clickstream import RULES
from benchmarks.figures import Figure, middle, show
from benchmarks.watch import latencies
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.transform import rows as transform

NAMES = [
    "ingest_local",
    "ingest_spark",
    "files_csv",
    "files_csv_bulk",
    "files_csv_memory",
    "growth",
    "freshness_silver_p95",
    "freshness_gold_p95",
    "cdc_kafka_p95",
    "cdc_silver_p95",
    "definitions_load",
    "server_start",
    "run_once",
    "idle",
    "retrieval",
    "embed",
    "number_guard",
    "report_pdf",
    "nab",
    "vus_pr",
    "anomaly_stream",
    "anomaly_choice",
    "canary_aa",
    "canary_ab",
    "drift_null",
    "drift_delay",
    "purchase",
    "predict",
    "sentiment",
    "entities",
    "languages",
    "study",
    "packing",
    "webhook",
    "mqtt",
    "rest",
    "processor",
    "dashboard",
    "questions",
    "ask",
    "metrics_api",
    "metrics_cache",
]


def test_every_promised_bench_is_there_and_can_be_called() -> None:
    assert list(BENCHES) == NAMES
    for target in BENCHES.values():
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(f"benchmarks.{module}"), function))


def test_a_figure_is_one_line_of_json_with_the_promised_keys() -> None:
    line = Figure("growth", 0.51234, "s", 0.4, 1.2808, extra={"runs": 5}).as_json()
    assert "\n" not in line
    document = json.loads(line)
    assert list(document)[:5] == ["bench", "value", "unit", "baseline", "ratio"]
    assert document["value"] == 0.5123
    assert document["runs"] == 5


def test_a_figure_without_baseline_says_null() -> None:
    document = json.loads(Figure("run_once", 120, "s").as_json())
    assert document["baseline"] is None
    assert document["ratio"] is None


def test_an_unknown_bench_is_refused_with_the_known_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "nothing"])
    assert "ingest_local" in capsys.readouterr().err


def test_a_broken_bench_fails_the_command_and_prints_no_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(BENCHES, "growth", "growth:no_such_function")
    assert main(["--only", "growth"]) == 1
    assert capsys.readouterr().out == ""


def test_the_table_shows_every_figure() -> None:
    console = Console(file=io.StringIO(), width=200)
    show(console, [Figure(name, 1.0, "s") for name in NAMES])
    shown = console.file.getvalue()
    assert all(name in shown for name in NAMES)


def test_the_median_is_the_middle_run() -> None:
    assert middle([9.0, 1.0, 2.0, 3.0, 100.0]) == 3.0


def test_the_bare_loops_know_every_rule_of_the_contract() -> None:
    contract = load_contracts()[TopicName("commerce", "clickstream")]
    wanted = [(rule.name, transform.reason(rule)) for rule in contract.rules]
    assert [(name, text) for name, _, text in RULES][2:] == wanted


def test_latency_in_gold_is_the_first_answer_that_counts_the_purchase() -> None:
    rows = pl.DataFrame(
        {
            "topic": "commerce.clickstream",
            "at": [10.0, 10.5, 11.0, 99.0],
            "seen": [10.4, 10.9, 11.9, 99.5],
            "version": [1, 1, 2, 3],
            "purchase": [True, False, True, True],
        }
    )
    answers = [(12.0, 1), (13.0, 1), (14.0, 2), (100.0, 3)]
    silver, gold = latencies(rows, answers, 10.0, 20.0)
    assert np.allclose(silver["latency"], [0.4, 0.4, 0.9])
    assert gold.to_list() == [2.0, 3.0]


def test_a_purchase_that_never_came_to_gold_is_an_error() -> None:
    rows = pl.DataFrame(
        {
            "topic": ["commerce.clickstream"],
            "at": [10.0],
            "seen": [10.4],
            "version": [1],
            "purchase": [True],
        }
    )
    with pytest.raises(ValueError, match="never came"):
        latencies(rows, [(12.0, 0)], 10.0, 20.0)
