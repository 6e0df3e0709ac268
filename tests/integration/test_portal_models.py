"""Pages of models in the portal: for whom, from where, and what they may not do."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from platform_assets.alerts.desk import Desk
from platform_assets.core.settings import Settings
from platform_assets.messaging import notifier_from_environment
from reports.portal.app import create_app
from reports.portal.users import User, Users
from tests.alerts_tables import empty_alerts
from tests.integration.test_portal_http import login, token_of
from tests.unit.test_alerts_board import raised

pytestmark = pytest.mark.usefixtures("quick_hashes")

DAY = "/models/purchase/drift/2026-03-02"
SUMMARY = {
    "model": "purchase", "version": 3, "period": "2026-03-02", "rows": 512, "retrain": True,
    "reason": "moved: <b>price</b>", "labels": 40, "f1": 0.25, "distances": {}, "notes": ["n & m"],
}  # fmt: skip


@pytest.fixture(scope="module")
def settings(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    root = tmp_path_factory.mktemp("models")
    folder = root / "drift" / "purchase"
    folder.mkdir(parents=True)
    (folder / "2026-03-02.json").write_text(json.dumps(SUMMARY))
    (folder / "2026-03-02.html").write_text("<script>document.title = 'drawn'</script>")
    (folder / "2026-03-01.json").write_text(json.dumps({**SUMMARY, "period": "2026-03-01"}))
    (root / "secret.json").write_text("{}")
    (folder / "2026-03-09.json").symlink_to(root / "secret.json")
    return settings.model_copy(update={"models_root": str(root)})


@pytest.fixture
def open_as(settings: Settings) -> Iterator[object]:
    app = create_app(settings)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as client:

        def make(*reports: str, admin: bool = False) -> TestClient:
            user = User(f"u-{uuid.uuid4().hex[:8]}", admin, frozenset(reports))
            client.cookies.clear()
            password = Users(app.state.portal.database).add(user)
            assert login(client, user.name, password).status_code == 303
            return client

        make.anonymous = client  # type: ignore[attr-defined]
        yield make


def test_a_reader_of_models_sees_days_and_what_was_decided(open_as) -> None:  # type: ignore[no-untyped-def]
    reader = open_as("models")
    listed = reader.get("/models")
    assert DAY in listed.text
    assert listed.text.index("2026-03-02") < listed.text.index("2026-03-01")
    shown = reader.get(DAY)
    assert shown.status_code == 200
    assert "moved: &lt;b&gt;price&lt;/b&gt;" in shown.text
    assert "n &amp; m" in shown.text
    assert 'sandbox="allow-scripts"' in shown.text
    assert "labels.html" not in shown.text, "that day has no such page"
    assert "frame-src 'self'" in shown.headers["content-security-policy"]
    assert "unsafe" not in shown.headers["content-security-policy"]


def test_scripts_of_others_have_no_origin_and_no_network(open_as) -> None:  # type: ignore[no-untyped-def]
    answer = open_as("models").get(f"{DAY}/data.html")
    assert answer.status_code == 200
    rules = [rule.strip() for rule in answer.headers["content-security-policy"].split(";")]
    assert "sandbox allow-scripts" in rules
    assert "default-src 'none'" in rules
    assert "frame-ancestors 'self'" in rules
    assert not any("connect-src" in rule or "http" in rule for rule in rules)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/models", DAY, f"{DAY}/data.html"])
def test_others_are_refused(open_as, path: str) -> None:  # type: ignore[no-untyped-def]
    assert open_as.anonymous.get(path).status_code == 303
    board = open_as("weekly-commerce")
    assert board.get(path).status_code == 404
    assert "/models" not in board.get("/").text
    assert open_as(admin=True).get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/models/purchase/drift/2026-03-09",  # a link out of the folder
        "/models/purchase/drift/2026-04-01",
        "/models/purchase/drift/..%2F..%2Fsecret",
        "/models/..%2F../drift/2026-03-02",
        "/models/.../drift/2026-03-02",
        "/models/%2e%2e/drift/2026-03-02",
        f"{DAY}/labels.html",
        f"{DAY}/secret.html",
        f"{DAY}/..%2f..%2f..%2fsecret.html",
        f"{DAY}%00/data.html",
    ],
)
def test_no_address_leads_out_of_the_folder(open_as, path: str) -> None:  # type: ignore[no-untyped-def]
    answer = open_as("models").get(path)
    assert answer.status_code == 404
    assert "Page not found" in answer.text


def test_the_page_of_a_link_is_not_listed_as_a_day(settings: Settings) -> None:
    from reports.portal.models import Pages

    found = [day.day for day in Pages(Path(settings.models_root) / "drift").days()]
    assert found == ["2026-03-02", "2026-03-01"]


def test_the_live_page_is_for_those_who_may_read_it(open_as) -> None:  # type: ignore[no-untyped-def]
    for path in ("/live", "/live/events"):
        assert open_as.anonymous.get(path).status_code == 303
    board = open_as("weekly-commerce")
    assert board.get("/live").status_code == board.get("/live/events").status_code == 404
    assert "/live" not in board.get("/").text
    shown = open_as("live").get("/live")
    assert shown.status_code == 200
    assert "connect-src 'self'" in shown.headers["content-security-policy"]
    assert "unsafe" not in shown.headers["content-security-policy"]


def test_an_alert_is_seen_and_looked_after_by_those_who_may(open_as, settings: Settings) -> None:  # type: ignore[no-untyped-def]
    empty_alerts(settings)
    name = f"shop/<b>{uuid.uuid4().hex}"
    desk = Desk(settings, notifier_from_environment(settings, {"WEIR_NOTIFY": "log"}))
    desk.take([raised(name, title=name)])
    desk.look()
    assert desk.send(lambda _: b"\x89PNG", time.monotonic() + 20).failed == 0
    desk.close()
    assert open_as.anonymous.get("/alerts").status_code == 303
    board = open_as("weekly-commerce")
    assert board.get("/alerts").status_code == 404
    client = open_as("alerts")
    page = client.get("/alerts").text
    assert "<b>" not in page
    incident = page.split('href="/alerts/')[1].split('"')[0]
    shown = client.get(f"/alerts/{incident}")
    assert name.replace("<b>", "&lt;b&gt;") in shown.text
    assert client.get(f"/alerts/{incident}/chart.png").content == b"\x89PNG"
    path = f"/alerts/{incident}/acknowledge"
    assert client.post(path, data={"csrf": "wrong"}).status_code == 403
    form = {"csrf": token_of(shown), "comment": "pump 7"}
    assert client.post(path, data=form).status_code == 303
    after = client.get(f"/alerts/{incident}").text
    assert "pump 7" in after
    assert "I look after it" not in after
    other = open_as("alerts")
    late = {"csrf": token_of(other.get(f"/alerts/{incident}")), "comment": "me too"}
    assert "is acknowledged by portal:" in other.post(path, data=late).text
    assert other.get("/alerts/ffff").status_code == 404
