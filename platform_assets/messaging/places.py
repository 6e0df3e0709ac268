"""Places by name, from the environment.

A place is a name, with or without a target: ``slack``, ``slack:#growth``, ``email:a@x,b@x``,
``webhook:WEIR_HOOK_GROWTH``, ``pagerduty:WEIR_PAGER_GROWTH``. The target of the last two is the
name of the variable that holds the secret, never the secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from platform_assets.core.secrets import SecretError, find_secret
from platform_assets.messaging.email import EmailNotifier
from platform_assets.messaging.log import LogNotifier
from platform_assets.messaging.model import Notifier, NotifyError
from platform_assets.messaging.pagerduty import PagerDutyNotifier
from platform_assets.messaging.slack import SlackNotifier
from platform_assets.messaging.webhook import WebhookNotifier

PLACES = ("log", "webhook", "slack", "email", "pagerduty")


def split_place(place: str) -> tuple[str, str]:
    """Name and target (empty for none) of a place.

    Raises:
        NotifyError: there is no place of that name.
    """
    name, _, target = (part.strip() for part in place.partition(":"))
    if name not in PLACES or (name == "log" and target):
        raise NotifyError(f"WEIR_NOTIFY: unknown place {place!r}", f"one of {', '.join(PLACES)}")
    return name, target


def open_place(place: str, home: Path, variables: Mapping[str, str]) -> Notifier:
    """The notifier of a place.

    Args:
        place: name, or name and target.
        home: Weir's home, where the log lies.
        variables: the environment.

    Raises:
        NotifyError: an unknown name, or a setting is missing; names the variable.
    """
    name, target = split_place(place)
    match name:
        case "webhook":
            return WebhookNotifier(
                secret(target or "WEIR_NOTIFY_WEBHOOK_URL", place, variables),
                # The token belongs to the one address that it was made for.
                token=None if target else optional("WEIR_NOTIFY_WEBHOOK_TOKEN", variables),
            )
        case "slack":
            return SlackNotifier(
                secret("WEIR_NOTIFY_SLACK_TOKEN", place, variables),
                target or secret("WEIR_NOTIFY_SLACK_CHANNEL", place, variables),
                base_url=variables.get("WEIR_NOTIFY_SLACK_URL"),
            )
        case "email":
            recipients = target or secret("WEIR_NOTIFY_EMAIL_TO", place, variables)
            return EmailNotifier(
                secret("WEIR_NOTIFY_SMTP_HOST", place, variables),
                _port(variables),
                secret("WEIR_NOTIFY_EMAIL_FROM", place, variables),
                [address.strip() for address in recipients.split(",") if address.strip()],
                user=variables.get("WEIR_NOTIFY_SMTP_USER"),
                password=optional("WEIR_NOTIFY_SMTP_PASSWORD", variables),
                starttls=variables.get("WEIR_NOTIFY_SMTP_STARTTLS", "") == "true",
            )
        case "pagerduty":
            return PagerDutyNotifier(
                secret(target or "WEIR_NOTIFY_PAGERDUTY_KEY", place, variables),
                base_url=variables.get("WEIR_NOTIFY_PAGERDUTY_URL"),
            )
    return LogNotifier(home / "notifications.jsonl")


def secret(variable: str, place: str, variables: Mapping[str, str]) -> str:
    """The variable's value, or that of the file that ``<variable>_FILE`` names.

    Raises:
        NotifyError: there is neither; names the variable and the place that needs it.
    """
    if value := optional(variable, variables):
        return value
    raise NotifyError(f"WEIR_NOTIFY={place} needs {variable} (or {variable}_FILE, a file's path)")


def optional(variable: str, variables: Mapping[str, str]) -> str | None:
    """The same, None where there is neither.

    Raises:
        NotifyError: the file cannot be read.
    """
    try:
        return find_secret(variable, variables)
    except SecretError as error:
        raise NotifyError(error.message, error.hint) from None


def _port(variables: Mapping[str, str]) -> int:
    text = variables.get("WEIR_NOTIFY_SMTP_PORT", "587")
    try:
        return int(text)
    except ValueError:
        raise NotifyError(f"WEIR_NOTIFY_SMTP_PORT={text!r}: expected a port number") from None
