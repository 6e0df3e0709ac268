"""Notifications: one protocol, and the places they go.

Belongs here: how a message leaves (log file, webhook, Slack, e-mail). Does not belong here:
when one is due (:mod:`sensors.failures` and the other sensors decide).

``WEIR_NOTIFY`` names the places, comma-separated: ``log`` (the default), ``webhook``,
``slack``, ``email``. Secrets are read from the environment or a file by name and never
logged. Heavy clients are imported where they are used.
"""

from __future__ import annotations

import json
import os
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

TIMEOUT_SECONDS = 10.0
ATTEMPTS = 4
_RETRY_STATUS = (408, 425, 429, 500, 502, 503, 504)


class Severity(StrEnum):
    """How much a message matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Notification:
    """One message.

    Attributes:
        title: one line.
        body: what happened and what to do next.
        severity: how much it matters.
        source: what speaks: a job, a sensor, a report.
        link: where to read more; empty for none.
        key: equal for two messages about the same thing, so that a receiver can drop the
            second; sent along by every notifier.
    """

    title: str
    body: str
    severity: Severity
    source: str
    link: str = ""
    key: str = ""


class NotifyError(RuntimeError):
    """A notification could not be delivered; names the place and what to check."""


class Notifier(Protocol):
    """A place that takes notifications.

    Raises:
        NotifyError: from ``send``, when the place did not take it after bounded retries.
    """

    def send(self, notification: Notification) -> None:
        """Deliver one notification."""
        ...


class LogNotifier:
    """Appends a line of JSON to a file: ``<home>/notifications.jsonl``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, notification: Notification) -> None:
        """Append one line (a single write, so that two processes do not mix lines)."""
        line = json.dumps({"at": datetime.now(UTC).isoformat(), **asdict(notification)})
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise NotifyError(
                f"notification log {self._path}: {error.strerror}; check that it is writable"
            ) from error


class WebhookNotifier:
    """POSTs the notification as JSON; the key goes into the ``Idempotency-Key`` header."""

    def __init__(
        self, url: str, *, token: str | None = None, attempts: int = ATTEMPTS, pause: float = 0.5
    ) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._attempts = attempts
        self._pause = pause

    def send(self, notification: Notification) -> None:
        """POST it; connection errors and busy answers (429, 5xx) are tried again."""
        import httpx

        def passing(error: BaseException) -> bool:
            if isinstance(error, httpx.HTTPStatusError):
                return error.response.status_code in _RETRY_STATUS
            return isinstance(error, httpx.TransportError)

        headers = {**self._headers, "Idempotency-Key": notification.key or notification.title}
        # A header takes ASCII only, a title may hold more.
        headers["Idempotency-Key"] = headers["Idempotency-Key"].encode("ascii", "replace").decode()
        try:
            for attempt in _retrying(passing, self._attempts, self._pause):
                with attempt:
                    response = httpx.post(
                        self._url,
                        json=asdict(notification),
                        headers=headers,
                        timeout=TIMEOUT_SECONDS,
                    )
                    response.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise NotifyError(
                f"webhook {_host(self._url)} answered {error.response.status_code}; "
                "check WEIR_NOTIFY_WEBHOOK_URL and its token"
            ) from None
        except httpx.HTTPError as error:
            # The address may carry a secret in its path, so only its host is named.
            raise NotifyError(
                f"webhook {_host(self._url)} cannot be reached ({type(error).__name__}); "
                "check WEIR_NOTIFY_WEBHOOK_URL"
            ) from None


class SlackNotifier:
    """Posts to a Slack channel with a bot token."""

    def __init__(
        self,
        token: str,
        channel: str,
        *,
        base_url: str | None = None,
        attempts: int = ATTEMPTS,
        pause: float = 0.5,
    ) -> None:
        self._token = token
        self._channel = channel
        self._base_url = base_url
        self._attempts = attempts
        self._pause = pause

    def send(self, notification: Notification) -> None:
        """Post it; connection errors, rate limits and server errors are tried again."""
        from dagster_slack import SlackResource
        from slack_sdk.errors import SlackApiError

        client = SlackResource(token=self._token).get_client()
        client.timeout = int(TIMEOUT_SECONDS)
        if self._base_url:
            client.base_url = self._base_url.rstrip("/") + "/"

        def passing(error: BaseException) -> bool:
            if isinstance(error, SlackApiError):
                return getattr(error.response, "status_code", 0) in _RETRY_STATUS
            return isinstance(error, OSError)

        try:
            for attempt in _retrying(passing, self._attempts, self._pause):
                with attempt:
                    client.chat_postMessage(
                        channel=self._channel,
                        text=_slack_text(notification),
                        metadata={
                            "event_type": "weir_notification",
                            "event_payload": {
                                "key": notification.key,
                                "severity": notification.severity.value,
                                "source": notification.source,
                            },
                        },
                    )
        except SlackApiError as error:
            reason = error.response.get("error", "unknown")
            raise NotifyError(
                f"Slack channel {self._channel}: {reason}; check WEIR_NOTIFY_SLACK_TOKEN and "
                "that the bot is in the channel"
            ) from None
        except OSError as error:
            raise NotifyError(f"Slack cannot be reached ({type(error).__name__})") from None


