"""Places by name, from the settings.

A place is a name, with or without a target: ``slack``, ``slack:#growth``, ``email:a@x,b@x``,
``webhook:WEIR_HOOK_GROWTH``, ``pagerduty:WEIR_PAGER_GROWTH``. The target of the last two is the
name of the variable that holds the secret, never the secret.

Mail and Slack use the server, sender and token of the reports' delivery (``WEIR_SMTP_*``,
``WEIR_SENDGRID_*``, ``WEIR_MAIL_FROM``, ``WEIR_SLACK_*``). ``WEIR_NOTIFY_SMTP_*``,
``WEIR_NOTIFY_EMAIL_FROM`` and ``WEIR_NOTIFY_SLACK_*`` name others for notifications alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from platform_assets.core.secrets import SecretError, find_secret
from platform_assets.core.settings import Settings
from platform_assets.messaging.mail import MailTransport, mail_transport, sender_of
from platform_assets.messaging.model import Notifier, NotifyError
from platform_assets.messaging.notifiers import (
    PATIENCE,
    log_notifier,
    mail_notifier,
    pagerduty_notifier,
    slack_notifier,
    webhook_notifier,
)
from platform_assets.messaging.pagerduty import PagerDutyTransport
from platform_assets.messaging.slack import SlackTransport
from platform_assets.messaging.smtp import SmtpTransport
from platform_assets.messaging.transport import RefusedError
from platform_assets.messaging.webhook import WebhookTransport

PLACES = ("log", "webhook", "slack", "email", "pagerduty")
TIMEOUT_SECONDS = 10.0
"""Bound of each step of a request: shorter than a report's, as sensors wait for it."""


def split_place(place: str) -> tuple[str, str]:
    """Name and target (empty for none) of a place.

    Raises:
        NotifyError: there is no place of that name.
    """
    name, _, target = (part.strip() for part in place.partition(":"))
    if name not in PLACES or (name == "log" and target):
        raise NotifyError(f"WEIR_NOTIFY: unknown place {place!r}", f"one of {', '.join(PLACES)}")
    return name, target


def open_place(place: str, settings: Settings, variables: Mapping[str, str]) -> Notifier:
    """The notifier of a place.

    Args:
        place: name, or name and target.
        settings: servers, and Weir's home, where the log is.
        variables: the environment.

    Raises:
        NotifyError: an unknown name, or a setting is missing; names the variable.
    """
    name, target = split_place(place)
    found = settings.model_copy(update={"request_timeout_seconds": TIMEOUT_SECONDS})
    try:
        match name:
            case "webhook":
                variable = target or "WEIR_NOTIFY_WEBHOOK_URL"
                # The token belongs to the one address that it was made for.
                token = "" if target else _find("WEIR_NOTIFY_WEBHOOK_TOKEN", variables)
                url = _need(place, variables, variable)
                return webhook_notifier(WebhookTransport(url, token, TIMEOUT_SECONDS, variable))
            case "slack":
                return slack_notifier(
                    _slack(place, found, variables),
                    target or _need(place, variables, "WEIR_NOTIFY_SLACK_CHANNEL"),
                )
            case "email":
                recipients = target or _need(place, variables, "WEIR_NOTIFY_EMAIL_TO")
                return mail_notifier(
                    _mail(found, variables),
                    sender_of(_find("WEIR_NOTIFY_EMAIL_FROM", variables) or found.mail_from),
                    [address.strip() for address in recipients.split(",") if address.strip()],
                )
            case "pagerduty":
                variable = target or "WEIR_NOTIFY_PAGERDUTY_KEY"
                key = _need(place, variables, variable)
                region = variables.get("WEIR_NOTIFY_PAGERDUTY_URL", "")
                return pagerduty_notifier(
                    PagerDutyTransport(key, region, TIMEOUT_SECONDS, variable)
                )
    except (SecretError, RefusedError) as error:
        raise NotifyError(f"WEIR_NOTIFY={place}: {error.message}", error.hint) from None
    return log_notifier(settings.home / "notifications.jsonl")


def _slack(place: str, settings: Settings, variables: Mapping[str, str]) -> SlackTransport:
    own, shared = "WEIR_NOTIFY_SLACK_TOKEN", settings.slack_secret_name
    return SlackTransport(
        _need(place, variables, own, shared),
        variables.get("WEIR_NOTIFY_SLACK_URL") or settings.slack_url,
        TIMEOUT_SECONDS,
        own if _find(own, variables) else shared,
        PATIENCE,
    )


def _mail(settings: Settings, variables: Mapping[str, str]) -> MailTransport:
    if not (host := _find("WEIR_NOTIFY_SMTP_HOST", variables)):
        return mail_transport(settings, variables)
    port, user = (
        variables.get("WEIR_NOTIFY_SMTP_PORT", "587"),
        variables.get("WEIR_NOTIFY_SMTP_USER"),
    )
    if not port.isdecimal():
        raise NotifyError(f"WEIR_NOTIFY_SMTP_PORT={port!r}: expected a port number")
    return SmtpTransport(
        host,
        int(port),
        tls=bool(user) or variables.get("WEIR_NOTIFY_SMTP_STARTTLS") == "true",
        user=user or "",
        password=_find("WEIR_NOTIFY_SMTP_PASSWORD", variables),
        timeout=TIMEOUT_SECONDS,
        variables="WEIR_NOTIFY_SMTP",
    )


def _find(variable: str, variables: Mapping[str, str]) -> str:
    return find_secret(variable, variables) or ""


def _need(place: str, variables: Mapping[str, str], *names: str) -> str:
    for name in names:
        if value := _find(name, variables):
            return value
    either = " or ".join(names)
    raise NotifyError(
        f"WEIR_NOTIFY={place} needs {either} (with _FILE appended: the path of a file)"
    )
