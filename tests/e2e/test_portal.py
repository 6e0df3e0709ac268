"""What a board member sees in the portal, in a real browser."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from platform_assets.core.databases import Database
from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local.wait import wait_until
from reports.charts import Point, trend
from reports.document import Chart
from reports.portal.app import create_app
from reports.portal.audit import Audit
from reports.portal.database import portal_database
from reports.portal.users import User, Users
from reports.store import PDF, ReportStore
from tests.e2e.browser import ARGUMENTS, chromium
from tests.integration.portal_sample import NAME, TABLE_ROWS, TableRows, sample_report

pytestmark = pytest.mark.usefixtures("quick_hashes")

READ = f"/reports/{NAME}/2010-W50"
CHART = Chart(
    id="trend",
    title="Net sales rose to 201 thousand",
    alt="A line from 170 to 201 thousand over four weeks.",
    spec={
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": 480,
        "height": 180,
        "data": {
            "values": [
                {"week": f"W{47 + i}", "net_sales": v} for i, v in enumerate((170, 182, 190, 201))
            ]
        },
        # A calculated field needs Vega's expressions, which the policy forbids to compile.
        "transform": [{"calculate": "datum.net_sales * 1000", "as": "pounds"}],
        "mark": {"type": "line", "point": True, "tooltip": True},
        "encoding": {
            "x": {"field": "week", "type": "ordinal", "title": None},
            "y": {"field": "pounds", "type": "quantitative", "title": None},
        },
    },
    svg='<svg xmlns="http://www.w3.org/2000/svg" width="520" height="180">'
    '<path d="M20 160L180 120L340 90L500 30" fill="none" stroke="#1f5673"/></svg>',
)

POINTED = trend(
    "pointed",
    "Net sales rose to £201",
    "A line from 170 to 201 over four weeks.",
    "GBP",
    [
        Point(f"2010-W{10 + at}", date(2010, 3, 8) + timedelta(weeks=at), Decimal(value))
        for at, value in enumerate((170, 182, 190, 201))
    ],
)
"""A chart as reports draw it; its last point is at the upper right."""


class Served:
    """A portal that answers, its users' passwords, and what the browser complained about."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.url = settings.portal_url
        self.users = Users(database)
        self.audit = Audit(database)
        self.passwords: dict[str, str] = {}

    def add(self, user: User) -> None:
        self.passwords[user.name] = self.users.add(user)


@pytest.fixture(scope="module")
def served(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("portal-reports")
    settings = settings.model_copy(update={"reports_root": str(root)})
    store = ReportStore(settings)
    for report in (
        sample_report(chart=CHART),
        sample_report(period="2010-W51", net_sales="150000", chart=POINTED),
        sample_report("monthly-energy", "2010-12", word="secret-word"),
    ):
        store.save(report)
        store.write(report.name, report.period, PDF, b"%PDF-1.7 sample")
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings, rows=TableRows()),
            host=LOOPBACK,
            port=settings.portal_port,
            log_level="warning",
            proxy_headers=False,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    database = portal_database(settings)
    try:
        wait_until(lambda: server.started, what="the portal", timeout=30)
        found = Served(settings, database)
        found.add(User("anna", reports=frozenset({NAME})))
        found.add(User("berta", reports=frozenset({NAME})))
        yield found
        for name in found.passwords:
            found.users.remove(name)
    finally:
        database.close()
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def browser(served: Served) -> Iterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("no chromium on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser says on its console: violations of the policy, errors of scripts."""
    return []


@pytest.fixture
def context(served: Served, browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        base_url=served.url, viewport={"width": 1100, "height": 900}, reduced_motion="reduce"
    )
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, complaints: list[str]) -> Page:
    page = context.new_page()
    page.on("console", lambda line: complaints.append(line.text) if line.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_from_a_number_down_to_its_rows(
    served: Served, page: Page, complaints: list[str], tmp_path: Path
) -> None:
    page.goto(READ)
    # She comes back to where she wanted to go.
    sign_in(page, "anna", served.passwords["anna"])
    expect(page).to_have_url(served.url + READ)
    expect(page.get_by_role("heading", level=1)).to_have_text("Weekly commerce <report>")
    page.get_by_role("link", name="6.0%", exact=True).click()
    expect(page.get_by_text("The growth of:")).to_be_visible()
    page.get_by_role("link", name="£201,341").first.click()
    expect(page.get_by_role("heading", name="Rows behind it")).to_be_visible()
    expect(page.get_by_text("Rows 1 to 50")).to_be_visible()
    page.get_by_role("link", name="Next").click()
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("Rows 101 to 120")).to_be_visible()
    with page.expect_download() as expected:
        page.get_by_role("link", name="CSV").click()
    saved = tmp_path / "rows.csv"
    expected.value.save_as(saved)
    with saved.open(newline="") as opened:
        lines = list(csv.reader(opened))
    assert len(lines) == 1 + len(TABLE_ROWS)
    assert expected.value.suggested_filename == "weekly-commerce-2010-W50-net_sales.csv"
    asset = page.get_by_role("link", name="gold/retail/sales_per_hour")
    assert asset.get_attribute("href") == (
        f"{served.settings.dagster_url}/assets/gold/retail/sales_per_hour"
    )
    assert complaints == []


