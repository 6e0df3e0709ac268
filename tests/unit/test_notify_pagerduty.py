"""PagerDuty: what the Events API is told, over TLS, by a local peer that checks it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from platform_assets.messaging import Event, Notification, Notifier, NotifyError, Severity
from platform_assets.messaging.notifiers import pagerduty_notifier
from platform_assets.messaging.pagerduty import PagerDutyTransport
from platform_assets.messaging.render import KEY_LIMIT, SUMMARY_LIMIT, dedup_key
from platform_assets.messaging.render import event_of as event
from platform_assets.messaging.transport import RetryPolicy
from tests import certificates
from tests.peer import Answer, Peer

TAKEN = Answer(202, {"status": "success", "dedup_key": "x"})
NOTE = Notification(
    title="machine_vibration/m7 is strange",
    body="score 9.1 above 4.2",
    severity=Severity.WARNING,
    source="anomaly-machine_vibration",
    link="https://dagster.example/assets/models",
    key="i-7-opened",
    owner="team:plant",
    incident="i-7",
    chart_link="https://weir.example/charts/i-7.png",
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1, signed by itself, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = certificates.certificate(folder)
    (folder / "both.pem").write_bytes(key.read_bytes() + certificate.read_bytes())
    return folder / "both.pem"


@contextmanager
def events_api(certificate: Path, *answers: Answer) -> Iterator[Peer]:
    """The Events API: these answers in turn, the last one stays."""
    waiting = list(answers)
    peer = Peer(lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    peer._server.socket = context.wrap_socket(peer._server.socket, server_side=True)
    peer.url = peer.url.replace("http:", "https:")
    with peer.serving():
        yield peer


@pytest.fixture(autouse=True)
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def notifier(peer: Peer, attempts: int = 3) -> Notifier:
    return pagerduty_notifier(
        PagerDutyTransport("r0uting", peer.url), policy=RetryPolicy(attempts, pause=0.001)
    )


def test_an_incident_is_triggered_updated_acknowledged_and_resolved(certificate: Path) -> None:
    with events_api(certificate, TAKEN) as peer:
        place = notifier(peer)
        for kind in Event:
            place.send(replace(NOTE, event=kind, key=f"i-7-{kind}"))
    sent = [request.json() for request in peer.requests]
    assert {request.path for request in peer.requests} == {"/v2/enqueue"}
    assert [one["event_action"] for one in sent] == [
        "trigger", "trigger", "trigger", "acknowledge", "resolve",
    ]  # fmt: skip
    assert {one["dedup_key"] for one in sent} == {"i-7"}
    assert {one["routing_key"] for one in sent} == {"r0uting"}
    assert sent[0]["payload"] == {
        "summary": NOTE.title,
        "source": NOTE.source,
        "severity": "warning",
        "component": NOTE.source,
        "group": "team:plant",
        "class": "opened",
        "custom_details": {"body": NOTE.body, "owner": "team:plant", "key": "i-7-opened"},
    }
    assert sent[0]["links"] == [{"href": NOTE.link, "text": "Open"}]
    assert sent[0]["images"] == [{"src": NOTE.chart_link, "alt": NOTE.title}]
    assert sent[0]["client_url"] == NOTE.link
    assert "payload" not in sent[3]


@pytest.mark.parametrize("severity", list(Severity))
def test_every_severity_is_one_that_the_events_api_knows(severity: Severity) -> None:
    said = event(replace(NOTE, severity=severity))["payload"]["severity"]
    assert said in {"critical", "error", "warning", "info"}


def test_long_names_and_titles_are_cut_and_stay_distinct() -> None:
    first, second = (replace(NOTE, incident="x" * 400 + end) for end in "ab")
    assert len(dedup_key(first)) <= KEY_LIMIT
    assert dedup_key(first) != dedup_key(second)
    assert len(event(replace(NOTE, title="t" * 5000))["payload"]["summary"]) == SUMMARY_LIMIT


def test_without_link_or_chart_none_is_sent() -> None:
    said = event(replace(NOTE, link="", chart_link=""))
    assert not {"links", "images", "client_url"} & said.keys()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_api_is_tried_again_within_bounds(certificate: Path, status: int) -> None:
    with events_api(certificate, Answer(status), TAKEN) as peer:
        notifier(peer).send(NOTE)
    assert len(peer.requests) == 2
    with events_api(certificate, Answer(status)) as peer:
        with pytest.raises(NotifyError, match=f"PagerDuty answered {status} to trigger"):
            notifier(peer).send(NOTE)
        assert len(peer.requests) == 3


def test_a_refusal_is_not_tried_again_and_hides_the_key(certificate: Path) -> None:
    with events_api(certificate, Answer(400, {"status": "invalid event"})) as peer:
        with pytest.raises(NotifyError, match=r"answered 400.*WEIR_NOTIFY_PAGERDUTY_KEY") as raised:
            notifier(peer).send(NOTE)
        assert len(peer.requests) == 1
    assert "r0uting" not in str(raised.value)


def test_an_api_that_is_away_is_told(certificate: Path) -> None:
    with events_api(certificate, TAKEN) as peer:
        gone = notifier(peer)
    with pytest.raises(NotifyError, match="PagerDuty cannot be reached"):
        gone.send(NOTE)
