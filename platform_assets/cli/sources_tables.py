"""The tables of ``weir sources``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from platform_assets.cli.tables import Column, Layout


def _rate(row: Mapping[str, Any]) -> str:
    return "" if row["rows_per_second"] is None else f"{row['rows_per_second']:,.0f}"


def _money(row: Mapping[str, Any], key: str) -> str:
    from platform_assets.connectors.seam.cost import money

    return "" if row[key] is None else f"{money(row[key])} {row['currency']}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f} s"


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%m-%d %H:%M:%S}"


_COLOURS = {
    "good": "green",
    "on demand": "",
    "new": "",
    "paused": "yellow",
    "closed": "yellow",
    "late": "yellow",
    "warning": "yellow",
}


def _colour(row: Mapping[str, Any]) -> str:
    return _COLOURS.get(row["health"], "red")


_FIGURES = (
    Column("records", right=True, spare=1),
    Column("dead", "dead_letters", right=True, spare=2),
    Column("rows/s", "rows_per_second", _rate, right=True, spare=6),
    Column("lag", "lag_seconds", lambda row: _seconds(row["lag_seconds"]), right=True, spare=4),
    Column("last row (UTC)", "row_at", lambda row: _moment(row["row_at"]), spare=3),
    Column("last read (UTC)", "read_at", lambda row: _moment(row["read_at"]), spare=5),
    Column("requests/day", "requests_day", right=True, spare=8),
)
SOURCES = Layout(
    "sources",
    (
        Column("source"),
        Column("connector", spare=7),
        Column("health", style=_colour),
        *_FIGURES,
        Column("cost/day", "cost_day", lambda row: _money(row, "cost_day"), right=True, spare=9),
        Column(
            "cost/month", "cost_month", lambda row: _money(row, "cost_month"), right=True, spare=7
        ),
        Column("why", fold=True),
    ),
)
STREAMS = Layout(
    "sources",
    (
        Column("source", spare=8),
        Column("stream", fold=True),
        Column("topic", spare=7),
        Column("health", style=_colour),
        *_FIGURES,
        Column("why", fold=True),
    ),
)
CHECKS = Layout(
    "sources check",
    (
        Column("source"),
        Column("check", style=lambda row: "green" if row["check"] == "good" else "red"),
        Column("found", fold=True),
    ),
)
DISCOVERED = Layout(
    "sources discover",
    (
        Column("stream", fold=True),
        Column("column", fold=True),
        Column("type"),
        Column("role"),
        Column("in a contract", "logical_type", spare=1),
    ),
)
PREVIEW = Layout(
    "sources preview",
    (
        Column("row", show=lambda row: json.dumps(row["row"], ensure_ascii=False), fold=True),
        Column("cannot be mapped because", "why", style=lambda _: "red", fold=True),
    ),
)
FILES = Layout(
    "sources files",
    (
        Column("topic"),
        Column("number", right=True),
        Column("source", spare=2),
        Column("file", "name", fold=True),
        Column("MB", "size", lambda row: f"{(row['size'] or 0) / 1e6:,.1f}", right=True, spare=1),
        Column("status", style=lambda row: "red" if row["error"] else ""),
        Column("records", right=True),
        Column("error", fold=True),
    ),
)
OUTCOMES = Layout(
    "sources read",
    (
        Column("stream", fold=True),
        Column("topic", spare=1),
        Column("records", right=True),
        Column("dead", "dead_letters", right=True),
        Column("pages", right=True, spare=2),
        Column("bulk files", "bulk", right=True, spare=4),
        Column("lag", show=lambda row: _seconds(row["lag"]), right=True, spare=3),
        Column("error", fold=True),
    ),
)
AUDIT = Layout(
    "sources audit",
    (
        Column("at (UTC)", "at", lambda row: f"{row['at'].astimezone(UTC):%Y-%m-%d %H:%M:%S}"),
        Column("who"),
        Column("source"),
        Column("action"),
        Column("detail", fold=True),
    ),
)
