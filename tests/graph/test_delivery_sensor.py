"""The sensor over dead deliveries, tick by tick, on the real log."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest

from platform_assets.core.databases import connect
from platform_assets.core.settings import Settings
from platform_assets.messaging import NotifyError
from reports.delivery.log import DATABASE, DeliveryLog
from reports.delivery.model import Key, State
from sensors.deliveries import build_delivery_sensor
from tests.kept import Kept


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def log(stack: Settings) -> Iterator[DeliveryLog]:
    """The log with nothing in it to speak of."""
    made = DeliveryLog(stack)
    with connect(stack, DATABASE) as connection:
        connection.execute("UPDATE deliveries SET alerted_at = now()")
    yield made
    with connect(stack, DATABASE) as connection:
        connection.execute("UPDATE deliveries SET alerted_at = now()")


def tick(settings: Settings, kept: Kept) -> str:
    sensor = build_delivery_sensor(lambda _: kept, lambda: settings)
    with dg.DagsterInstance.ephemeral() as instance:
        data = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
    assert not data.run_requests
    return str(data.skip_message)


def begun(log: DeliveryLog, end: State | None = None) -> Key:
    """A delivery of this test's own."""
    key = Key(f"report-{uuid.uuid4().hex[:8]}", "2010-W50", "mailto:board@example.com")
    log.enter(key)
    log.begin(key, 1, "digest", "<id@example.com>")
    if end:
        log.end(key, end, "answered 550 no such user" if end is State.DEAD else "")
    return key


def test_a_dead_delivery_is_spoken_of_once(stack: Settings, kept: Kept, log: DeliveryLog) -> None:
    key = begun(log, State.DEAD)
    begun(log, State.SENT)
    begun(log, State.HELD)
    assert tick(stack, kept) == "1 alert(s) sent"
    assert tick(stack, kept) == "no delivery was given up"
    [alert] = kept.got
    assert key.report in alert.title
    assert "550 no such user" in alert.body
    assert f"weir deliveries retry --report {key.report} --period 2010-W50" in alert.body


def test_one_that_dies_again_after_a_retry_is_spoken_of_again(
    stack: Settings, kept: Kept, log: DeliveryLog
) -> None:
    key = begun(log, State.DEAD)
    tick(stack, kept)
    log.retry_dead(report=key.report)
    assert tick(stack, kept) == "no delivery was given up"
    log.begin(key, 1, "digest", "<id@example.com>")
    log.end(key, State.DEAD, "again")
    assert tick(stack, kept) == "1 alert(s) sent"
    assert len({alert.key for alert in kept.got}) == 2


def test_one_whose_run_died_is_spoken_of_once(
    stack: Settings, kept: Kept, log: DeliveryLog
) -> None:
    key = begun(log)
    assert tick(stack, kept) == "no delivery was given up", "its run may be at it"
    with connect(stack, DATABASE) as connection:
        connection.execute(
            "UPDATE deliveries SET updated_at = now() - %s WHERE report = %s",
            (timedelta(hours=2), key.report),
        )
    assert tick(stack, kept) == "1 alert(s) sent"
    assert tick(stack, kept) == "no delivery was given up"
    assert "never ended" in kept.got[0].body


def test_an_alert_that_did_not_go_out_is_sent_at_the_next_tick(
    stack: Settings, kept: Kept, log: DeliveryLog
) -> None:
    begun(log, State.DEAD)
    kept.refusing = True
    with pytest.raises(NotifyError, match="the place is closed"):
        tick(stack, kept)
    kept.refusing = False
    assert tick(stack, kept) == "1 alert(s) sent"


def test_without_postgresql_the_tick_is_skipped_with_the_reason(
    weir_home: Settings, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_POSTGRES_PASSWORD", "s3cret")
    message = tick(Settings(postgres_port=9), kept)
    assert "127.0.0.1:9" in message
    assert "start it (weir up)" in message
    assert "s3cret" not in message


def test_the_sensor_loads_no_database_client() -> None:
    script = (
        "import sys, dagster; before = set(sys.modules)\n"
        "from sensors.deliveries import build_delivery_sensor; build_delivery_sensor()\n"
        "heavy = {'psycopg', 'httpx', 'slack_sdk', 'jinja2', 'babel'}\n"
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
