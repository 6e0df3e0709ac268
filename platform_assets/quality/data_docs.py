"""Data documents: one HTML page for each validation that is kept, and an index a suite."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from platform_assets.quality.outcomes import RuleOutcome, SuiteResult

FOLDER = "data_docs"
KEEP_PAGES = 500
"""Pages kept of one suite: the newest; the folder must not grow without bound."""

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;"
    "color:#1d2733;background:#fff}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #dde3ea;"
    "vertical-align:top}code{font-size:.9em;word-break:break-word}.bad{color:#a8201a}"
    ".good{color:#1b6b3a}.num{text-align:right}a{color:#0b5cad}"
    "@media(prefers-color-scheme:dark){body{color:#dce3ea;background:#14191f}"
    "th,td{border-color:#2c3540}.bad{color:#ff8b85}.good{color:#7fd49d}a{color:#7db8f5}}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write_docs(home: Path, result: SuiteResult, label: str) -> SuiteResult:
    """Write the page of a validation and renew its suite's index.

    Args:
        home: Weir's home; pages go to ``<home>/data_docs/<suite>/<label>.html``.
        result: what the suite found.
        label: what was validated, e.g. ``window-2026-01-05T10`` or ``batches-17-42``; the
            same label again replaces its page.

    Returns:
        The result with ``docs`` set to the page's path.
    """
    folder = home / FOLDER / _safe(result.suite)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{_safe(label)}.html"
    _replace(page, render(result, label))
    _prune(folder)
    _replace(folder / "index.html", _index(result.suite, folder))
    return replace(result, docs=page)


def render(result: SuiteResult, label: str) -> str:
    """The page of a validation."""
    verdict = (
        '<span class="good">all met</span>'
        if result.success
        else f'<span class="bad">{len(result.failures)} not met</span>'
    )
    rows = "".join(_row(outcome) for outcome in result.outcomes)
    body = (
        f"<p>{len(result.outcomes)} expectations, {verdict}; {result.rows:,} rows in "
        f"{result.seconds:.2f} s; written {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC. "
        '<a href="index.html">All validations</a></p>'
        "<table><thead><tr><th>Rule</th><th>Expectation</th><th>Column</th><th>Result</th>"
        '<th class="num">Rows against it</th><th>Observed</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    return _page(f"{result.suite}: {label}", body)


def _row(outcome: RuleOutcome) -> str:
    met = '<span class="good">met</span>' if outcome.success else '<span class="bad">not met</span>'
    seen = outcome.error or ", ".join(outcome.examples) or outcome.observed
    return (
        f"<tr><td><code>{escape(outcome.rule)}</code></td><td>{escape(outcome.expectation)}</td>"
        f"<td><code>{escape(outcome.column)}</code></td><td>{met}</td>"
        f'<td class="num">{outcome.unexpected:,}</td><td>{escape(seen)}</td></tr>'
    )


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )


def _index(suite: str, folder: Path) -> str:
    links = "".join(
        f'<li><a href="{escape(page.name)}">{escape(page.stem)}</a></li>' for page in _pages(folder)
    )
    return _page(f"{suite}: validations, newest first", f"<ul>{links}</ul>")


def _pages(folder: Path) -> list[Path]:
    """Newest first. Another process may prune at the same time: a page may be gone."""
    dated = []
    for page in folder.glob("*.html"):
        if page.name != "index.html":
            try:
                dated.append((page.stat().st_mtime_ns, page))
            except FileNotFoundError:
                continue
    return [page for _, page in sorted(dated, reverse=True)]


def _prune(folder: Path) -> None:
    for page in _pages(folder)[KEEP_PAGES:]:
        page.unlink(missing_ok=True)


def _replace(path: Path, text: str) -> None:
    """Write beside and rename, so that a reader never sees half a page."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-") or "unnamed"
