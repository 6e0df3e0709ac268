"""Every table of the shell: whole at 80 and 120 columns, and clean for programs.

``WEIR_SNAPSHOTS=write`` writes the snapshots again.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import pkgutil
import re
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

import platform_assets.cli
from platform_assets.cli import streams, tables
from platform_assets.cli.app import build
from platform_assets.cli.sql import layout_of
from platform_assets.cli.tables import Column, Layout
from platform_assets.core.errors import WeirError

SNAPSHOTS = Path(__file__).parent / "tables"
AT = datetime(2026, 11, 28, 9, 30, 5, tzinfo=UTC)
MODULES = [
    importlib.import_module(f"platform_assets.cli.{module.name}")
    for module in pkgutil.iter_modules(platform_assets.cli.__path__)
]
LAYOUTS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": value
    for module in MODULES
    for name, value in vars(module).items()
    # A layout that another module imports is listed once, where it is written.
    if isinstance(value, Layout) and f"\n{name} = Layout(" in Path(module.__file__).read_text()
}
DATASET = {"rows": 182_044, "until": "2026-11-28T00:00:00+00:00"}
STREAM = {
    "topic": "industry.machine_readings", "state": "running", "lag": 1_204, "rate": 1250.4,
    "last_id": 10_442, "last_at": None, "records": 20_400_312, "published": 20_198_001,
    "quarantined": 1_204, "duplicates": 199_105, "dead_letters": 2_002, "late": 99_412,
    "error": None, "bulk_files": 0,
}  # fmt: skip
VERSION = {
    "model": "purchase", "version": 12, "aliases": ["champion"],
    "created_at": "2026-11-28T09:30:00+00:00", "dataset": DATASET, "code_version": "71abeab",
    "metrics": {"f1": 0.71234, "auc": 0.9, "brier": 0.1, "log_loss": 0.34567, "n": 5.0},
    "tags": {"weir/reason": "drift of the feature views_7d"},
}  # fmt: skip
SERVER = {
    "name": "dagster-webserver", "version": "1.13.27", "address": "http://127.0.0.1:17700",
    "health": "ready", "pid": 31_204, "memory_bytes": 412 << 20,
}  # fmt: skip
SOURCE = {
    "source": "shop", "connector": "sql", "health": "good", "streams": 3, "records": 20_400_312,
    "dead_letters": 2_002, "rows_per_second": 41_204.4, "lag_seconds": 1.25, "row_at": AT,
    "read_at": AT, "failures": 0, "why": "", "topics": ["shop.orders", "shop.order_lines"],
    "requests_day": 86_400, "cost_day": Decimal("34.56"), "cost_month": Decimal("1036.8"),
    "currency": "EUR",
}  # fmt: skip
SAMPLES: dict[str, list[dict[str, Any]]] = {
    "connectors.CONNECTORS": [
        {
            "name": "salesforce_pubsub", "kind": "business", "maturity": "emulator", "live": True,
            "title": "Salesforce change events by the Pub/Sub API, with replay ids", "version": "2",
            "deprecated": "Salesforce ends it in 2027: use salesforce_events",
        },
    ],
    "connectors.ENTRIES": [
        {
            "name": "auth(oauth2).token_url", "type": "text", "required": True, "default": None,
            "description": "where a token is had by client id and secret.",
        },
        {
            "name": "page_rows", "type": "whole number", "required": False, "default": 20_000,
            "description": "rows that are read and committed together.",
        },
    ],
    "sources_tables.SOURCES": [
        SOURCE,
        {
            **SOURCE, "source": "tender_transactions", "health": "failing", "row_at": None,
            "read_at": None, "failures": 3,
            "why": "failed 3 times in a row: source shop, check: postgresql+psycopg://weir@db/shop "
            "refuses: password authentication failed",
        },
    ],
    "sources_tables.STREAMS": [
        {**SOURCE, "stream": "order_lines_of_the_last_year", "topic": "commerce.order_lines",
         "why": "failed once: source shop, orders: it does not answer", "health": "failing"},
    ],
    "sources_tables.CHECKS": [
        {"source": "shop", "check": "good", "found": "postgresql://weir@db/shop: 31 tables can be "
         "read"},
    ],
    "sources_tables.DISCOVERED": [
        {"stream": "order_lines_of_the_last_year", "column": "changed_at", "role": "key cursor",
         "type": "timestamp[us, tz=UTC]", "logical_type": "timestamp"},
    ],
    "sources_tables.PREVIEW": [
        {"row": {"id": "4x", "city": "Köln", "changed": "2026-11-28T09:30:05+00:00"},
         "why": "id: '4x' is not a valid whole number"},
    ],
    "sources_tables.OUTCOMES": [
        {
            "stream": "order_lines_of_the_last_year", "topic": "commerce.order_lines",
            "records": 20_400_312, "dead_letters": 2_002, "pages": 1_021, "lag": 12.25,
            "bulk": 3,
            "error": "source shop, orders: the source gives no column 'city'",
        },
    ],
    "sources_tables.FILES": [
        {
            "topic": "commerce.order_lines", "number": 12, "source": "shop_exports",
            "name": "/srv/exports/2026/11/order_lines_of_the_last_year.csv", "size": 9_876_543_210,
            "status": "open", "records": 20_400_312,
            "error": "the file has changed since it was handed over",
        },
    ],
    "sources_letters.LETTERS": [
        {
            "id": "3f2b7c1e8a4d4e0f9b1a2c3d4e5f6a7b", "stream": "order_lines", "size": 42,
            "topic": "commerce.order_lines", "place": "row 7 of a page", "at": AT,
            "replayed_at": AT,
            "reason": "shop, order_lines, row 7 of a page: id: '4x' is not a valid whole number",
        },
    ],
    "sources_letters.REPLAYED": [
        {"id": "3f2b7c1e8a4d4e0f9b1a2c3d4e5f6a7b", "stream": "order_lines",
         "why": "id: '4x' is not a valid whole number"},
    ],
    "alerts.INCIDENTS": [
        {
            "incident": "3f2b7c1e8a", "state": "open", "since": AT, "ended": None,
            "acknowledged": "", "comment": "", "messages": 4, "escalations": 0, "alerts": 10_000,
            "firing": 9_998, "series": 9_400, "streams": ["machines", "meters"],
            "worst": "Machines: vibration of machine-07 is unusual", "severity": "error",
        },
        {
            "incident": "9b1a2c3d4e", "state": "acknowledged", "since": AT, "ended": None,
            "acknowledged": "cli:anna", "comment": "pump 7", "messages": 2, "escalations": 1,
            "alerts": 1, "firing": 1, "series": 1, "streams": ["shop"],
            "worst": "Shop: revenue is unusual", "severity": "warning",
        },
    ],
    "alerts.SIGNALS": [
        {
            "alert": "machines/machine-07@1780000000.000",
            "title": "Machines: vibration of machine-07 is unusual", "value": 12.31,
            "unit": "mm/s", "score": 9.12, "threshold": 3.01, "peak": 3.4, "since": AT,
            "ended": None, "muted_by": "", "link": "http://127.0.0.1:17700/assets/models",
        },
        {
            "alert": "shop@1780000000.000", "title": "Shop: revenue is unusual", "value": 1.0,
            "unit": "EUR", "score": 3.5, "threshold": None, "peak": 1.1, "since": AT, "ended": AT,
            "muted_by": "1a2b3c4d", "link": "http://127.0.0.1:17700/assets/models",
        },
    ],
    "alerts.HISTORY": [
        {"at": AT, "kind": "acknowledged", "who": "cli:anna", "comment": "pump 7 is changed"},
    ],
    "alerts.SILENCES": [
        {
            "id": "1a2b3c4d", "state": "active", "matchers": ["stream=machines", "series=~m-0.*"],
            "starts": AT, "ends": AT, "who": "cli:anna", "comment": "service of hall 2",
        },
    ],
    "alerts.AUDIT": [
        {
            "at": AT, "who": "cli:anna", "scope": "silence", "kind": "silenced",
            "subject": "1a2b3c4d", "comment": "stream=machines for 2:00:00: service of hall 2",
        },
    ],
    "sources_tables.AUDIT": [
        {
            "at": AT, "who": "anna", "source": "tender_transactions", "action": "reset",
            "detail": 'orders: from {"id": {"moment": "2026-11-28T09:30:05"}} to the beginning',
        },
    ],
    "streams.STREAMS": [
        STREAM,
        {
            **STREAM, "topic": "commerce.clickstream", "state": "halted", "lag": 0,
            "bulk_files": 12,
            "error": "micro-batch 12: 31 of 100 rows broke a rule, more than the allowed 5 %: "
            "weir streams resume commerce.clickstream --accept",
        },
    ],
    "streams.WINDOWS": [
        {
            "topic": "industry.machine_readings", "window": "2026-11-28-09:00", "batches": 3_600,
            "records": 4_500_000, "published": 4_455_000,
        }
    ],
    "streams.GOLD": [
        {
            "model": "revenue_per_hour", "since": AT, "failures": 12, "retry_at": AT, "due": False,
            "reason": "TrinoUserError(type=USER_ERROR, name=INVALID_CAST_ARGUMENT, "
            "message=\"Cannot cast DOUBLE '1.0E15' to DECIMAL(18, 4)\")",
        }
    ],
    "streams.QUARANTINE": [
        {
            "topic": "commerce.clickstream", "rule": "price_is_positive", "rows": 1_204,
            "newest": AT, "reason": "price is -3.5; it must be at least 0",
            "examples": ["0-118812"],
        }
    ],
    "deliveries.DELIVERIES": [
        {
            "report": "weekly-commerce", "period": "2010-W50",
            "recipient": "mailto:the.whole.board@subsidiary.example.com", "state": "dead",
            "attempts": 5, "updated_at": AT,
            "last_error": "smtp.example.com:587 refused the recipient: 550 no such mailbox",
        }
    ],
    "drift.DRIFT": [
        {
            "period": "2026-11-28", "version": 12, "retrain": True, "labels": 1_204, "f1": 0.61,
            "reason": "views_7d has drifted on 3 days in a row; F1 is below its baseline of 0.71",
        }
    ],
    "portal.USERS": [
        {
            "name": "anna", "admin": False, "reports": {"daily-energy", "weekly-commerce"},
            "local": True, "trino_user": "analyst",
        }
    ],
    "portal.AUDIT": [
        {
            "at": AT, "user": "anna@example.com", "address": "203.0.113.7", "action": "export",
            "report": "weekly-commerce", "period": "2010-W50",
            "detail": "csv of net_sales.country.united_kingdom",
        }
    ],
    "models_tables.VERSIONS": [VERSION, {**VERSION, "version": 3, "aliases": [], "dataset": None}],
    "models_tables.COMPARISON": [
        {"what": "metric", "name": "f1", "a": 0.71, "b": 0.7345, "difference": 0.0245},
        {"what": "parameter", "name": "learning_rate", "a": "0.1", "b": None, "difference": None},
        {
            "what": "data set", "name": "fingerprint", "a": "3f" * 32, "b": "a1" * 32,
            "difference": None,
        },
    ],
    "models_tables.EVIDENCE": [
        {
            "name": "outcome", "estimate": float("nan"), "lower": -0.0123, "upper": float("inf"),
            "n": (10_442, 1_204),
        }
    ],
    "servers.SERVERS": [
        SERVER,
        {**SERVER, "name": "trino", "health": "not ready: no answer for 30 s", "pid": None},
    ],
    "servers.FINDINGS": [
        {"ok": True, "needed": True, "what": "Python 3.11 or 3.12", "found": "3.11.2", "fix": "x"},
        {
            "ok": False, "needed": False, "what": "Chromium for PDFs and browser tests",
            "found": "none on PATH", "fix": "apt-get install -y chromium",
        },
    ],
    "reports.REPORTS": [
        {
            "report": "weekly-commerce", "title": "Commerce, week by week", "every": "week",
            "schedule": "0 6 * * 1 Europe/London", "made": 14, "last": "2026-W47",
        }
    ],
    "reports.FACTS": [
        {
            "fact": "net_sales.country.united_kingdom.change", "what": "United Kingdom",
            "value": "£12,204.50 (−3.2 %)", "period": "2010-W50",
        }
    ],
    "data.SIMULATED": [
        {
            "topic": "industry.machine_readings", "events": 20_400_312, "good": 20_198_001,
            "duplicates": 199_105, "late": 99_412, "broken": {"undecodable": 2, "range": 7},
            "dead_letters": 2,
        }
    ],
    "run.TOPICS": [
        {
            "topic": "industry.machine_readings", "events": 20_400_312, "bronze_rows": 20_400_312,
            "silver_rows": 20_198_001, "quarantined": 1_204, "duplicates": 199_105,
            "dead_letters": 2_002, "late": 99_412,
        }
    ],
    "run.GOLD": [{"table": "commerce.revenue_per_hour", "rows": 1_344}],
    "run_sources.SOURCES": [
        {
            "source": "warehouse", "connector": "postgresql_cdc",
            "topic": "outside.warehouse_orders", "silver_rows": 1_204,
            "click": "http://127.0.0.1:17706/assets/source/warehouse",
        }
    ],
}  # fmt: skip
WIDE = ["event_id", "价格", "note", *(f"measure_{number}" for number in range(9))]
SAMPLES["sql"] = [
    {
        **dict.fromkeys(WIDE, 1234.5), "event_id": "3f2b7c1e-8a4d-4e0f-9b1a-2c3d4e5f6a7b",
        "价格": None,
        "note": "日本語のとても長い説明文 🎉👨‍👩‍👧 " * 4 + "\x1b[31mred\x07\u202eback",
    }
]  # fmt: skip
LAYOUTS["sql"] = layout_of(WIDE, ["varchar", "decimal(18,4)", "varchar", *["double"] * 9])


def rendered(layout: Layout, rows: list[dict[str, Any]], width: int, title: str = "") -> str:
    """The table as a window without colours shows it."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None)
    console.print(layout.render(rows, width, title))
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().split("\n")[:-1])


