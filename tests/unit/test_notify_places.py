"""Each notifier against a local peer that checks what it got."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from platform_assets.core.settings import Settings
from platform_assets.messaging import (
    Notification,
    Notifiers,
    NotifyError,
    Severity,
    notifier_from_environment,
)
from platform_assets.messaging.mail import sender_of
from platform_assets.messaging.notifiers import (
    log_notifier,
    mail_notifier,
    slack_notifier,
    webhook_notifier,
)
from platform_assets.messaging.slack import SlackTransport
from platform_assets.messaging.smtp import SmtpTransport
from platform_assets.messaging.transport import RetryPolicy
from platform_assets.messaging.webhook import WebhookTransport
from tests.peer import Answer, scripted

NOTE = Notification(
    title="streams failed",
    body="Run: 42\nnext: <look> & mend",
    severity=Severity.ERROR,
    source="streams",
    link="http://127.0.0.1:1/runs/42",
    key="run-failure-42",
)

QUICK = RetryPolicy(pause=0.001)


def by_token(token: str, url: str) -> SlackTransport:
    return SlackTransport(token, url, 10.0, "WEIR_SLACK_TOKEN", QUICK)


def by_smtp(port: int) -> SmtpTransport:
    return SmtpTransport("127.0.0.1", port, tls=False)


def test_the_log_gets_a_line_of_json(tmp_path: Path) -> None:
    log = log_notifier(tmp_path / "deep" / "log.jsonl")
    log.send(NOTE)
    log.send(NOTE)
    lines = (tmp_path / "deep" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["key"] for line in lines] == ["run-failure-42"] * 2
    assert json.loads(lines[0])["severity"] == "error"


def test_a_webhook_gets_json_its_key_and_its_token() -> None:
    with scripted(Answer()) as peer:
        webhook_notifier(WebhookTransport(peer.url + "/hook", token="t0ken")).send(NOTE)
    [request] = peer.requests
    assert request.path == "/hook"
    assert request.headers["idempotency-key"] == "run-failure-42"
    assert request.headers["authorization"] == "Bearer t0ken"
    assert request.json() == {
        "title": NOTE.title,
        "body": NOTE.body,
        "severity": "error",
        "source": "streams",
        "link": NOTE.link,
        "key": NOTE.key,
        "owner": "",
        "event": "opened",
        "incident": "",
    }


def test_a_busy_webhook_is_tried_again_and_a_refusing_one_is_not() -> None:
    with scripted(Answer(503), Answer(429), Answer()) as peer:
        webhook_notifier(WebhookTransport(peer.url), policy=QUICK).send(NOTE)
        assert len(peer.requests) == 3
    with (
        scripted(Answer(403)) as peer,
        pytest.raises(NotifyError, match="answered 403; check WEIR_NOTIFY_WEBHOOK_URL"),
    ):
        webhook_notifier(WebhookTransport(peer.url), policy=QUICK).send(NOTE)
    assert len(peer.requests) == 1


def test_retries_are_bounded_and_the_error_hides_the_secret_path() -> None:
    with (
        scripted(Answer(500)) as peer,
        pytest.raises(NotifyError, match="answered 500") as raised,
    ):
        webhook_notifier(
            WebhookTransport(peer.url + "/s3cret"), policy=RetryPolicy(3, pause=0.001)
        ).send(NOTE)
    assert len(peer.requests) == 3
    assert "s3cret" not in str(raised.value)
    with pytest.raises(NotifyError, match="cannot be reached") as raised:
        # The peer is gone, its port is closed.
        webhook_notifier(
            WebhookTransport(peer.url + "/s3cret"), policy=RetryPolicy(2, pause=0.001)
        ).send(NOTE)
    assert "s3cret" not in str(raised.value)


def test_slack_gets_an_escaped_message_in_its_channel() -> None:
    with scripted(Answer(body={"ok": True})) as peer:
        slack_notifier(by_token("xoxb-1", peer.url), "#lake").send(NOTE)
    [request] = peer.requests
    assert request.path.endswith("/chat.postMessage")
    assert request.headers["authorization"] == "Bearer xoxb-1"
    sent = request.form()
    assert sent["channel"] == "#lake"
    assert "&lt;look&gt; &amp; mend" in sent["text"]
    assert f"<{NOTE.link}|Open>" in sent["text"]
    assert "run-failure-42" in str(sent["metadata"])


def test_slack_says_why_it_refused() -> None:
    with (
        scripted(Answer(body={"ok": False, "error": "channel_not_found"})) as peer,
        pytest.raises(NotifyError, match="Slack channel #lake: channel_not_found") as raised,
    ):
        slack_notifier(by_token("xoxb-s3cret", peer.url), "#lake").send(NOTE)
    assert "s3cret" not in str(raised.value)


class MailPeer(socketserver.ThreadingTCPServer):
    """Enough of an SMTP server to receive a message."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, greetings: list[bytes]) -> None:
        self.messages: list[bytes] = []
        self.recipients: list[bytes] = []
        self.greetings = greetings
        super().__init__(("127.0.0.1", 0), MailHandler)


