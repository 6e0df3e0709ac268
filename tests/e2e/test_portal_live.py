"""The live page on a phone: a sentiment that changes arrives, without a reload."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator

import pytest
import uvicorn
from playwright.sync_api import Page, expect, sync_playwright

from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local.wait import wait_until
from platform_assets.processors.hot.store import HotStore
from reports.portal.app import create_app
from reports.portal.users import User, Users
from tests.e2e.browser import ARGUMENTS, chromium
from tests.integration.speed import hot_rows

PHONE = {"width": 360, "height": 740}
pytestmark = pytest.mark.skipif(chromium() is None, reason="needs a Chromium on PATH")


@pytest.fixture
def complaints() -> list[str]:
    """What the browser says on its console."""
    return []


@pytest.fixture
def page(settings: Settings, complaints: list[str]) -> Iterator[Page]:
    """The live page, as one who may read it sees it."""
    app = create_app(settings)
    server = uvicorn.Server(
        uvicorn.Config(app, host=LOOPBACK, port=settings.portal_port, log_level="warning")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, what="the portal", timeout=30)
    users, name = Users(app.state.portal.database), f"u-{uuid.uuid4().hex[:8]}"
    password = users.add(User(name, admin=False, reports=frozenset({"live"})))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page(base_url=settings.portal_url, viewport=PHONE)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type != "log" else 0)
        page.goto("/login?next=/live")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/live")
        yield page
        browser.close()
    users.remove(name)
    server.should_exit = True
    thread.join(20)


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
