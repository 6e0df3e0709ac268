"""A message, and what a stream of messages is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True)
class Message:
    """A message as its source gave it.

    Attributes:
        body: the payload: bytes that are decoded, or fields that the source itself has.
        id: what the source calls it, the same each time it is delivered; None: it has no name.
        place: where it stands, for people: ``orders, partition 2, offset 17``.
        fields: further columns of its row; their names begin with ``_``.
    """

    body: bytes | Mapping[str, Any]
    id: str | None
    place: str
    fields: Mapping[str, Any] = field(default_factory=dict)


class Options(BaseModel):
    """What a source or stream is configured by; the text below a field describes it in forms."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Paged(Options):
    """How many messages are committed together."""

    page_messages: int = Field(default=5000, ge=1, le=100_000)
    """Messages that are committed together, at most."""
    page_milliseconds: int = Field(default=200, ge=1, le=60_000)
    """A page that is not full is committed so long after its first message."""


class MessageStream(Paged):
    """Messages whose payload is bytes."""

    format: Literal["json", "text"] = "json"
    """Of the payload: JSON objects, or text, which is column `value`."""
