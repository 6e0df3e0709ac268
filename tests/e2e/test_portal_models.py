"""A page of Evidently in a real browser: drawn within its frame, nothing asked of the network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from playwright.sync_api import expect, sync_playwright

from ml.drift import pages
from ml.drift.report import data_page
from platform_assets.core.settings import Settings
from reports.portal.users import User
from tests.e2e.browser import ARGUMENTS, chromium
from tests.e2e.portal import portal_for

SUMMARY = {
    "model": "purchase", "version": 3, "period": "2026-03-02", "rows": 400, "retrain": True,
    "reason": "moved: amount", "labels": 0, "f1": None, "distances": {}, "notes": [],
}  # fmt: skip


@pytest.fixture
def served(settings: Settings, tmp_path: Path) -> Iterator[tuple[Settings, str]]:
    """A portal with one day of a model, and the password of a reader."""
    settings = settings.model_copy(update={"models_root": str(tmp_path)})
    rng = np.random.default_rng(1)
    page = data_page(
        pl.DataFrame({"amount": rng.normal(0, 1, 2000)}),
        pl.DataFrame({"amount": rng.normal(1, 1, 400)}),
    )
    pages.write(settings, "purchase", date(2026, 3, 2), SUMMARY, data=page.html)
    with portal_for(settings, User("models-reader", reports=frozenset({"models"}))) as password:
        yield settings, password


@pytest.mark.skipif(chromium() is None, reason="needs a Chromium on PATH")
def test_the_page_is_drawn_in_its_frame_and_loads_nothing(served: tuple[Settings, str]) -> None:
    settings, password = served
    asked: list[str] = []
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page(
            base_url=settings.portal_url, viewport={"width": 1300, "height": 900}
        )
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        page.goto("/login?next=/models/purchase/drift/2026-03-02")
        page.get_by_label("Name").fill("models-reader")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("The model should be retrained")).to_be_visible()
        frame = page.frame_locator("iframe.evidently")
        expect(frame.get_by_text("Dataset Drift").first).to_be_visible(timeout=20_000)
        expect(frame.get_by_text("amount").first).to_be_visible()
        origin = page.frames[1].evaluate("window.origin")
        browser.close()
    assert origin == "null"
    assert all(url.startswith((settings.portal_url, "data:", "blob:")) for url in asked)
    assert complaints == []