class MailHandler(socketserver.StreamRequestHandler):
    server: MailPeer

    def handle(self) -> None:
        self.wfile.write(self.server.greetings.pop(0) if self.server.greetings else b"220 hi\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                self.server.recipients.append(line.split(b":", 1)[1].strip().split(b">")[0][1:])
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (part := self.rfile.readline()) != b".\r\n":
                    lines.append(part)
                self.server.messages.append(b"".join(lines))
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


@contextmanager
def mail(greetings: list[bytes] | None = None) -> Iterator[MailPeer]:
    with MailPeer(greetings or []) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_mail_goes_to_everybody_once_with_subject_and_link() -> None:
    note = Notification("line\r\nBcc: evil@x", "body ü", Severity.WARNING, "s", "http://l", "k")
    with mail([b"421 busy, come again\r\n"]) as server:
        port = server.server_address[1]
        mail_notifier(by_smtp(port), sender_of("a@x"), ["b@x", "c@x"], policy=QUICK).send(note)
    [raw] = server.messages
    message = message_from_bytes(raw, policy=default)
    assert message["Subject"] == "[warning] line Bcc: evil@x"
    assert message["Bcc"] is None
    assert message["To"] == "b@x, c@x"
    assert message["X-Weir-Key"] == "k"
    assert message.get_content().splitlines() == ["body ü", "", "http://l"]
    assert server.recipients == [b"b@x", b"c@x"]


def test_a_mail_server_that_refuses_is_named() -> None:
    with (
        mail([b"554 go away\r\n"]) as server,
        pytest.raises(NotifyError, match=r"mail server 127\.0\.0\.1:\d+ .* 554"),
    ):
        mail_notifier(by_smtp(server.server_address[1]), sender_of("a@x"), ["b@x"]).send(NOTE)


class Failing:
    def send(self, notification: Notification) -> None:
        raise NotifyError(f"{notification.key}: down")


def test_one_place_that_fails_does_not_keep_it_from_the_rest(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(NotifyError, match="run-failure-42: down"):
        Notifiers([Failing(), log_notifier(log)]).send(NOTE)
    assert log.exists()


def test_the_environment_chooses_and_secrets_come_from_files(tmp_path: Path) -> None:
    with scripted(Answer()) as peer:
        secret = tmp_path / "url"
        secret.write_text(f"{peer.url}/from-file\n")
        variables = {"WEIR_NOTIFY": "log, webhook", "WEIR_NOTIFY_WEBHOOK_URL_FILE": str(secret)}
        notifier_from_environment(Settings(home=tmp_path), variables).send(NOTE)
    assert peer.requests[0].path == "/from-file"
    assert (tmp_path / "notifications.jsonl").exists()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WEIR_NOTIFY": "pigeon"}, "unknown place 'pigeon'"),
        ({"WEIR_NOTIFY": "slack"}, "WEIR_NOTIFY=slack needs WEIR_NOTIFY_SLACK_TOKEN"),
        ({"WEIR_NOTIFY": "webhook"}, "needs WEIR_NOTIFY_WEBHOOK_URL"),
        (
            {
                "WEIR_NOTIFY": "email",
                "WEIR_NOTIFY_EMAIL_TO": "a@x",
                "WEIR_NOTIFY_SMTP_HOST": "h",
                "WEIR_NOTIFY_SMTP_PORT": "x",
            },
            "WEIR_NOTIFY_SMTP_PORT='x'",
        ),
    ],
)
def test_a_missing_setting_is_named(
    tmp_path: Path, variables: dict[str, str], message: str
) -> None:
    with pytest.raises(NotifyError, match=message):
        notifier_from_environment(Settings(home=tmp_path), variables)
