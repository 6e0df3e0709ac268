"""Mail over SMTP."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage

from platform_assets.messaging.transport import Receipt, RefusedError, TemporaryError

SMTPS_PORT = 465
"""Where TLS begins at once (RFC 8314); on other ports STARTTLS follows the greeting."""
_DEFAULT_PORTS = {True: 587, False: 25}


@dataclass(frozen=True)
class SmtpTransport:
    """One session a mail. Certificates are checked against the system's, or ``SSL_CERT_FILE``.

    Attributes:
        host: of the server.
        port: 0: 587 with TLS, 25 without.
        tls: whether to insist on TLS.
        user: empty: no login.
        password: of the user.
        timeout: of each step, in seconds.
        variables: what the settings' names begin with, for hints.
    """

    host: str
    port: int = 0
    tls: bool = True
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 10.0
    variables: str = "WEIR_SMTP"

    def send(self, mail: EmailMessage, recipients: Sequence[str]) -> Receipt:
        """Hand over one mail.

        Args:
            mail: with all its headers.
            recipients: the envelope's, whatever the headers say.

        Returns:
            A receipt that names the recipients whom the server refused, if it took some.

        Raises:
            TemporaryError: no connection, a timeout, or a 4xx answer.
            RefusedError: a 5xx answer, or TLS that cannot be trusted.
        """
        try:
            refused = self._hand_over(mail, recipients)
        except smtplib.SMTPRecipientsRefused as error:
            # The lowest code decides: trying again helps if one may be accepted later (4xx).
            raise self._answered(*min(error.recipients.values())) from None
        except smtplib.SMTPResponseException as error:
            raise self._answered(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError as error:
            raise RefusedError(
                f"{self._name}: {error}", f"check {self.variables}_* for TLS, user and port"
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise RefusedError(
                f"{self._name}: its certificate is not trusted ({error.verify_message})",
                f"{self.variables}_HOST must be the name in the certificate",
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            raise TemporaryError(
                f"{self._name} cannot be reached ({type(error).__name__}: {error})",
                f"check {self.variables}_HOST and {self.variables}_PORT",
            ) from None
        note = f"not accepted for {', '.join(sorted(refused))}" if refused else ""
        return Receipt(mail["Message-ID"] or "", note)

    @property
    def _port(self) -> int:
        return self.port or _DEFAULT_PORTS[self.tls]

    @property
    def _name(self) -> str:
        return f"mail server {self.host}:{self._port}"

    def _hand_over(
        self, mail: EmailMessage, recipients: Sequence[str]
    ) -> Mapping[str, tuple[int, bytes]]:
        server = self._connect()
        try:
            if self.tls and self._port != SMTPS_PORT:
                server.starttls(context=ssl.create_default_context())
            if self.user:
                server.login(self.user, self.password)
            refused = server.send_message(mail, to_addrs=recipients)
            # The mail is accepted: a server that hangs up badly now must not get it again.
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.quit()
            return refused
        finally:
            server.close()

    def _connect(self) -> smtplib.SMTP:
        if self.tls and self._port == SMTPS_PORT:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self._port, timeout=self.timeout, context=context)
        return smtplib.SMTP(self.host, self._port, timeout=self.timeout)

    def _answered(self, code: int, answer: bytes | str) -> TemporaryError | RefusedError:
        text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
        said = f"{self._name} answered {code} {' '.join(text.split())[:300]}"
        if 500 <= code < 600:
            return RefusedError(said, f"fix the address or the account, see {self.variables}_*")
        return TemporaryError(said)
