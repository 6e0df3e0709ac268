"""Mail over SMTP, against a mail server in this process."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from platform_assets.messaging.transport import RefusedError, RetryPolicy, TemporaryError
from reports.delivery.channels import ByMail
from reports.delivery.mail import html_of, mail_of
from reports.document import Paragraph
from reports.recipients import Recipient
from tests.certificates import certificate
from tests.ports import free_port_base
from tests.unit.test_delivery_message import (
    MESSAGE_ID,
    PDF_BYTES,
    message,
    report,
    settings_of,
)

QUICK = RetryPolicy(attempts=4, pause=0.001, longest=0.01)
ADDRESS = "board@example.com"


class Inbox:
    """A mail server's handler: keeps mails, answers from lists."""

    def __init__(self, rcpt: list[str] | None = None, data: list[str] | None = None) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[list[str]] = []
        self.secure: list[bool] = []
        self.sessions = 0
        self._rcpt = rcpt or []
        self._data = data or []

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        self.sessions += 1
        if self._rcpt and (answer := self._rcpt.pop(0)) != "250 OK":
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self._data and (answer := self._data.pop(0)) != "250 OK":
            return answer
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        self.envelopes.append(list(envelope.rcpt_tos))
        self.secure.append(session.ssl is not None)
        return "250 OK"


@contextmanager
def serving(inbox: Inbox, **options: Any) -> Iterator[dict[str, Any]]:
    """A server with that handler; gives the settings that lead to it."""
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port_base(), **options)
    controller.start()
    try:
        yield {"smtp_host": "127.0.0.1", "smtp_port": controller.port, "smtp_tls": False}
    finally:
        controller.stop()


def send(home: Path, places: dict[str, Any], **changes: Any) -> None:
    transport = ByMail(settings_of(home, **places | changes))
    QUICK.retrying()(transport.send, message(home), ADDRESS, MESSAGE_ID)


def test_a_mail_holds_text_html_and_the_pdf(tmp_path: Path) -> None:
    inbox = Inbox()
    with serving(inbox) as places:
        send(tmp_path, places)
    [mail] = inbox.mails
    assert inbox.envelopes == [[ADDRESS]]
    assert mail["To"] == ADDRESS
    assert mail["From"] == "Weir <weir@example.com>"
    assert mail["Subject"] == "Weekly commerce: 13 \u2013 19 Dec 2010"
    assert mail["Message-ID"] == MESSAGE_ID
    text = mail.get_body(("plain",)).get_content()
    assert "Net sales: £123,456" in text
    assert "https://weir.example.com/reports/weekly-commerce/2010-W50" in text
    html = mail.get_body(("html",)).get_content()
    assert 'href="https://weir.example.com/reports/weekly-commerce/2010-W50"' in html
    assert "Sales grew &lt;b&gt;&amp; more&lt;/b&gt;." in html
    assert "£123,456" in html
    [pdf] = mail.iter_attachments()
    assert pdf.get_content_type() == "application/pdf"
    assert pdf.get_filename() == "weekly-commerce-2010-W50.pdf"
    assert pdf.get_content() == PDF_BYTES


def test_html_says_its_language_and_direction(tmp_path: Path) -> None:
    assert '<html lang="ar" dir="rtl">' in html_of(message(tmp_path, report(language="ar")))


INJECTION = "Q4\r\nBcc: thief@example.com\r\nTo: thief@example.com"


def test_the_text_of_a_document_adds_no_recipient(tmp_path: Path) -> None:
    document = report(
        title=INJECTION,
        period_label=INJECTION,
        name="weekly-commerce",
        summary=(
            Paragraph(text=f"mailto:thief@example.com {INJECTION}\r\n.\r\nRCPT TO:<thief@x>"),
        ),
    )
    inbox = Inbox()
    with serving(inbox) as places:
        ByMail(settings_of(tmp_path, **places)).send(
            message(tmp_path, document), ADDRESS, MESSAGE_ID
        )
    assert inbox.envelopes == [[ADDRESS]]
    [mail] = inbox.mails
    assert mail.get_all("To") == [ADDRESS]
    assert mail.get_all("Bcc") is None
    assert mail.get_all("Cc") is None
    assert not [part for part in mail.walk() if part.get_all("Bcc")]


def test_a_bcc_of_the_mail_itself_could_not_widen_the_envelope(tmp_path: Path) -> None:
    made = mail_of(message(tmp_path), "weir@example.com", ADDRESS, MESSAGE_ID)
    assert sorted(made.keys()) == sorted(set(made.keys())), "each header once"
    assert Recipient.parse(f"mailto:{made['To']}").address == ADDRESS