def test_a_chart_is_live_under_the_policy(
    served: Served, page: Page, complaints: list[str]
) -> None:
    page.goto(READ)
    sign_in(page, "anna", served.passwords["anna"])
    expect(page.locator("figure[data-chart=live] canvas")).to_be_visible(timeout=30_000)
    picture = page.get_by_role("img", name=CHART.alt)
    expect(picture).to_have_count(1)
    canvas = page.locator("figure canvas").bounding_box()
    assert canvas
    page.mouse.move(canvas["x"] + canvas["width"] - 3, canvas["y"] + 20)
    assert complaints == []


def test_a_point_of_a_live_chart_tells_its_value(
    served: Served, page: Page, complaints: list[str]
) -> None:
    page.goto(f"/reports/{NAME}/2010-W51")
    sign_in(page, "anna", served.passwords["anna"])
    expect(page.locator("figure[data-chart=live] canvas")).to_be_visible(timeout=30_000)
    canvas = page.locator("figure canvas").bounding_box()
    told = page.locator("#vg-tooltip-element")
    assert canvas
    right = canvas["x"] + canvas["width"]
    for across, down in product(range(10, 110, 8), range(10, 110, 8)):
        page.mouse.move(right - across, canvas["y"] + down)
        if told.is_visible():
            break
    expect(told).to_have_text("Mar 29\u2009\u2013\u2009Apr 4, 2010: £201")
    # It stands where one looks, which its inline style says, and goes when the hand does.
    box = told.bounding_box()
    assert box
    assert abs(box["x"] - (right - across)) < box["width"] + 40
    assert abs(box["y"] - (canvas["y"] + down)) < box["height"] + 40
    page.mouse.move(canvas["x"], canvas["y"] - 20)
    expect(told).to_be_hidden()
    assert complaints == []


def test_without_script_the_picture_stays(served: Served, browser: Browser) -> None:
    context = browser.new_context(base_url=served.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(READ)
    sign_in(page, "anna", served.passwords["anna"])
    picture = page.get_by_role("img", name=CHART.alt)
    expect(picture).to_be_visible()
    expect(page.locator("canvas")).to_have_count(0)
    page.get_by_role("link", name="£201,341").first.click()
    expect(page.get_by_text("Rows 1 to 50")).to_be_visible()
    context.close()


def test_on_a_narrow_screen_the_picture_stays(served: Served, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto(READ)
    sign_in(page, "anna", served.passwords["anna"])
    expect(page.locator("figure[data-chart=picture] img")).to_be_visible(timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_find_and_compare(served: Served, page: Page, complaints: list[str]) -> None:
    page.goto("/")
    sign_in(page, "anna", served.passwords["anna"])
    page.get_by_role("button", name="Compare").click()
    row = page.get_by_role("row", name="Net sales").first
    expect(row).to_contain_text("worse")
    expect(row).to_contain_text("-25.5%")
    page.get_by_label("Search the reports").fill("germany")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("status")).to_contain_text("2 reports")
    page.get_by_label("Search the reports").fill("secret-word")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("status")).to_contain_text("0 reports")
    assert complaints == []


def test_anothers_report_is_refused(served: Served, page: Page) -> None:
    page.goto("/")
    sign_in(page, "anna", served.passwords["anna"])
    expect(page.get_by_text("monthly-energy")).to_have_count(0)
    for path in ("", "/facts/net_sales", "/report.pdf", "/csv/net_sales"):
        answer = page.goto(f"/reports/monthly-energy/2010-12{path}")
        assert answer
        assert answer.status == 404
        expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    refused = [entry for entry in served.audit.read(user="anna") if entry.action == "refused"]
    assert len(refused) == 4


def test_a_fourth_wrong_password_is_slowed(served: Served, page: Page) -> None:
    page.goto("/login")
    for _ in range(3):
        sign_in(page, "berta", "wrong")
        expect(page.get_by_role("alert")).to_have_text("Name or password is not right.")
    with page.expect_response("**/login") as answered:
        sign_in(page, "berta", served.passwords["berta"])
    assert answered.value.status == 429
    assert int(answered.value.headers["retry-after"]) > 0
    expect(page.get_by_role("alert")).to_contain_text("Too many attempts")


def test_the_keyboard_reaches_everything(served: Served, page: Page) -> None:
    page.goto(READ)
    sign_in(page, "anna", served.passwords["anna"])
    page.wait_for_url(f"**{READ}")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="PDF")).to_be_focused()


def test_signing_out_ends_it(served: Served, page: Page) -> None:
    page.goto("/")
    sign_in(page, "anna", served.passwords["anna"])
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{served.url}/login")
    page.goto(READ)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
