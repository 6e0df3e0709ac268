"""Who gets which message: rules by severity and owner.

Rules are a YAML file, named by ``WEIR_NOTIFY_ROUTES``::

    match: first                 # or all: every rule that fits
    routes:
      - severity: error          # this one or a higher one
        owner: team:growth       # a name or a pattern; a list of them
        places: [pagerduty, "slack:#growth"]
      - source: "report_*"
        places: ["email:board@example.com"]

A message that fits no rule goes to the places of ``WEIR_NOTIFY``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from platform_assets.core.settings import Settings
from platform_assets.core.yaml_lines import YamlError, read
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
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    severity: Severity = Severity.INFO
    owner: tuple[str, ...] = ("*",)
    source: tuple[str, ...] = ("*",)
    places: tuple[str, ...]

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
            try:
                split_place(place)
            except NotifyError as error:
                # Pydantic gathers these with the rule's number.
                raise ValueError(str(error)) from None
        return places

    def fits(self, notification: Notification) -> bool:
        """Whether the rule is about this message."""
        return (
            notification.severity.rank >= self.severity.rank
            and any(fnmatchcase(notification.owner, pattern) for pattern in self.owner)
            and any(fnmatchcase(notification.source, pattern) for pattern in self.source)
        )


class Routes(BaseModel):
    """The rules of one file, in order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Literal["first", "all"] = "first"
    routes: tuple[Route, ...] = ()

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
        fitting = [route for route in self.routes if route.fits(notification)]
        chosen = fitting if self.match == "all" else fitting[:1]
        return tuple(dict.fromkeys(place for route in chosen for place in route.places))


class Router:
    """Sends each message where the rules say, else to the default places."""

    def __init__(
        self,
        routes: Routes,
        default: tuple[str, ...],
        settings: Settings,
        variables: Mapping[str, str],
    ) -> None:
        self._routes = routes
        self._default = default
        named = (place for route in routes.routes for place in route.places)
        # All are opened at once: a missing secret is told before the message that needs it.
        self._opened: dict[str, Notifier] = {
            place: open_place(place, settings, variables)
            for place in dict.fromkeys((*default, *named))
        }

    def send(self, notification: Notification) -> None:
        """Send to every place that is due.

        Raises:
            NotifyError: names every place that did not take it.
        """
        places = self._routes.places(notification) or self._default
        Notifiers([self._opened[place] for place in places]).send(notification)


def notifier_from_environment(
    settings: Settings, environment: Mapping[str, str] | None = None
) -> Notifier:
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
    return Router(routes, default, settings, variables)
