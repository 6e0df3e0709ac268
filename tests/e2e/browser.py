"""A browser for tests and for the documentation's picture.

Belongs here: starting the machine's Chromium. Does not belong here: what is looked at.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from playwright.sync_api import Page, Playwright

ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage"]


def chromium() -> str | None:
    """Where the system's browser is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def open_page(
    playwright: Playwright, path: str, url: str, *, width: int = 1600, height: int = 1000
) -> Iterator[Page]:
    """A page whose addresses are relative to ``url``; closed with its browser."""
    browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
    try:
        context = browser.new_context(
            base_url=url, viewport={"width": width, "height": height}, reduced_motion="reduce"
        )
        yield context.new_page()
    finally:
        browser.close()
