"""How alerts become incidents and messages: the part of the rules that is about time and muting.

The words and their meaning are those of Prometheus Alertmanager, where it has them.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from platform_assets.messaging.matchers import LABELS, Matcher, MatcherError, all_fit

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(?:\d+[smhdw])+")


def duration(text: str) -> timedelta:
    """A duration as Alertmanager writes it: ``30s``, ``5m``, ``1h30m``, ``2d``.

    Raises:
        ValueError: it is none.
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration; write e.g. 30s, 5m, 1h30m or 2d")
    parts = re.findall(r"(\d+)([smhdw])", text)
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in parts))


def _read_duration(value: Any) -> Any:
    return duration(value) if isinstance(value, str) else value


def _read_matchers(value: Any) -> Any:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple):
        return value
    try:
        return tuple(Matcher.parse(one) if isinstance(one, str) else one for one in texts)
    except MatcherError as error:
        raise ValueError(str(error)) from None


Duration = Annotated[timedelta, BeforeValidator(_read_duration)]
Matchers = Annotated[tuple[Matcher, ...], BeforeValidator(_read_matchers), Field(min_length=1)]


class Grouping(BaseModel):
    """When alerts are one incident, and how often it is told.

    Attributes:
        group_by: labels; alerts that go to the same places and are equal in these are grouped.
        group_wait: how long the first message waits for more alerts.
        group_window: an alert joins the incident if the newest alert in it is not older; a later
            one opens an incident of its own. Alertmanager has no such bound.
        group_interval: least time between two messages; it doubles with each update, up to
            ``repeat_interval``. An incident ends when its last alert ended so long ago.
        repeat_interval: an incident that nobody acknowledged and that brings nothing new is told
            again after so long.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    group_by: tuple[str, ...] = ()
    group_wait: Duration = timedelta(0)
    group_window: Duration = timedelta(hours=1)
    group_interval: Duration = timedelta(minutes=5)
    repeat_interval: Duration = timedelta(hours=12)

    @field_validator("group_by", mode="before")
    @classmethod
    def _labels(cls, value: Any) -> Any:
        found = (value,) if isinstance(value, str) else value
        if isinstance(found, list | tuple) and (unknown := [x for x in found if x not in LABELS]):
            raise ValueError(f"unknown label {unknown[0]!r}; one of {', '.join(LABELS)}")
        return found

    @model_validator(mode="after")
    def _in_order(self) -> Grouping:
        if self.group_wait < timedelta(0) or self.group_interval <= timedelta(0):
            raise ValueError("group_interval must be above 0, group_wait not below")
        if self.repeat_interval < self.group_interval:
            raise ValueError("repeat_interval is shorter than group_interval")
        return self

    def spacing(self, updates: int) -> float:
        """Seconds from a message to the next one, after so many updates."""
        longest = self.repeat_interval.total_seconds()
        return min(self.group_interval.total_seconds() * 2.0 ** min(updates, 60), longest)

    def most_updates(self, seconds: float) -> int:
        """How many updates an incident that is told for so long can have."""
        updates, at = 0, self.spacing(0)
        while at <= seconds:
            updates += 1
            at += self.spacing(updates)
        return updates


class Escalation(BaseModel):
    """Where an incident goes that nobody acknowledged.

    Attributes:
        after: since the first message.
        places: as in a rule; from then on they get the incident's messages, too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: Duration
    places: tuple[str, ...] = Field(min_length=1)

    @field_validator("places", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value


class Inhibition(BaseModel):
    """Alerts that say nothing new while another fires.

    Attributes:
        source_matchers: of the alert that mutes.
        target_matchers: of those that are muted; an alert never mutes itself.
        equal: labels that must be the same in both.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    source_matchers: Matchers
    target_matchers: Matchers
    equal: tuple[str, ...] = ()

    def key(self, labels: dict[str, str]) -> tuple[str, ...]:
        """What must be the same in both."""
        return tuple(labels.get(name, "") for name in self.equal)

    def mutes(self, labels: dict[str, str]) -> bool:
        """Whether an alert with these labels mutes others."""
        return all_fit(self.source_matchers, labels)

    def muted(self, labels: dict[str, str]) -> bool:
        """Whether an alert with these labels is muted by others."""
        # One that fits both sides would mute its own kind for ever (Alertmanager has it so).
        return all_fit(self.target_matchers, labels) and not self.mutes(labels)
