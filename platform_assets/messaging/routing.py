"""Who gets which message: rules by severity and owner.

Rules are a YAML file, named by ``WEIR_NOTIFY_ROUTES``::

    match: first                 # or all: every rule that fits
    routes:
      - severity: error          # this one or a higher one
        owner: team:growth       # a name or a pattern; a list of them
        places: [pagerduty, "slack:#growth"]
        escalate: [{after: 30m, places: "pagerduty:PAGER_HEAD"}]
      - source: "report_*"
        places: ["email:board@example.com"]
    grouping: {group_interval: 5m}   # see .grouping
    inhibit_rules: []

A message that fits no rule goes to the places of ``WEIR_NOTIFY``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from platform_assets.core.settings import Settings
from platform_assets.core.yaml_lines import YamlError, read
from platform_assets.messaging.grouping import Escalation, Grouping, Inhibition
from platform_assets.messaging.model import Notification, Notifier, Notifiers, NotifyError, Severity
from platform_assets.messaging.places import open_place, split_place

DEFAULT_PLACES = "log"


class Route(BaseModel):
    """One rule; what it does not name it does not ask for.

    Attributes:
        severity: the least that fits.
        owner: patterns (``*``, ``?``), one of which must fit; nobody is ``""``.
        source: patterns for what speaks.
        places: where such a message goes.
        escalate: where an incident goes, too, that nobody acknowledges.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    severity: Severity = Severity.INFO
    owner: tuple[str, ...] = ("*",)
    source: tuple[str, ...] = ("*",)
    places: tuple[str, ...]
    escalate: tuple[Escalation, ...] = ()

    @field_validator("owner", "source", "places", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("places")
    @classmethod
    def _known(cls, places: tuple[str, ...]) -> tuple[str, ...]:
        if not places:
            raise ValueError("a rule without places would lose messages")
        for place in places:
            _require_place(place)
        return places

    @field_validator("escalate")
    @classmethod
    def _later_and_later(cls, steps: tuple[Escalation, ...]) -> tuple[Escalation, ...]:
        if any(one.after >= other.after for one, other in pairwise(steps)):
            raise ValueError("each step of an escalation must come later than the one before")
        for step in steps:
            for place in step.places:
                _require_place(place)
        return steps

    def fits(self, notification: Notification) -> bool:
        """Whether the rule is about this message."""
        return (
            notification.severity.rank >= self.severity.rank
            and any(fnmatchcase(notification.owner, pattern) for pattern in self.owner)
            and any(fnmatchcase(notification.source, pattern) for pattern in self.source)
        )


@dataclass(frozen=True)
class Destination:
    """Where a message goes.

    Attributes:
        places: each once.
        escalate: seconds after which an incident goes elsewhere, too, and where; soonest first.
    """

    places: tuple[str, ...]
    escalate: tuple[tuple[float, tuple[str, ...]], ...] = ()


class Routes(BaseModel):
    """The rules of one file, in order.

    Attributes:
        match: the first rule that fits decides, or all of them.
        routes: the rules.
        grouping: how alerts become incidents.
        inhibit_rules: which alerts mute which.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Literal["first", "all"] = "first"
    routes: tuple[Route, ...] = ()
    grouping: Grouping = Grouping()
    inhibit_rules: tuple[Inhibition, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Routes:
        """Read a file.

        Raises:
            NotifyError: it cannot be read, or a rule is malformed; names file and rule.
        """
        try:
            document = read(path)
        except YamlError as error:
            raise NotifyError(
                f"WEIR_NOTIFY_ROUTES={path}: {error}", "name a file of YAML that can be read"
            ) from None
        try:
            return cls.model_validate(document.data or {})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise NotifyError(
                f"WEIR_NOTIFY_ROUTES={document.where(first['loc'])}: {where}: {first['msg']}",
                "see docs/how-to/notifications.md",
            ) from None

    def places(self, notification: Notification) -> tuple[str, ...]:
        """Where a message goes, each place once; empty where no rule fits."""
        return self.destination(notification).places

    def destination(self, notification: Notification) -> Destination:
        """Where a message goes, now and if nobody acknowledges; no places where no rule fits."""
        fitting = [route for route in self.routes if route.fits(notification)]
        chosen = fitting if self.match == "all" else fitting[:1]
        steps = [(s.after.total_seconds(), s.places) for route in chosen for s in route.escalate]
        return Destination(
            tuple(dict.fromkeys(place for route in chosen for place in route.places)),
            tuple(sorted(steps)),
        )


def _require_place(place: str) -> None:
    try:
        split_place(place)
    except NotifyError as error:
        # Pydantic gathers these with the rule's number.
        raise ValueError(str(error)) from None


class Router:
    """Sends each message where the rules say, else to the default places.

    Args:
        routes: the rules.
        default: places of what no rule is about.
        opener: opens a place by its name.
    """

    def __init__(
        self, routes: Routes, default: tuple[str, ...], opener: Callable[[str], Notifier]
    ) -> None:
        self.routes = routes
        self._default = default
        self._opener = opener
        named = (place for route in routes.routes for place in route.places)
        later = (p for route in routes.routes for step in route.escalate for p in step.places)
        # All are opened at once: a missing secret is told before the message that needs it.
        self._opened = {place: opener(place) for place in dict.fromkeys((*default, *named, *later))}

    def destination(self, notification: Notification) -> Destination:
        """Where a message goes, and whereto if nobody acknowledges."""
        found = self.routes.destination(notification)
        return found if found.places else Destination(self._default, found.escalate)

    def send(self, notification: Notification) -> None:
        """Send to every place that is due.

        Raises:
            NotifyError: names every place that did not take it.
        """
        places = self.destination(notification).places
        Notifiers([self._opened[place] for place in places]).send(notification)

    def send_to(self, place: str, notification: Notification) -> None:
        """Send to one place, whatever the rules say of it now.

        Raises:
            NotifyError: it did not take it, or cannot be opened any more.
        """
        if place not in self._opened:
            self._opened[place] = self._opener(place)
        self._opened[place].send(notification)


def notifier_from_environment(
    settings: Settings, environment: Mapping[str, str] | None = None
) -> Router:
    """The notifier that ``WEIR_NOTIFY`` and ``WEIR_NOTIFY_ROUTES`` ask for.

    Args:
        settings: servers shared with the reports' delivery, and Weir's home, where the log is.
        environment: the variables; the process's own by default.

    Raises:
        NotifyError: an unknown place, a malformed rule, or a place lacks a setting; names the
            variable.
    """
    variables = os.environ if environment is None else environment
    named = variables.get("WEIR_NOTIFY", DEFAULT_PLACES).split(",")
    default = tuple(dict.fromkeys(place.strip() for place in named if place.strip()))
    file = variables.get("WEIR_NOTIFY_ROUTES")
    routes = Routes.read(Path(file)) if file else Routes()
    return Router(routes, default, lambda place: open_place(place, settings, variables))
