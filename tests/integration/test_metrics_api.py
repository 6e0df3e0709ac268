"""The metrics API over HTTP, on a real PostgreSQL and Valkey: rights, ETags, kills."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from platform_assets.core.settings import Settings
from platform_assets.local import valkey
from platform_assets.local.wait import wait_until
from platform_assets.processors.hot import watcher
from platform_assets.processors.hot.answers import BOUND_SECONDS
from platform_assets.processors.hot.figures import Figures, Seen, note
from platform_assets.processors.hot.live import Newest
from platform_assets.processors.hot.store import HotStore
from reports.portal.app import create_app
from reports.portal.database import portal_database
from reports.portal.sessions import Sessions
from reports.portal.users import User, Users
from tests.connectors.servers import Server, running
from tests.integration.speed import hot_rows
from tests.ports import free_port_base

pytestmark = pytest.mark.usefixtures("quick_hashes")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Settings]]:
    """The local profile's Valkey, as it is started there."""
    home = tmp_path_factory.mktemp("home")
    own = Settings(home=home, port_base=free_port_base())
    entry = valkey.server(own)
    entry.prepare()
    with running(entry.command, entry.ports[0], home / "log") as server:
        wait_until(entry.probe, what="Valkey", timeout=10)
        yield server, own


@pytest.fixture(scope="module")
def portal(settings: Settings, cache: tuple[Server, Settings]) -> Settings:
    """Settings of the portal: PostgreSQL of the session, that cache."""
    _, own = cache
    return settings.model_copy(update={"home": own.home, "redis_url": own.redis_url})


class Reader:
    """Somebody who is signed in, and their client."""

    def __init__(self, settings: Settings, client: TestClient, *reports: str) -> None:
        database = portal_database(settings)
        self._users = Users(database)
        self.user = User(f"u-{uuid.uuid4().hex[:8]}", reports=frozenset(reports))
        self._users.add(self.user)
        self.sessions, self.client = Sessions(database), client
        self.token = self.sessions.start(self.user)

    def get(self, path: str, **headers: str) -> Response:
        return self.client.get(path, headers={"Cookie": f"weir={self.token}", **headers})

    def texts(self, topic: str, answer: Response | None = None) -> int:
        found = (answer or self.get("/api/metrics/topic")).json()["rows"]
        return sum(row["texts"] for row in found if row["name"] == topic)

    def close(self) -> None:
        self._users.remove(self.user.name)


@pytest.fixture
def client(portal: Settings) -> Iterator[TestClient]:
    app = create_app(portal)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as found:
        yield found


@pytest.fixture
def reader(portal: Settings, client: TestClient) -> Iterator[Reader]:
    found = Reader(portal, client, "live")
    yield found
    found.close()


@pytest.fixture
def store(settings: Settings) -> Iterator[HotStore]:
    found = HotStore(settings)
    yield found
    found.close()


def write(store: HotStore, topic: str, **changes: object) -> None:
    before = store.positions(topic)
    store.add(topic, before, {0: before.get(0, 0) + 1}, hot_rows(topic, **changes))


def found_in_cache(answer: Response) -> bool:
    return "desc=hit" in answer.headers["Server-Timing"]


def test_only_who_may_see_the_live_page_is_answered(
    portal: Settings, client: TestClient, reader: Reader
) -> None:
    other = Reader(portal, client, "weekly-commerce")
    assert client.get("/api/metrics/sentiment").status_code == 401
    assert other.get("/api/metrics/sentiment").status_code == 403
    assert reader.get("/api/metrics/sentiment").status_code == 200
    reader.sessions.end(reader.token)
    wait_until(
        lambda: reader.get("/api/metrics/sentiment").status_code == 401,
        what="the end of the session to count",
        timeout=5,
    )
    other.close()


