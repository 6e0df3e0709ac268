"""The live page on a phone: a sentiment that changes arrives, without a reload."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from platform_assets.core.settings import Settings
from platform_assets.processors.hot.store import HotStore
from reports.portal.users import User
from tests.e2e.browser import chromium
from tests.e2e.portal import signed_in
from tests.integration.speed import hot_rows

PHONE: ViewportSize = {"width": 360, "height": 740}
pytestmark = pytest.mark.skipif(chromium() is None, reason="needs a Chromium on PATH")


@pytest.fixture
def complaints() -> list[str]:
    """What the browser says on its console."""
    return []


@pytest.fixture
def page(settings: Settings, complaints: list[str]) -> Iterator[Page]:
    """The live page, as one who may read it sees it, where no processor has run yet."""
    store = HotStore(settings)
    with store.database.borrow() as connection:
        # Tests before may have run one on the same servers.
        connection.execute("DELETE FROM processor_state")
    store.close()
    user = User(f"u-{uuid.uuid4().hex[:8]}", admin=False, reports=frozenset({"live"}))
    with signed_in(settings, user, "/live", PHONE, complaints) as found:
        yield found


def test_a_change_of_sentiment_arrives_on_a_phone(
    page: Page, complaints: list[str], settings: Settings
) -> None:
    store, language = HotStore(settings), f"q{uuid.uuid4().hex[:6]}"
    expect(page.get_by_role("status")).to_have_text("The processor does not run.")
    row = page.get_by_role("row", name=language)

    def write(sentiment: str) -> float:
        before = store.positions(language)
        after = {0: before.get(0, 0) + 1}
        store.add(
            language, before, after, hot_rows(language, language=language, sentiment=sentiment)
        )
        return time.monotonic()

    write("positive")
    expect(row).to_have_text(f"{language}1000")
    written = write("negative")
    expect(row).to_have_text(f"{language}1010")
    assert time.monotonic() - written < 2
    expect(page.locator("#minutes rect.negative").last).to_be_attached()
    expect(page.locator("#p95")).to_contain_text("ms")
    for counts, shown in (([0, 0, 0, 3], True), ([0, 1, 0, 3], False)):
        picture = {
            "rate": 1, "p95": None, "texts": 3, "lag": 0, "dead_letters": 0, "functions": "",
            "minutes": [[0, *counts]], "languages": [["en", *counts]],
        }  # fmt: skip
        hint = "document.getElementById('untrained')"
        script = f"picture => {{ show(picture); return !{hint}.hidden; }}"
        assert page.evaluate(script, picture) is shown
    # Nothing is wider than the screen, and the stream is the page's own.
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert complaints == []
    store.close()
