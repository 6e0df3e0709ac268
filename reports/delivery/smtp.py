"""Mail over SMTP."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from email.message import EmailMessage

from platform_assets.core.settings import Settings
from reports.delivery.mail import mail_of, sender_of
from reports.delivery.message import Message
from reports.delivery.transport import Receipt, RefusedError, TemporaryError, secret

SMTPS_PORT = 465
"""Where TLS begins at once (RFC 8314); on other ports STARTTLS follows the greeting."""
_DEFAULT_PORTS = {True: 587, False: 25}


class SmtpTransport:
    """One session a mail: TLS and login as the settings say.

    Certificates are checked against the system's, or those in ``SSL_CERT_FILE``.

    Args:
        settings: host, port, user, the password's name, TLS, sender, timeout.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._host = settings.smtp_host
        self._port = settings.smtp_port or _DEFAULT_PORTS[settings.smtp_tls]

    def send(self, message: Message, address: str, message_id: str) -> Receipt:
        """Hand over one mail.

        Raises:
            TemporaryError: no connection, a timeout, or a 4xx answer.
            RefusedError: a 5xx answer, TLS that cannot be trusted, or a setting is missing.
        """
        if not self._host:
            raise RefusedError(
                "no mail server is configured", "set WEIR_SMTP_HOST or WEIR_SENDGRID_URL"
            )
        mail = mail_of(message, self._settings.mail_from, address, message_id)
        try:
            self._hand_over(mail, address)
        except smtplib.SMTPRecipientsRefused as error:
            code, answer = error.recipients[address]
            raise self._answered(code, answer) from None
        except smtplib.SMTPResponseException as error:
            raise self._answered(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError as error:
            raise RefusedError(
                f"{self._name}: {error}", "check WEIR_SMTP_TLS, WEIR_SMTP_USER and the port"
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise RefusedError(
                f"{self._name}: its certificate is not trusted ({error.verify_message})",
                "WEIR_SMTP_HOST must be the name in the certificate",
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            raise TemporaryError(
                f"{self._name} cannot be reached ({type(error).__name__}: {error})",
                "check WEIR_SMTP_HOST and WEIR_SMTP_PORT",
            ) from None
        return Receipt(message_id)

    @property
    def _name(self) -> str:
        return f"mail server {self._host}:{self._port}"

    def _hand_over(self, mail: EmailMessage, address: str) -> None:
        server = self._connect()
        try:
            if self._settings.smtp_tls and self._port != SMTPS_PORT:
                server.starttls(context=ssl.create_default_context())
            if self._settings.smtp_user:
                server.login(self._settings.smtp_user, secret(self._settings.smtp_secret_name))
            # The envelope names this one recipient, whatever the headers say.
            server.send_message(
                mail, sender_of(self._settings.mail_from).addr_spec, to_addrs=[address]
            )
            # The mail is taken: a server that hangs up badly now must not have it sent again.
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.quit()
        finally:
            server.close()

    def _connect(self) -> smtplib.SMTP:
        timeout = self._settings.request_timeout_seconds
        if self._settings.smtp_tls and self._port == SMTPS_PORT:
            return smtplib.SMTP_SSL(
                self._host, self._port, timeout=timeout, context=ssl.create_default_context()
            )
        return smtplib.SMTP(self._host, self._port, timeout=timeout)

    def _answered(self, code: int, answer: bytes | str) -> TemporaryError | RefusedError:
        text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
        said = f"{self._name} answered {code} {' '.join(text.split())[:300]}"
        if 500 <= code < 600:
            return RefusedError(said, "fix the address or the account")
        return TemporaryError(said)