class EmailNotifier:
    """Sends mail over SMTP, with STARTTLS where a user is given or it is asked for."""

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        recipients: Sequence[str],
        *,
        user: str | None = None,
        password: str | None = None,
        starttls: bool = False,
        attempts: int = ATTEMPTS,
        pause: float = 0.5,
    ) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._recipients = list(recipients)
        self._login = (user, password or "") if user else None
        self._starttls = starttls or user is not None
        self._attempts = attempts
        self._pause = pause

    def send(self, notification: Notification) -> None:
        """Send it; refused connections and temporary answers (4xx) are tried again."""
        message = EmailMessage()
        # A line break in a header would start another header.
        title = " ".join(notification.title.split())
        message["Subject"] = f"[{notification.severity.value}] {title}"
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        if notification.key:
            message["X-Weir-Key"] = " ".join(notification.key.split())
        message["X-Weir-Source"] = " ".join(notification.source.split())
        link = f"\n\n{notification.link}" if notification.link else ""
        message.set_content(f"{notification.body}{link}\n")

        def passing(error: BaseException) -> bool:
            if isinstance(error, smtplib.SMTPResponseException):
                return 400 <= error.smtp_code < 500
            if isinstance(error, smtplib.SMTPRecipientsRefused):
                return False
            return isinstance(error, OSError)

        try:
            for attempt in _retrying(passing, self._attempts, self._pause):
                with attempt:
                    self._deliver(message)
        except (smtplib.SMTPException, OSError) as error:
            code = getattr(error, "smtp_code", "")
            raise NotifyError(
                f"mail server {self._host}:{self._port} did not take the message "
                f"({type(error).__name__}{f' {code}' if code else ''}); check WEIR_NOTIFY_SMTP_*"
            ) from None

    def _deliver(self, message: EmailMessage) -> None:
        with smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_SECONDS) as server:
            if self._starttls:
                server.starttls(context=ssl.create_default_context())
            if self._login:
                server.login(*self._login)
            server.send_message(message)


class Notifiers:
    """Several places: each gets the message, whatever the others do."""

    def __init__(self, notifiers: Sequence[Notifier]) -> None:
        self._notifiers = list(notifiers)

    def send(self, notification: Notification) -> None:
        """Send to all; one that fails does not keep it from the rest."""
        failures = []
        for notifier in self._notifiers:
            try:
                notifier.send(notification)
            except NotifyError as error:
                failures.append(str(error))
        if failures:
            raise NotifyError("; ".join(failures))


def notifier_from_environment(home: Path, environment: Mapping[str, str] | None = None) -> Notifier:
    """The notifier that ``WEIR_NOTIFY`` asks for.

    Args:
        home: Weir's home, where the log lies.
        environment: the variables; the process's own by default.

    Raises:
        NotifyError: an unknown name, or a place lacks a setting; names the variable.
    """
    variables = os.environ if environment is None else environment
    names = [name.strip() for name in variables.get("WEIR_NOTIFY", "log").split(",")]
    return Notifiers([_build(name, home, variables) for name in dict.fromkeys(names) if name])


def _build(name: str, home: Path, variables: Mapping[str, str]) -> Notifier:
    match name:
        case "log":
            return LogNotifier(home / "notifications.jsonl")
        case "webhook":
            return WebhookNotifier(
                _secret("WEIR_NOTIFY_WEBHOOK_URL", name, variables),
                token=_optional_secret("WEIR_NOTIFY_WEBHOOK_TOKEN", variables),
            )
        case "slack":
            return SlackNotifier(
                _secret("WEIR_NOTIFY_SLACK_TOKEN", name, variables),
                _secret("WEIR_NOTIFY_SLACK_CHANNEL", name, variables),
                base_url=variables.get("WEIR_NOTIFY_SLACK_URL"),
            )
        case "email":
            recipients = _secret("WEIR_NOTIFY_EMAIL_TO", name, variables)
            return EmailNotifier(
                _secret("WEIR_NOTIFY_SMTP_HOST", name, variables),
                _port(variables),
                _secret("WEIR_NOTIFY_EMAIL_FROM", name, variables),
                [address.strip() for address in recipients.split(",") if address.strip()],
                user=variables.get("WEIR_NOTIFY_SMTP_USER"),
                password=_optional_secret("WEIR_NOTIFY_SMTP_PASSWORD", variables),
                starttls=variables.get("WEIR_NOTIFY_SMTP_STARTTLS", "") == "true",
            )
    raise NotifyError(f"WEIR_NOTIFY: unknown place {name!r}; one of log, webhook, slack, email")


def _port(variables: Mapping[str, str]) -> int:
    text = variables.get("WEIR_NOTIFY_SMTP_PORT", "587")
    try:
        return int(text)
    except ValueError:
        raise NotifyError(f"WEIR_NOTIFY_SMTP_PORT={text!r}: expected a port number") from None


def _secret(variable: str, place: str, variables: Mapping[str, str]) -> str:
    if value := _optional_secret(variable, variables):
        return value
    raise NotifyError(f"WEIR_NOTIFY={place} needs {variable} (or {variable}_FILE, a file's path)")


def _optional_secret(variable: str, variables: Mapping[str, str]) -> str | None:
    if value := variables.get(variable):
        return value
    if not (file := variables.get(f"{variable}_FILE")):
        return None
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NotifyError(f"{variable}_FILE={file}: {error.strerror}") from None


def _retrying(passing: Any, attempts: int, pause: float) -> Retrying:
    return Retrying(
        retry=retry_if_exception(passing),
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=pause, max=8),
        reraise=True,
    )


def _slack_text(notification: Notification) -> str:
    """Slack reads &, < and > as markup (a mention, a link): what comes from data is escaped."""
    parts = [f"*{_escape(notification.title)}*", _escape(notification.body)]
    if notification.link:
        parts.append(f"<{notification.link}|Open in Dagster>")
    return "\n".join(parts)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).hostname or "(no host)"
