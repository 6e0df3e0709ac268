"""Messages: notifications and who gets which, and the transports that reports use too.

Belongs here: the transports (:mod:`.transport` says what they have in common; ``smtp``,
``sendgrid``, ``slack``, ``webhook``, ``pagerduty``, ``log``) and how the settings describe them
(:mod:`.mail`, :mod:`.places`); what a notification is (:mod:`.model`), how it looks at each place
(:mod:`.render`, :mod:`.notifiers`), and who gets which (:mod:`.routing`, :mod:`.grouping`,
:mod:`.matchers`). Does not belong here: when a notification is due (:mod:`platform_assets.alerts`
and the sensors decide), and what a delivered report says (:mod:`reports.delivery`).

``WEIR_NOTIFY`` names the places, comma-separated: ``log`` (the default), ``webhook``, ``slack``,
``email``, ``pagerduty``; rules by severity and owner come from the file ``WEIR_NOTIFY_ROUTES``.
Secrets are read from the environment or a file by name and never logged. Heavy clients are
imported where they are used.
"""

from platform_assets.messaging.model import (
    Event,
    Notification,
    Notifier,
    Notifiers,
    NotifyError,
    Severity,
)
from platform_assets.messaging.routing import Router, Routes, notifier_from_environment

__all__ = [
    "Event",
    "Notification",
    "Notifier",
    "Notifiers",
    "NotifyError",
    "Router",
    "Routes",
    "Severity",
    "notifier_from_environment",
]