def test_451_is_tried_again_and_the_message_id_stays(tmp_path: Path) -> None:
    inbox = Inbox(data=["451 greylisted", "421 busy", "250 OK"])
    with serving(inbox) as places:
        send(tmp_path, places)
    assert [mail["Message-ID"] for mail in inbox.mails] == [MESSAGE_ID]
    assert inbox.sessions == 3


@pytest.mark.parametrize("where", ["rcpt", "data"])
def test_550_is_final_at_once(tmp_path: Path, where: str) -> None:
    inbox = Inbox(**{where: ["550 no such user"]})
    with (
        serving(inbox) as places,
        pytest.raises(RefusedError, match=r"answered 550 no such user"),
    ):
        send(tmp_path, places)
    assert inbox.sessions == 1
    assert inbox.mails == []


def test_a_server_that_is_down_is_tried_so_often_and_named(tmp_path: Path) -> None:
    port, told = free_port_base(), []
    transport = ByMail(settings_of(tmp_path, smtp_host="127.0.0.1", smtp_port=port, smtp_tls=False))
    with pytest.raises(TemporaryError, match=rf"127\.0\.0\.1:{port} cannot be reached"):
        QUICK.retrying(told.append)(transport.send, message(tmp_path), ADDRESS, MESSAGE_ID)
    assert len(told) == QUICK.attempts - 1


def test_a_server_that_never_answers_is_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        transport = ByMail(
            settings_of(
                tmp_path,
                smtp_host="127.0.0.1",
                smtp_port=silent.getsockname()[1],
                smtp_tls=False,
                request_timeout_seconds=0.05,
            )
        )
        with pytest.raises(TemporaryError, match="timed out"):
            transport.send(message(tmp_path), ADDRESS, MESSAGE_ID)


def test_a_server_that_hangs_up_after_taking_the_mail_took_it(tmp_path: Path) -> None:
    class Rude(Inbox):
        async def handle_QUIT(self, server: SMTP, *_rest: Any) -> str:  # noqa: N802
            server.transport.close()
            return "221 never seen"

    inbox = Rude()
    with serving(inbox) as places:
        send(tmp_path, places)
    assert len(inbox.mails) == 1


def test_without_a_server_the_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="WEIR_SMTP_HOST or WEIR_SENDGRID_URL"):
        ByMail(settings_of(tmp_path)).send(message(tmp_path), ADDRESS, MESSAGE_ID)


def accept(_server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any) -> Any:
    return AuthResult(success=(data.login, data.password) == (b"weir", b"pa55"), handled=False)


def secured(folder: Path) -> dict[str, Any]:
    cert, key = certificate(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return {
        "tls_context": context,
        "require_starttls": True,
        "authenticator": accept,
        "auth_required": True,
    }


def test_tls_then_login_then_the_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox()
    with serving(inbox, **secured(tmp_path)) as places:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        monkeypatch.setenv("WEIR_SMTP_PASSWORD", "pa55")
        send(tmp_path, places, smtp_tls=True, smtp_user="weir")
    assert inbox.secure == [True]
    assert len(inbox.mails) == 1


def test_a_certificate_nobody_vouches_for_is_final(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    inbox = Inbox()
    with (
        serving(inbox, **secured(tmp_path)) as places,
        pytest.raises(RefusedError, match="certificate is not trusted"),
    ):
        send(tmp_path, places, smtp_tls=True)
    assert inbox.mails == []


def test_a_wrong_password_is_final_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Inbox(), **secured(tmp_path)) as places:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        monkeypatch.setenv("WEIR_SMTP_PASSWORD", "s3cret")
        with pytest.raises(RefusedError, match="answered 535") as error:
            send(tmp_path, places, smtp_tls=True, smtp_user="weir")
    assert "s3cret" not in str(error.value)


def test_a_server_without_tls_gets_no_mail_where_tls_is_asked_for(tmp_path: Path) -> None:
    inbox = Inbox()
    with serving(inbox) as places, pytest.raises(RefusedError, match="STARTTLS"):
        send(tmp_path, places, smtp_tls=True)
    assert inbox.mails == []


def test_a_password_may_lie_in_a_file_and_a_missing_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    inbox = Inbox()
    with serving(inbox, **secured(tmp_path)) as places:
        with pytest.raises(RefusedError, match="no secret in WEIR_SMTP_PASSWORD"):
            send(tmp_path, places, smtp_tls=True, smtp_user="weir")
        (tmp_path / "password").write_text("pa55\n")
        monkeypatch.setenv("WEIR_SMTP_PASSWORD_FILE", str(tmp_path / "password"))
        send(tmp_path, places, smtp_tls=True, smtp_user="weir")
    assert len(inbox.mails) == 1
