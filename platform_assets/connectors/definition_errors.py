"""Errors of a ``defs.yaml``: the file, the line, the entry and the rule that it breaks."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ValidationError

from platform_assets.core.errors import WeirError
from platform_assets.core.naming import OWNER_RULE
from platform_assets.core.yaml_lines import Document


class SourceError(WeirError):
    """A source's folder cannot be used; names file, line and rule."""


def refused(
    document: Document,
    error: ValidationError,
    model: type[BaseModel],
    below: tuple[Any, ...] = (),
) -> SourceError:
    """The first thing that a model refuses, as an error with its place.

    Args:
        document: the file.
        error: of the model.
        model: that was asked.
        below: where in ``attributes`` the model's own fields are.
    """
    first = error.errors()[0]
    place = first["loc"]
    name = str(place[-1]) if place else ""
    if first["type"] == "missing":
        return wrong(
            document, (*below, *place[:-1]), f"`{name}` is missing", "see docs/how-to/source.md"
        )
    if first["type"] == "extra_forbidden":
        known = list(model.model_fields) if len(place) == 1 else []
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
        return wrong(document, (*below, *place), "no such entry", hint if known else "")
    text = first["msg"].removeprefix("Value error, ")
    if not place and text.startswith("number_by: "):
        return wrong(document, ("number_by",), text.removeprefix("number_by: "))
    if not text.startswith(("expected", OWNER_RULE)):
        text = f"{text}, got {first['input']!r}"
    hint = ""
    if first["type"] == "string_type":
        hint = "put it in quotes: YAML takes No, Off, 1 and 2026-01-01 for no text"
    return wrong(document, (*below, *place), text, hint)


def wrong(document: Document, place: tuple[Any, ...], message: str, hint: str = "") -> SourceError:
    """An error at a place of the file's ``attributes``."""
    names = [str(part) for part in place if not isinstance(part, int)]
    at = f"`{names[0] if len(names) < 2 else '.'.join(names)}`: " if names else ""
    return SourceError(f"source {document.where(('attributes', *place))}: {at}{message}", hint)
