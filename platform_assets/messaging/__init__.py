"""Notifications: one message, and the places it goes.

Belongs here: what a message is (:mod:`.model`), how it leaves (a module a place: log file, webhook,
Slack, e-mail, PagerDuty), and who gets which (:mod:`.routing`). Does not belong here: when one is
due (:mod:`sensors.failures` and the other sensors decide).

``WEIR_NOTIFY`` names the places, comma-separated: ``log`` (the default), ``webhook``, ``slack``,
``email``, ``pagerduty``; rules by severity and owner come from the file ``WEIR_NOTIFY_ROUTES``.
Secrets are read from the environment or a file by name and never logged. Heavy clients are
imported where they are used.
"""

from platform_assets.messaging.email import EmailNotifier
from platform_assets.messaging.log import LogNotifier
from platform_assets.messaging.model import (
    Event,
    Notification,
    Notifier,
    Notifiers,
    NotifyError,
    Severity,
)
from platform_assets.messaging.pagerduty import PagerDutyNotifier
from platform_assets.messaging.routing import Routes, notifier_from_environment
from platform_assets.messaging.slack import SlackNotifier
from platform_assets.messaging.webhook import WebhookNotifier

__all__ = [
    "EmailNotifier",
    "Event",
    "LogNotifier",
    "Notification",
    "Notifier",
    "Notifiers",
    "NotifyError",
    "PagerDutyNotifier",
    "Routes",
    "Severity",
    "SlackNotifier",
    "WebhookNotifier",
    "notifier_from_environment",
]
