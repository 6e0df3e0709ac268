"""The law of every transport: what may pass, what never will, and no secret in an error."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from platform_assets.core.settings import Settings
from platform_assets.messaging import (
    Notification,
    NotifyError,
    Severity,
    notifier_from_environment,
)
from platform_assets.messaging.log import LogTransport
from platform_assets.messaging.mail import sender_of
from platform_assets.messaging.render import mail_of
from platform_assets.messaging.sendgrid import SendGridTransport, payload
from platform_assets.messaging.slack import SlackMessage, SlackTransport
from platform_assets.messaging.smtp import SmtpTransport
from platform_assets.messaging.transport import (
    Receipt,
    RefusedError,
    RetryPolicy,
    TemporaryError,
)
from platform_assets.messaging.webhook import WebhookTransport
from tests.peer import Answer, hanging, scripted
from tests.unit.test_delivery_smtp import Inbox, serving

NOTE = Notification("m7 is strange", "score 9 & rising", Severity.WARNING, "s", key="k")
MAIL = mail_of(NOTE, sender_of("Weir <weir@example.com>"), ["a@example.com"])
SECRET = "s3cret"

Send = Callable[[str, float], Receipt]
"""Sends one message to an address within a timeout."""


def by_slack(url: str, timeout: float) -> Receipt:
    transport = SlackTransport(SECRET, url, timeout, "WEIR_SLACK_TOKEN", RetryPolicy(1))
    return transport.send(SlackMessage("hello", "weir", {"key": "k"}), "#lake")


def by_sendgrid(url: str, timeout: float) -> Receipt:
    return SendGridTransport(url, SECRET, timeout).send(MAIL, ["a@example.com"])


def by_webhook(url: str, timeout: float) -> Receipt:
    return WebhookTransport(f"{url}/{SECRET}", SECRET, timeout).send({"title": "t"}, "k")


HTTP = pytest.mark.parametrize("send", [by_slack, by_sendgrid, by_webhook])


@HTTP
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_busy_answer_may_pass_and_says_how_long_it_takes(send: Send, status: int) -> None:
    busy = Answer(status, {"ok": False, "error": "busy"}, {"Retry-After": "17"})
    with scripted(busy) as peer, pytest.raises(TemporaryError) as error:
        send(peer.url, 5)
    assert error.value.retry_after == 17
    assert SECRET not in str(error.value)
    assert len(peer.requests) == 1, "a transport sends once"


@HTTP
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_any_other_answer_is_final(send: Send, status: int) -> None:
    refusal = Answer(status, {"ok": False, "error": "no"})
    with scripted(refusal) as peer, pytest.raises(RefusedError) as error:
        send(peer.url, 5)
    assert SECRET not in str(error.value)
    assert len(peer.requests) == 1


@HTTP
def test_no_answer_may_pass(send: Send) -> None:
    with hanging() as peer, pytest.raises(TemporaryError, match="cannot be reached"):
        send(peer.url, 1)
    with pytest.raises(TemporaryError, match="cannot be reached") as error:
        send(peer.url, 5)  # The peer is gone.
    assert SECRET not in str(error.value)


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RefusedError, match="notification log"):
        LogTransport(tmp_path / "file" / "log").send({})


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        (["550 unknown", "451 greylisted"], TemporaryError),
        (["451 greylisted", "550 unknown"], TemporaryError),
        (["550 unknown", "553 unknown"], RefusedError),
    ],
)
def test_recipients_who_are_all_refused_are_tried_again_if_one_may_pass(
    answers: list[str], error: type[Exception]
) -> None:
    with serving(Inbox(rcpt=answers)) as places, pytest.raises(error):
        SmtpTransport("127.0.0.1", places["smtp_port"], tls=False).send(MAIL, ["a@x", "b@x"])


def test_a_recipient_who_is_refused_alone_is_noted() -> None:
    inbox = Inbox(rcpt=["250 OK", "550 unknown"])
    with serving(inbox) as places:
        transport = SmtpTransport("127.0.0.1", places["smtp_port"], tls=False)
        assert transport.send(MAIL, ["a@x", "b@x"]).note == "not accepted for b@x"
    assert inbox.envelopes == [["a@x"]]


def test_a_chart_goes_through_sendgrid_inside_the_mail() -> None:
    note = Notification("t", "b", Severity.INFO, "s", key="k", chart=b"\x89PNG")
    body = payload(mail_of(note, sender_of("weir@x"), ["a@x", "b@x"]), ["a@x", "b@x"])
    assert body["personalizations"] == [{"to": [{"email": "a@x"}, {"email": "b@x"}]}]
    assert [part["type"] for part in body["content"]] == ["text/plain", "text/html"]
    [chart] = body["attachments"]
    assert (chart["content_id"], chart["disposition"]) == ("chart", "inline")
    assert body["headers"]["X-Weir-Key"] == "k"


def test_sendgrid_gets_no_header_that_it_refuses() -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Cc"], mail["Subject"] = "a@x", "b@x", "c@x", "s"
    mail.set_content("text")
    assert payload(mail, ["b@x"])["headers"] == {}


def test_notifications_use_the_servers_and_secrets_of_reports(tmp_path: Path) -> None:
    inbox = Inbox()
    with serving(inbox) as places, scripted(Answer(body={"ok": True})) as peer:
        settings = Settings(home=tmp_path, mail_from="Weir <weir@x>", slack_url=peer.url, **places)
        notifier_from_environment(
            settings,
            {
                "WEIR_NOTIFY": "email:a@x, slack:#lake",
                "WEIR_SLACK_TOKEN": "xoxb-shared",
            },
        ).send(NOTE)
    [mail] = inbox.mails
    assert mail["From"] == "Weir <weir@x>"
    [request] = peer.requests
    assert request.headers["authorization"] == "Bearer xoxb-shared"


def test_notifications_may_have_servers_and_secrets_of_their_own(tmp_path: Path) -> None:
    inbox = Inbox()
    with serving(inbox) as places, scripted(Answer(body={"ok": True})) as peer:
        notifier_from_environment(
            Settings(
                home=tmp_path, smtp_host="reports.invalid", slack_url="http://reports.invalid"
            ),
            {
                "WEIR_NOTIFY": "email, slack",
                "WEIR_NOTIFY_SMTP_HOST": places["smtp_host"],
                "WEIR_NOTIFY_SMTP_PORT": str(places["smtp_port"]),
                "WEIR_NOTIFY_EMAIL_FROM": "alerts@x",
                "WEIR_NOTIFY_EMAIL_TO": "a@x, b@x",
                "WEIR_NOTIFY_SLACK_URL": peer.url,
                "WEIR_NOTIFY_SLACK_TOKEN": "xoxb-own",
                "WEIR_NOTIFY_SLACK_CHANNEL": "#lake",
                "WEIR_SLACK_TOKEN": "xoxb-shared",
            },
        ).send(NOTE)
    assert inbox.envelopes == [["a@x", "b@x"]]
    assert inbox.mails[0]["From"] == "alerts@x"
    assert peer.requests[0].headers["authorization"] == "Bearer xoxb-own"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("email:a@x", "WEIR_NOTIFY=email:a@x: .*WEIR_SMTP_HOST or WEIR_SENDGRID_URL"),
        ("slack:#lake", "WEIR_NOTIFY_SLACK_TOKEN or WEIR_SLACK_TOKEN"),
    ],
)
def test_what_neither_family_sets_is_named(tmp_path: Path, place: str, message: str) -> None:
    with pytest.raises(NotifyError, match=message):
        notifier_from_environment(Settings(home=tmp_path), {"WEIR_NOTIFY": place})