def test_every_table_of_the_shell_has_a_sample() -> None:
    assert set(SAMPLES) == set(LAYOUTS)


def test_no_command_builds_a_table_of_its_own() -> None:
    own = [
        path.name
        for path in Path(platform_assets.cli.__path__[0]).glob("*.py")
        if path.name != "tables.py" and "rich.table" in path.read_text()
    ]
    assert own == []


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_it_looks_as_it_did(name: str, width: int) -> None:
    shown = rendered(LAYOUTS[name], SAMPLES[name], width)

    assert max(cell_len(line) for line in shown.splitlines()) <= width
    kept = SNAPSHOTS / f"{name}-{width}.txt"
    if os.environ.get("WEIR_SNAPSHOTS") == "write":
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(shown)
    assert shown == kept.read_text()
    for column in LAYOUTS[name].columns:
        # A heading is whole, or its column is not there.
        assert column.title in shown or not column.title


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_command_that_prints_a_table_serves_programs(name: str) -> None:
    command = typer.main.get_command(build())
    for word in LAYOUTS[name].command.split():
        command = command.commands[word]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--json", "--csv"} <= options


@pytest.mark.parametrize("name", sorted(SAMPLES))
@pytest.mark.parametrize("way", ["as_json", "as_csv"])
def test_programs_get_every_value_and_nothing_else(
    name: str, way: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "10")
    rows = SAMPLES[name]

    LAYOUTS[name].show(rows, **{way: True})

    out, error = capsys.readouterr()
    assert error == ""
    if way == "as_json":
        read = json.loads(out, parse_constant=pytest.fail)
        assert [list(row) for row in read] == [list(row) for row in rows]
    else:
        read = list(csv.DictReader(io.StringIO(out)))
        assert len(read) == len(rows)
        assert all(list(row) == list(rows[0]) for row in read)
        assert None not in read[0]


