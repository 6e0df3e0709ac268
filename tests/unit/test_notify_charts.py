"""A message with a picture, and the messages of one incident, at each place."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from platform_assets.messaging import (
    Event,
    Notification,
    Severity,
)
from platform_assets.messaging.mail import sender_of
from platform_assets.messaging.notifiers import log_notifier, slack_notifier, webhook_notifier
from platform_assets.messaging.render import mail_of as compose
from platform_assets.messaging.slack import SlackTransport
from platform_assets.messaging.transport import RetryPolicy
from platform_assets.messaging.webhook import WebhookTransport
from tests.peer import Answer, Peer, Request, scripted

SENDER = sender_of("weir@x")
PNG = b"\x89PNG\r\n\x1a\nnot much of a picture"
NOTE = Notification(
    title="m7 is <strange>",
    body="score 9.1 & rising",
    severity=Severity.WARNING,
    source="anomaly",
    link="http://dagster/assets",
    key="i-7-opened",
    owner="team:plant",
    incident="i-7",
    chart=PNG,
)


def test_the_log_leaves_the_picture_out(tmp_path: Path) -> None:
    log_notifier(tmp_path / "log").send(NOTE)
    line = json.loads((tmp_path / "log").read_text())
    assert line["incident"] == "i-7"
    assert line["owner"] == "team:plant"
    assert "chart" not in line


def test_a_webhook_gets_the_picture_in_base64() -> None:
    with scripted(Answer()) as peer:
        webhook_notifier(WebhookTransport(peer.url)).send(replace(NOTE, event=Event.RECOVERED))
    [request] = peer.requests
    assert request.json()["event"] == "recovered"
    assert b64decode(request.json()["chart_png"]) == PNG


def parts(mail: EmailMessage) -> dict[str, EmailMessage]:
    return {part.get_content_type(): part for part in mail.walk()}  # type: ignore[misc]


def test_mail_shows_the_picture_inside_and_escapes_the_text() -> None:
    mail = compose(NOTE, SENDER, ["a@x"])
    found = parts(mail)
    assert found["text/plain"].get_content().splitlines()[0] == NOTE.body
    html = found["text/html"].get_content()
    assert 'src="cid:chart"' in html
    assert "score 9.1 &amp; rising" in html
    assert found["image/png"]["Content-ID"] == "<chart>"
    assert found["image/png"].get_content_disposition() == "inline"
    assert found["image/png"].get_content() == PNG


def test_mails_of_one_incident_are_one_thread() -> None:
    opened = compose(NOTE, SENDER, ["a@x"])
    recovered = compose(replace(NOTE, event=Event.RECOVERED, key="i-7-r"), SENDER, ["a@x"])
    other = compose(replace(NOTE, incident="i-8"), SENDER, ["a@x"])
    assert opened["References"] == recovered["References"] != other["References"]
    assert recovered["Subject"] == "[warning] Recovered: m7 is <strange>"
    assert opened["Subject"] == "[warning] m7 is <strange>"
    assert opened["X-Weir-Owner"] == "team:plant"


class Slack:
    """Enough of Slack's API: a message, and a file in three calls."""

    def __init__(self, upload_status: int = 200) -> None:
        self.upload_status = upload_status
        self.peer = Peer(self._answer)

    def _answer(self, request: Request) -> Answer:
        match request.path:
            case "/chat.postMessage":
                return Answer(body={"ok": True, "channel": "C42", "ts": "1.5"})
            case "/files.getUploadURLExternal":
                target = {"upload_url": self.peer.url + "/upload", "file_id": "F1"}
                return Answer(body={"ok": True, **target})
            case "/upload":
                return Answer(self.upload_status, b"OK")
        return Answer(body={"ok": True, "files": [{"id": "F1"}]})


def by_token(url: str) -> SlackTransport:
    return SlackTransport("xoxb-1", url, 10.0, "WEIR_SLACK_TOKEN", RetryPolicy(2, pause=0.001))


def test_slack_gets_the_picture_in_the_thread_of_its_message() -> None:
    slack = Slack()
    with slack.peer.serving() as peer:
        slack_notifier(by_token(peer.url), "#plant").send(NOTE)
    [posted] = peer.to("/chat.postMessage")
    assert "*m7 is &lt;strange&gt;*" in posted.form()["text"]
    assert "Owner: team:plant" in posted.form()["text"]
    [uploaded] = peer.to("/upload")
    assert PNG in uploaded.body
    [completed] = peer.to("/files.completeUploadExternal")
    assert completed.form()["channel_id"] == "C42"
    assert completed.form()["thread_ts"] == "1.5"


def test_a_picture_that_slack_refuses_leaves_the_message_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    slack = Slack(upload_status=500)
    with slack.peer.serving() as peer:
        slack_notifier(by_token(peer.url), "#plant").send(NOTE)
    assert len(peer.to("/chat.postMessage")) == 1
    assert "was not attached" in caplog.text


def test_slack_marks_a_recovery() -> None:
    slack = Slack()
    with slack.peer.serving() as peer:
        note = replace(NOTE, event=Event.RECOVERED, chart=None)
        slack_notifier(by_token(peer.url), "#plant").send(note)
    [posted] = peer.requests
    assert posted.form()["text"].startswith(":white_check_mark: *Recovered: m7")
