"""The portal over HTTP on a real PostgreSQL: who gets what, and what every answer carries."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator

import psycopg
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from httpx import Response

from platform_assets.core.databases import Database, connect
from platform_assets.core.settings import Settings
from reports.portal.app import create_app
from reports.portal.audit import Audit
from reports.portal.database import DATABASE, portal_database
from reports.portal.sessions import Sessions
from reports.portal.users import User, Users
from reports.store import PDF, ReportStore
from tests.integration.portal_sample import NAME, TABLE_ROWS, TableRows, sample_report

pytestmark = pytest.mark.usefixtures("quick_hashes")

READ = f"/reports/{NAME}/2010-W50"
FACT = f"{READ}/facts/net_sales"


@pytest.fixture(scope="module")
def settings(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """PostgreSQL alone, and a folder with two reports."""
    root = tmp_path_factory.mktemp("reports")
    found = settings.model_copy(update={"reports_root": str(root)})
    store = ReportStore(found)
    for report in (
        sample_report(),
        sample_report(period="2010-W51", net_sales="150000", word="zebra"),
        sample_report("monthly-energy", "2010-12", word="secret-word"),
        sample_report(period="2010-W52", held="a check failed"),
    ):
        store.save(report)
        store.write(report.name, report.period, PDF, b"%PDF-1.7 sample")
    (root / "outside.json").write_text("{}")
    return found


@pytest.fixture(scope="module")
def database(settings: Settings) -> Iterator[Database]:
    found = portal_database(settings)
    yield found
    found.close()


Client = Callable[..., TestClient]


@pytest.fixture
def client(settings: Settings, database: Database) -> Iterator[Client]:
    """Opens the portal as a new user of their own, signed in."""
    opened: list[TestClient] = []
    added: list[str] = []

    def make(*, sign_in: bool = True, user: User | None = None) -> TestClient:
        app = create_app(settings, rows=TableRows())
        found = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
        found.__enter__()
        opened.append(found)
        if sign_in:
            reader = user or User(f"anna-{len(added)}", reports=frozenset({NAME}))
            password = Users(database).add(reader)
            added.append(reader.name)
            answer = login(found, reader.name, password)
            assert answer.status_code == 303, answer.text
        return found

    yield make
    for found in opened:
        found.__exit__(None, None, None)
    for name in added:
        Users(database).remove(name)


def token_of(answer: Response) -> str:
    match = re.search(r'name="csrf" value="([^"]+)"', answer.text)
    assert match, answer.text
    return match[1]


def login(client: TestClient, name: str, password: str, target: str = "/") -> Response:
    form = client.get("/login", params={"next": target})
    data = {"name": name, "password": password, "csrf": token_of(form), "next": target}
    return client.post("/login", data=data)


def test_nobody_sees_anything_unsigned(client: Client) -> None:
    anonymous = client(sign_in=False)
    pdf, rows = f"{READ}/report.pdf", f"{READ}/csv/net_sales"
    for path in ("/", READ, FACT, pdf, rows, "/record", "/search?q=a"):
        answer = anonymous.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=%2F")


def test_a_reader_reads_their_report(client: Client) -> None:
    anna = client()
    page = anna.get(READ)
    assert page.status_code == 200
    assert f'<a class="figure" href="{FACT}">£201,341</a>' in page.text
    assert f'href="{READ}/facts/net_sales.growth.previous">6.0%</a>' in page.text
    assert "Plan 2010" in page.text
    assert "Visits are missing for two days." in page.text
    assert anna.get(f"{READ}/report.pdf").content == b"%PDF-1.7 sample"
    newest = anna.get(f"/reports/{NAME}")
    assert newest.headers["location"] == f"/reports/{NAME}/2010-W51"


@pytest.mark.parametrize(
    "path",
    [
        "/reports/monthly-energy/2010-12",
        "/reports/monthly-energy",
        "/reports/monthly-energy/2010-12/report.pdf",
        "/reports/monthly-energy/2010-12/facts/net_sales",
        "/reports/monthly-energy/2010-12/facts/net_sales?page=2",
        "/reports/monthly-energy/2010-12/csv/net_sales",
        "/reports/monthly-energy/2010-12/parquet/net_sales",
        "/reports/monthly-energy/compare?a=2010-12&b=2010-12",
        f"/reports/{NAME}/2010-W52",
        f"/reports/{NAME}/compare?a=2010-W50&b=2010-W52",
        "/record",
    ],
)
def test_anothers_report_is_as_if_it_were_not(client: Client, path: str) -> None:
    anna = client()
    answer = anna.get(path)
    missing = anna.get("/reports/no-such-report/2010-12")
    assert (answer.status_code, answer.text) == (404, missing.text)


def test_list_and_search_show_only_what_is_theirs(client: Client) -> None:
    anna = client()
    listed = anna.get("/").text
    assert "2010-W51" in listed
    assert "monthly-energy" not in listed
    assert "2010-W52" not in listed
    assert "<mark>zebra</mark>" in anna.get("/search", params={"q": "ZEBRA sales"}).text
    assert "0 reports" in anna.get("/search", params={"q": "secret-word"}).text


def test_an_admin_sees_everything(client: Client) -> None:
    root = client(user=User("root", admin=True))
    assert root.get("/reports/monthly-energy/2010-12").status_code == 200
    assert "a check failed" in root.get(f"/reports/{NAME}/2010-W52").text
    assert "sign-in" in root.get("/record").text


def test_a_fact_shows_where_it_comes_from(client: Client, settings: Settings) -> None:
    text = client().get(f"{READ}/facts/net_sales.growth.previous").text
    assert f"{settings.dagster_url}/assets/gold/retail/sales_per_hour" in text
    assert "4711" in text
    assert "note &lt;&gt; &#39;&lt;script&gt;&#39;" in text
    assert f'href="{FACT}">£201,341' in text
    assert f'href="{FACT}.previous">£190,000' in text


def test_rows_are_paged(client: Client) -> None:
    anna = client()
    seen = []
    for number in (1, 2, 3):
        text = anna.get(FACT, params={"page": number}).text
        body = text[text.index('<table class="rows">') :]
        seen += re.findall(r'class="number" dir="auto">([0-9.]+)</td></tr>', body)
        assert ("Next" in text) == (number < 3)
    assert seen == [str(row[2]) for row in TABLE_ROWS]


@pytest.mark.parametrize("page", ["0", "-1", "2001", "99999999999999999999", "x", "1e3"])
def test_odd_pages_are_refused(client: Client, page: str) -> None:
    assert client().get(FACT, params={"page": page}).status_code == 404


def test_rows_as_csv_and_parquet(client: Client) -> None:
    anna = client()
    answer = anna.get(f"{READ}/csv/net_sales")
    assert (
        'filename="weekly-commerce-2010-W50-net_sales.csv"'
        in (answer.headers["content-disposition"])
    )
    lines = list(csv.reader(io.StringIO(answer.text)))
    assert lines[0] == ["country", "day", "net_sales"]
    assert len(lines) == 1 + len(TABLE_ROWS)
    # A spreadsheet must not run what a table holds.
    assert lines[2] == ["'=HYPERLINK(1)", "1", "10.1"]
    table = pq.read_table(io.BytesIO(anna.get(f"{READ}/parquet/net_sales").content))
    assert [tuple(row.values()) for row in table.to_pylist()] == list(TABLE_ROWS)
    assert str(table.schema.field("net_sales").type) == "decimal128(12, 2)"


def test_rows_are_read_as_the_readers_trino_user(client: Client) -> None:
    anna = client(user=User("anna", reports=frozenset({NAME}), trino_user="nobody"))
    page = anna.get(FACT)
    assert page.status_code == 200
    assert "Access Denied" in page.text
    export = anna.get(f"{READ}/csv/net_sales")
    assert export.status_code == 502
    assert "Access Denied" in export.text
    assert "content-disposition" not in export.headers


def test_rows_that_are_no_longer_kept_are_said_to_be_gone_and_the_number_stays(
    client: Client,
) -> None:
    late = client(user=User("late", reports=frozenset({NAME}), trino_user="latecomer"))
    page = late.get(FACT)
    assert page.status_code == 200
    assert "The rows are no longer kept." in page.text
    assert f"weir report {NAME} --period 2010-W50" in page.text
    assert "keep_snapshot_days" in page.text
    assert "£201,341" in page.text
    assert "cannot be read" not in page.text
    for form in ("csv", "parquet"):
        export = late.get(f"{READ}/{form}/net_sales")
        assert export.status_code == 303
        assert export.headers["location"] == f"{FACT}#rows"


def test_two_periods_face_each_other(client: Client) -> None:
    text = client().get(f"/reports/{NAME}/compare?a=2010-W51&b=2010-W50").text
    row = re.search(r">Net sales </?.*?</tr>|>Net sales<.*?</tr>", text, re.DOTALL)
    assert row
    cells = re.sub(r"<[^>]+>", " ", row[0])
    for part in ("£201,341", "£150,000", "-£51,341", "-25.5%", "worse"):
        assert part in cells.replace("\N{MINUS SIGN}", "-")


def test_nothing_is_shown_raw(client: Client) -> None:
    anna = client()
    for path in (
        READ,
        FACT,
        "/",
        "/search?q=%3Cscript%3E",
        f"/reports/{NAME}/compare?a=2010-W50&b=2010-W51",
    ):
        text = anna.get(path).text
        assert "<script>" not in text
        assert "<report>" not in text
        assert "<b>France" not in text


def test_every_answer_is_shielded(client: Client) -> None:
    anna = client()
    for path in ("/", READ, "/nothing", "/static/portal.css", f"{READ}/csv/net_sales"):
        headers = anna.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
    assert anna.get(READ).headers["cache-control"] == "no-store"
    assert anna.get("/", headers={"host": "evil.example"}).status_code == 400
    assert anna.post("/login", content=b"x" * 20_000).status_code == 413
    assert anna.post("/login", content=iter([b"x"])).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/reports/../outside.json/2010-W50",
        "/reports/%2e%2e/2010-W50",
        "/reports/..%2f..%2fetc/2010-W50",
        f"/reports/{NAME}/..%2f2010-W50",
        f"/reports/{NAME}/2010-W50%0a",
        f"/reports/{NAME}%00/2010-W50",
        f"{READ}/charts/..%2f..%2fx.svg",
        f"{READ}/facts/%00",
        "/static/..%2f..%2fusers.py",
        "/static/%2e%2e/users.py",
    ],
)
def test_no_address_leads_out_of_the_store(client: Client, path: str) -> None:
    root = client(user=User("root", admin=True))
    assert root.get(path).status_code == 404


def test_a_fourth_wrong_password_is_slowed(client: Client, database: Database) -> None:
    anonymous = client(sign_in=False)
    password = Users(database).add(User("berta", reports=frozenset({NAME})))
    try:
        for _ in range(3):
            assert login(anonymous, "berta", "wrong").status_code == 403
        slowed = login(anonymous, "berta", "wrong")
        assert slowed.status_code == 429
        assert 0 < int(slowed.headers["retry-after"]) <= 300
        # Nor is the right one looked at now; somebody else may still sign in.
        assert login(anonymous, "berta", password).status_code == 429
        assert login(anonymous, "nobody", "wrong").status_code == 403
        entries = Audit(database).read(user="berta")
        assert [entry.detail for entry in entries] == ["slowed", "slowed", "", "", ""]
    finally:
        Users(database).remove("berta")


@pytest.mark.parametrize("name", ["", "nul\x00", "a" * 300, "' OR 1=1 --"])
def test_odd_names_are_no_users(client: Client, name: str) -> None:
    assert login(client(sign_in=False), name, "x").status_code in (403, 404)


def test_a_form_needs_its_token(client: Client) -> None:
    anna = client()
    assert anna.post("/logout").status_code == 403
    assert anna.post("/logout", data={"csrf": "wrong"}).status_code == 403
    assert anna.get(READ).status_code == 200
    stranger = client(sign_in=False)
    data = {"name": "anna", "password": "x", "csrf": token_of(stranger.get("/login"))}
    other_site = {"sec-fetch-site": "cross-site"}
    for answer in (
        stranger.post("/login", data={**data, "csrf": ""}),
        stranger.post("/login", data={**data, "csrf": "wrong"}),
        stranger.post("/login", data=data, headers=other_site),
    ):
        assert answer.status_code == 403
        assert "too old" in answer.text


def test_the_session_changes_at_sign_in_and_ends(
    client: Client, database: Database, settings: Settings
) -> None:
    anna = client(sign_in=False)
    password = Users(database).add(User("carla", reports=frozenset({NAME})))
    try:
        anna.cookies.set("weir", "chosen-by-somebody-else")
        answer = login(anna, "carla", password)
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        first = answer.cookies["weir"]
        assert first != "chosen-by-somebody-else"
        anna.cookies.clear()
        anna.cookies.set("weir", first)
        assert anna.get(READ).status_code == 200
        # Used after half an hour of silence, it is over.
        with psycopg.connect(settings.postgres_dsn(DATABASE)) as connection:
            connection.execute(
                "UPDATE portal_session SET seen_at = now() - interval '31 minutes'"
                " WHERE user_name = 'carla'"
            )
        assert anna.get(READ).status_code == 303
        second = Sessions(database).start(User("carla"))
        anna.cookies.clear()
        anna.cookies.set("weir", second)
        assert anna.post("/logout", data={"csrf": token_of(anna.get("/"))}).status_code == 303
        assert Sessions(database).find(second) is None
    finally:
        Users(database).remove("carla")


def test_who_loses_a_role_loses_it_at_once(client: Client, database: Database) -> None:
    anna = client(user=User("dora", reports=frozenset({NAME})))
    assert anna.get(READ).status_code == 200
    Users(database).remove("dora")
    assert anna.get(READ).status_code == 303
    Users(database).add(User("dora"))


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "/%09/evil", "x"]
)
def test_signing_in_leads_to_no_other_site(client: Client, database: Database, target: str) -> None:
    anonymous = client(sign_in=False)
    password = Users(database).add(User("emma"))
    try:
        location = login(anonymous, "emma", password, target).headers["location"]
        assert location == (target if target == "/%09/evil" else "/")
    finally:
        Users(database).remove("emma")


def test_without_its_database_it_shows_nothing(client: Client, settings: Settings) -> None:
    anna = client()
    allow = f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS"
    with connect(settings, "postgres") as administrator:
        administrator.execute(f"{allow} false")
        try:
            anna.app.state.portal.database.close()  # type: ignore[attr-defined]
            answer = anna.get(READ)
        finally:
            administrator.execute(f"{allow} true")
    assert answer.status_code == 503
    assert "Net sales" not in answer.text
    assert "postgres" not in answer.text.lower()


def test_everything_seen_is_on_record(client: Client, database: Database) -> None:
    anna = client(user=User("frida", reports=frozenset({NAME})))
    parquet, pdf = f"{READ}/parquet/net_sales", f"{READ}/report.pdf"
    for path in (READ, FACT, parquet, pdf, "/reports/monthly-energy/2010-12", "/search?q=zebra"):
        anna.get(path)
    entries = [
        (str(entry.action), entry.report, entry.period, entry.detail)
        for entry in reversed(Audit(database).read(user="frida"))
    ]
    assert entries == [
        ("sign-in", "", "", ""),
        ("read", NAME, "2010-W50", ""),
        ("fact", NAME, "2010-W50", "net_sales"),
        ("export", NAME, "2010-W50", "parquet net_sales"),
        ("pdf", NAME, "2010-W50", ""),
        ("refused", "monthly-energy", "2010-12", ""),
        ("search", "", "", "zebra"),
    ]
