"""The live page on a phone: a sentiment that changes arrives, without a reload."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from ml.anomaly.incidents import Event, Incident, Kind
from ml.anomaly.series import Happened, Reading
from ml.anomaly.store import DATABASE, Cursor, Scored, Store, Told
from platform_assets.core.databases import connect
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
def strange(settings: Settings) -> Iterator[str]:
    """The stream of a signal whose last two points went astray, as watching keeps it."""
    stream, now = f"t-{uuid.uuid4().hex[:8]}", datetime.now(UTC).timestamp() // 1
    points = [(now - 600 * (20 - n), 9.0 if n >= 18 else 1.0 + n % 3) for n in range(20)]
    scored = [
        Scored("m-02", at, [Reading("vibration", value, value / 4.5, 1.0)]) for at, value in points
    ]
    incident = Incident("m-02", points[18][0], points[19][0], 2.0, points[19][0], 2)
    event = Happened(Event(Kind.OPENED, points[19][0], incident), tuple(scored[-1].readings))
    details = {"incident": asdict(incident), "readings": [asdict(scored[-1].readings[0])]}
    cursor = Cursor(0, now, points[0][0], 0)
    store = Store(settings)
    store.commit(stream, None, cursor, [], scored, [Told("m-02", event, details)], 0)
    store.close()
    yield stream
    with connect(settings, DATABASE) as connection:
        for table in ("incident_events", "anomaly_scores", "anomaly_cursor"):
            connection.execute(f"DELETE FROM {table} WHERE stream = '{stream}'".encode())


@pytest.fixture
def page(settings: Settings, complaints: list[str], strange: str) -> Iterator[Page]:
    """The live page, as one who may read it sees it, where no processor has run yet."""
    assert strange
    store = HotStore(settings)
    with store.database.borrow() as connection:
        # Tests before may have run one on the same servers.
        connection.execute("DELETE FROM processor_state")
    store.close()
    user = User(f"u-{uuid.uuid4().hex[:8]}", admin=False, reports=frozenset({"live"}))
    with signed_in(settings, user, "/live", PHONE, complaints) as found:
        yield found


def test_a_change_of_sentiment_arrives_on_a_phone(
    page: Page, complaints: list[str], settings: Settings, strange: str
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
    page.get_by_label("Year").check()
    expect(page.locator("#title")).to_have_text("Texts a day, last year")
    expect(page.locator("#minutes rect.negative").last).to_be_attached()
    expect(page.locator("#minutes rect").first).to_have_attribute("width", re.compile(r"^1\."))
    # A signal that went astray is drawn; one that is over comes after those that go on.
    cards = page.locator("#incidents > li")
    expect(cards.first).to_contain_text(f"{strange}, m-02")
    expect(cards.first).to_contain_text("vibration 9.000")
    expect(cards.first).to_contain_text("2.0 times its threshold")
    expect(cards.first.locator("polyline")).to_be_visible()
    expect(cards.first.locator("circle")).to_have_count(2)
    expect(page.locator("#sources tr").first).to_be_visible()
    # Nothing is wider than the screen, and the stream is the page's own.
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert complaints == []
    store.close()