def test_sums_are_right_and_an_etag_spares_the_body(store: HotStore, reader: Reader) -> None:
    topic = f"t.{uuid.uuid4().hex[:8]}"
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    for minute, feeling in ((1, "positive"), (1, "negative"), (7, "positive")):
        write(
            store, topic, occurred_at=hour + timedelta(minutes=minute), sentiment=feeling,
            language="q9", intensity=0.5, day=hour.date(),
        )  # fmt: skip
    wanted = {
        "minute": [(1, 2), (7, 1)],
        "hour": [(0, 3)],
    }
    for by, rows in wanted.items():
        path = f"/api/metrics/topic?by={by}&since={hour:%Y-%m-%dT%H:%M:%SZ}"
        answer = reader.get(path).json()
        got = [(row["at"], row["texts"]) for row in answer["rows"] if row["name"] == topic]
        assert got == [
            (f"{hour + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}", texts)
            for minute, texts in rows
        ]
    by_day = reader.get(f"/api/metrics/language?by=day&since={hour:%Y-%m-%d}T00:00:00Z").json()
    assert next(row["texts"] for row in by_day["rows"] if row["name"] == "q9") >= 3

    path = f"/api/metrics/sentiment?by=hour&until={hour + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    first = reader.get(path)
    again = reader.get(path, **{"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    write(store, topic, occurred_at=hour, day=hour.date())
    wait_until(
        lambda: reader.get(path, **{"If-None-Match": first.headers["ETag"]}).status_code == 200,
        what="another answer after an event",
        timeout=1.5,
    )


def test_what_is_wrong_with_a_question_is_said(reader: Reader) -> None:
    for path, words in (
        ("sentiment?by=week", "by: "),
        ("moods", "of: "),
        ("sentiment?since=2020-01-01T00:00:00Z", "more than 1440 minutes"),
        ("sentiment?since=2020-01-01T00:00:00Z&until=2019-01-01T00:00:00Z", "nothing lies"),
    ):
        answer = reader.get(f"/api/metrics/{path}")
        assert answer.status_code == 400
        assert words in answer.json()["error"]


def test_an_event_and_another_lag_make_a_new_answer(store: HotStore, reader: Reader) -> None:
    topic, path = f"t.{uuid.uuid4().hex[:8]}", "/api/metrics/throughput"
    wait_until(lambda: found_in_cache(reader.get(path)), what="an answer in the cache", timeout=5)
    write(store, topic)
    wait_until(lambda: reader.texts(topic) == 1, what="the event's answer", timeout=1.5)

    name = f"p{uuid.uuid4().hex[:8]}"

    def noted(lag: int) -> None:
        note(store.database, name, Figures(), Seen(lag, 1.0, None, None, None), "words-1")

    noted(7)
    wait_until(
        lambda: name in reader.get(path).text and int(reader.get(path).headers["Weir-Lag"]) >= 7,
        what="the processor's lag",
        timeout=1.5,
    )
    noted(0)
    wait_until(
        lambda: [one["lag"] for one in reader.get(path).json()["processors"]
                 if one["processor"] == name] == [0],
        what="its end",
        timeout=1.5,
    )  # fmt: skip
    with store.database.borrow() as connection:
        connection.execute("DELETE FROM processor_state WHERE processor = %s", (name,))


def test_the_bound_holds_where_no_event_is_heard(
    store: HotStore, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher.live, "newest", lambda _database: Newest("7", 0))
    topic, path = f"t.{uuid.uuid4().hex[:8]}", "/api/metrics/topic"
    wait_until(lambda: found_in_cache(reader.get(path)), what="an answer in the cache", timeout=5)
    write(store, topic)
    written, stale = time.time(), 0
    while (texts := reader.texts(topic)) == 0:
        stale += 1
        assert time.time() - written <= BOUND_SECONDS + 0.2
    assert texts == 1
    assert stale > 0  # it was old indeed: nothing but the bound has ended it


def test_answers_stay_right_and_quick_when_the_cache_is_killed_under_load(
    cache: tuple[Server, Settings], store: HotStore, reader: Reader
) -> None:
    server, _ = cache
    topic, path = f"t.{uuid.uuid4().hex[:8]}", "/api/metrics/topic"
    wait_until(lambda: found_in_cache(reader.get(path)), what="an answer in the cache", timeout=5)
    written: list[float] = []
    stop = threading.Event()

    def pour() -> None:
        while not stop.wait(0.05):
            write(store, topic)
            written.append(time.time())

    pouring = threading.Thread(target=pour)
    pouring.start()
    seconds: list[float] = []
    wrong: list[str] = []

    def ask() -> bool:
        """Whether the cache had it."""
        asked = time.time()
        answer = reader.get(path)
        seconds.append(time.time() - asked)
        least = sum(at < asked - BOUND_SECONDS for at in written)
        if answer.status_code != 200 or reader.texts(topic, answer) < least:
            wrong.append(answer.text)
        return found_in_cache(answer)

    try:
        wait_until(ask, what="a hit", timeout=5, every=0)
        server.kill()
        assert not any(ask() for _ in range(100))
        server.start(10)
        wait_until(ask, what="a hit again", timeout=10, every=0)
    finally:
        stop.set()
        pouring.join()
    assert wrong == []
    assert sorted(seconds)[int(0.99 * len(seconds))] < 0.5
    wait_until(lambda: reader.texts(topic) == len(written), what="the last one", timeout=3)
