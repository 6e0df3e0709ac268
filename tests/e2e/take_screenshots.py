"""Takes the README's picture of the asset graph from a lake that runs.

Usage, with the lake up (``weir up`` or ``make run``)::

    .venv/bin/python -m tests.e2e.take_screenshots [URL] [FOLDER]

Belongs here: the pictures of ``docs/images``. Does not belong here: tests.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from platform_assets.core.settings import REPOSITORY, get_settings
from tests.e2e.browser import chromium, open_page

PATIENCE_MS = 60_000


def asset_graph(page: Page, folder: Path) -> None:
    """The graph by groups, from sources to models and reports; each asset would be too small."""
    page.goto("/asset-groups")
    for group in ("sources", "commerce", "models", "reports"):
        expect(page.get_by_text(group, exact=True).last).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_text("Hide navigation").click()
    page.wait_for_timeout(1000)
    page.reload()  # lays the graph out for the room that there is now
    expect(page.get_by_text("reports", exact=True).last).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text(re.compile(r"fetching statuses"))).to_have_count(0, timeout=PATIENCE_MS)
    page.wait_for_timeout(5000)  # the layout settles without telling anybody
    page.screenshot(path=folder / "asset-graph.png", type="png")


def pages(page: Page, folder: Path) -> None:
    """Pages that nobody publishes: to look at before a release."""
    silver = "/assets/silver/commerce/clickstream"
    for name, path in {
        "overview": f"{silver}?view=overview",
        "partitions": f"{silver}?view=partitions",
        "events": f"{silver}?view=events",
        "checks": f"{silver}?view=checks",
        "column-lineage": f"{silver}?view=lineage",
        "graph": "/asset-groups",
        "runs": "/runs",
        "sensors": "/automation",
        "assets": "/assets",
        "gold": "/assets/gold/commerce/revenue_per_hour?view=overview",
    }.items():
        page.goto(path)
        page.wait_for_timeout(6000)
        page.screenshot(path=folder / f"{name}.png", type="png")


def main() -> None:
    """Take them all."""
    url = sys.argv[1] if len(sys.argv) > 1 else get_settings().dagster_url
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else REPOSITORY / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    path = chromium()
    if path is None:
        raise SystemExit("no chromium on PATH: apt-get install chromium")
    with sync_playwright() as playwright:
        for page in open_page(playwright, path, url, width=1600, height=900):
            asset_graph(page, folder)
            if len(sys.argv) > 3:
                pages(page, Path(sys.argv[3]))


if __name__ == "__main__":
    main()
