"""What a notification is, and the protocol of a place that takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from platform_assets.core.errors import WeirError


class Severity(StrEnum):
    """How much a message matters; in ascending order."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(Severity).index(self)


class Event(StrEnum):
    """What happened to the incident that a message is about."""

    OPENED = "opened"
    UPDATED = "updated"
    ESCALATED = "escalated"
    """Nobody acknowledged it in time."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody looks after it."""
    RECOVERED = "recovered"


@dataclass(frozen=True)
class Notification:
    """One message.

    Attributes:
        title: one line.
        body: what happened and what to do next.
        severity: how much it matters. A recovery has the severity of its incident, so that it
            takes the same route.
        source: what speaks: a job, a sensor, a report.
        link: where to read more; empty for none.
        key: equal for two messages about the same thing, so that a receiver can drop the
            second; sent along by every notifier.
        owner: whose matter it is, as in the assets' owners (``team:growth``, an address);
            empty where nobody is named.
        event: what happened to the incident.
        incident: equal for all messages of one incident; empty: the key.
        chart: a picture (PNG); None for none.
        chart_link: where the picture can be seen over HTTPS, for places that take no files.
    """

    title: str
    body: str
    severity: Severity
    source: str
    link: str = ""
    key: str = ""
    owner: str = ""
    event: Event = Event.OPENED
    incident: str = ""
    chart: bytes | None = None
    chart_link: str = ""

    @property
    def thread(self) -> str:
        """Identifies the incident: its name, else the key, else the title."""
        return self.incident or self.key or self.title

    @property
    def headline(self) -> str:
        """The title on one line, with what happened where it is not the first word of it."""
        title = " ".join(self.title.split())
        return title if self.event is Event.OPENED else f"{self.event.value.capitalize()}: {title}"

    def fields(self) -> dict[str, Any]:
        """What is said, as JSON takes it; without the picture."""
        return {
            "title": self.title,
            "body": self.body,
            "severity": self.severity.value,
            "source": self.source,
            "link": self.link,
            "key": self.key,
            "owner": self.owner,
            "event": self.event.value,
            "incident": self.incident,
        }


class NotifyError(WeirError):
    """A notification could not be delivered; names the place and what to check."""


class Notifier(Protocol):
    """A place that takes notifications.

    Raises:
        NotifyError: from ``send``, when the place did not take it after bounded retries.
    """

    def send(self, notification: Notification) -> None:
        """Deliver one notification."""
        ...


class Notifiers:
    """Several places: each gets the message, whatever the others do."""

    def __init__(self, notifiers: Sequence[Notifier]) -> None:
        self._notifiers = list(notifiers)

    def send(self, notification: Notification) -> None:
        """Send to all; one that fails does not keep it from the rest.

        Raises:
            NotifyError: names every place that did not take it.
        """
        failures = []
        for notifier in self._notifiers:
            try:
                notifier.send(notification)
            except NotifyError as error:
                failures.append(str(error))
        if failures:
            raise NotifyError("; ".join(failures))
