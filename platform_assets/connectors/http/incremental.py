"""By which field a stream is read in increments, and how its values are compared and written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from platform_assets.connectors.seam.reader import ConnectorError

Place = Mapping[str, Any]
"""Which page: plain JSON."""


class Incremental(BaseModel):
    """By which field a stream is read in increments.

    Attributes:
        field: of the record; ``a.b`` reaches into objects.
        param: of the request that is given the value; empty: the records are only compared.
        start: the first value; none: the first read has no such parameter.
        format: how the parameter is written: ``as_is``, or a moment as ``iso``, ``epoch`` (seconds)
            or ``epoch_millis``, or a pattern of strftime.
        template: around the value: ``updated_at > '{value}'``.
        overlap_seconds: how much earlier each read begins, where the value is a moment; what comes
            twice has the same id.
    """

    model_config = ConfigDict(extra="forbid")

    field: str
    param: str = ""
    start: str | int | float | None = None
    format: str = "as_is"
    template: str = "{value}"
    overlap_seconds: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _has_value(self) -> Incremental:
        if "{value}" not in self.template:
            raise ValueError("expected `template` to hold {value}")
        if self.format not in ("as_is", "iso", "epoch", "epoch_millis") and "%" not in self.format:
            raise ValueError("expected as_is, iso, epoch, epoch_millis or a pattern of strftime")
        return self

    def asked(self, since: Any) -> Any:
        """The parameter's value; None: it is left out."""
        if since is None:
            return None
        moment = moment_of(since)
        if self.overlap_seconds and moment is not None:
            moment -= timedelta(seconds=self.overlap_seconds)
            if self.format == "as_is":
                since = _like(since, moment)
        if self.format != "as_is":
            if moment is None:
                raise ConnectorError(f"{self.field}: {since!r} is no moment")
            since = _written(moment, self.format)
        return since if self.template == "{value}" else self.template.format(value=since)


def moment_of(value: Any) -> datetime | None:
    """A value as a moment: ISO 8601, or seconds or milliseconds since 1970; None: it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        seconds = value / 1000 if value >= 1e11 else value
        return datetime.fromtimestamp(seconds, UTC) if 1e8 <= seconds < 1e11 else None
    if isinstance(value, str) and len(value) >= 10:
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            return None
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _like(value: Any, moment: datetime) -> Any:
    """The moment, spelled as the value is."""
    if isinstance(value, (int, float)):
        seconds = moment.timestamp()
        made = seconds * 1000 if value >= 1e11 else seconds
        return type(value)(made)
    text = str(value)
    zone = datetime.fromisoformat(text).tzinfo
    if len(text) == 10:
        return moment.date().isoformat()
    precise: Literal["seconds", "milliseconds", "microseconds"] = "seconds"
    if "." in text:
        precise = "milliseconds" if _fraction(text) <= 3 else "microseconds"
    written = moment.astimezone(zone or UTC).isoformat("T" if "T" in text else " ", precise)
    if zone is None:
        return written.removesuffix("+00:00")
    return written.replace("+00:00", "Z") if text.endswith("Z") else written


def _fraction(text: str) -> int:
    """Digits of the fraction of a second."""
    fraction = text.partition(".")[2]
    return len(fraction) - len(fraction.lstrip("0123456789"))


def _written(moment: datetime, form: str) -> Any:
    moment = moment.astimezone(UTC)
    if form == "iso":
        return moment.isoformat().replace("+00:00", "Z")
    if form == "epoch":
        return int(moment.timestamp())
    if form == "epoch_millis":
        return int(moment.timestamp() * 1000)
    return moment.strftime(form)
