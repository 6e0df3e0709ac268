"""Notifications: one message, and the places it goes.

Belongs here: what a message is (:mod:`.model`), how it leaves (a module a place: log file, webhook,
Slack, e-mail, PagerDuty), and who gets which (:mod:`.routing`). Does not belong here: when one is
due (:mod:`sensors.failures` and the other sensors decide).

``WEIR_NOTIFY`` names the places, comma-separated: ``log`` (the default), ``webhook``, ``slack``,
``email``, ``pagerduty``; rules by severity and owner come from the file ``WEIR_NOTIFY_ROUTES``.
Secrets are read from the environment or a file by name and never logged. Heavy clients are
imported where they are used.
"""

from sensors.notify.email import EmailNotifier
from sensors.notify.log import LogNotifier
from sensors.notify.model import (
    Event,
    Notification,
    Notifier,
    Notifiers,
    NotifyError,
    Severity,
)
from sensors.notify.pagerduty import PagerDutyNotifier
from sensors.notify.routing import Routes, notifier_from_environment
from sensors.notify.slack import SlackNotifier
from sensors.notify.webhook import WebhookNotifier

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