def test_without_rows_programs_get_an_empty_list_or_a_header(
    capsys: pytest.CaptureFixture[str],
) -> None:
    streams.WINDOWS.show([], as_json=True)
    streams.WINDOWS.show([], as_csv=True)
    assert capsys.readouterr().out == "[]\ntopic,window,batches,records,published\n"


def test_two_formats_at_once_are_refused_before_anything_is_asked() -> None:
    for words in (["streams"], ["status"], ["doctor"], ["models", "list"], ["sql", "select 1"]):
        done = CliRunner().invoke(build(), [*words, "--json", "--csv"])
        assert isinstance(done.exception, WeirError), words
        assert "cannot be combined" in str(done.exception)


def test_columns_that_sql_names_alike_are_kept() -> None:
    assert tables.unique(["a", "b", "a", "a_2", "a"]) == ["a", "b", "a_3", "a_2", "a_4"]


texts = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from("日本語🎉é\u0301\x1b\t\n  aWi")),
    max_size=60,
)
titles = st.lists(
    st.text(st.sampled_from("abcdefgh_数"), min_size=1, max_size=14),
    min_size=1, max_size=12, unique=True,
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    titles=titles,
    rows=st.lists(st.lists(texts, min_size=12, max_size=12), min_size=1, max_size=2),
    folds=st.lists(st.booleans(), min_size=12, max_size=12),
    width=st.integers(24, 200),
)
def test_nothing_is_cut_and_nothing_sticks_out(
    titles: list[str], rows: list[list[str]], folds: list[bool], width: int
) -> None:
    columns = [Column(title, fold=fold) for title, fold in zip(titles, folds, strict=False)]
    records = [dict(zip(titles, row, strict=False)) for row in rows]

    shown = rendered(Layout("x", tuple(columns)), records, width)

    assert all(cell_len(line) <= width for line in shown.split("\n"))
    there = Counter(re.sub(r"\s", "", shown))
    for record in records:
        for column in columns:
            wanted = Counter(re.sub(r"\s", "", column.text(record)))
            there.subtract(wanted)
    assert not [char for char, count in there.items() if count < 0]


def test_a_pipe_without_columns_gets_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    out = io.StringIO()
    tables.people(out).print(
        LAYOUTS["streams.STREAMS"].render(SAMPLES["streams.STREAMS"], tables.width_of(out))
    )
    assert len(out.getvalue().splitlines()) == 3
