"""Where a report and a fact are found in the portal."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from platform_assets.core.settings import Settings

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
"""Names of reports: no dot and no slash, so no address leads out of the store."""
PERIOD_PATTERN = r"^[0-9]{4}-(W[0-9]{2}|[0-9]{2}(-[0-9]{2})?)$"
FACT_PATTERN = r"^[^\x00-\x1f\x7f]{1,200}$"
_PRINTABLE = re.compile(r"[!-\[\]-~]+")
"""ASCII without blanks and backslashes: what the addresses of pages are written in."""
_ODD = re.compile(r"//|\\|/\.{1,2}(?:/|$)")
"""In a decoded path: a host, a step up."""


def report_path(name: str, period: str) -> str:
    """The page of a report, from the portal's root."""
    return f"/reports/{quote(name, safe='')}/{quote(period, safe='')}"


def fact_path(name: str, period: str, fact_id: str, view: str = "facts") -> str:
    """The page of a fact, or another view of it (``csv``, ``parquet``)."""
    return f"{report_path(name, period)}/{view}/{quote(fact_id, safe='')}"


def report_url(settings: Settings, name: str, period: str) -> str:
    """Where a report is read; empty where no portal has an address."""
    if not settings.portal_url:
        return ""
    return settings.portal_url.rstrip("/") + report_path(name, period)


def fact_url(settings: Settings, name: str, period: str, fact_id: str) -> str:
    """What a number in a PDF or a message links to; needs ``settings.portal_url``."""
    return settings.portal_url.rstrip("/") + fact_path(name, period, fact_id)


def asset_url(settings: Settings, asset: str) -> str:
    """An asset in Dagster's UI, e.g. of ``gold/retail/daily_sales``; empty without an address."""
    if not settings.dagster_url:
        return ""
    return f"{settings.dagster_url.rstrip('/')}/assets/{quote(asset)}"


def safe_next(target: str) -> str:
    """A path of the portal itself to go to after signing in; ``/`` for anything else.

    Browsers read a backslash as a slash, skip control characters, and take what follows two
    slashes for a host; proxies may decode a path first. So what is no plain path however often
    it is decoded is not followed.
    """
    if len(target) > 1000 or not _PRINTABLE.fullmatch(target):
        return "/"
    path, decoded = "", target.partition("?")[0].partition("#")[0]
    while path != decoded:
        path, decoded = decoded, unquote(decoded)
    return target if path.startswith("/") and not _ODD.search(path) else "/"
