"""What the ``defs.yaml`` of all kinds of source have in common: being found, read, and refused.

An error names the file, the line, the entry and the rule that it breaks.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from platform_assets.core.broken import Loaded, load_each
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import OWNER_RULE
from platform_assets.core.yaml_lines import Document, read_all
from platform_assets.sources import definition_files

KIND = "source"

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class SourceError(WeirError):
    """A source's folder cannot be used; names file, line and rule."""


def load_of_type(component: str, read: Callable[[Document], T]) -> Loaded[str, T]:
    """The sources of a component type that can be used, by name; ``broken`` holds the others.

    Folders of other component types are left out.

    Args:
        component: the type, as a ``defs.yaml`` names it.
        read: makes a source of a document, or raises a :class:`WeirError`.
    """

    def one(path: Path) -> tuple[str, list[T]]:
        documents = read_all(path, SourceError, KIND)
        return path.parent.name, [read(one) for one in documents if is_of_type(one, component)]

    loaded = load_each(KIND, definition_files(), one)
    sources: Loaded[str, T] = Loaded()
    sources.update({name: found[0] for name, found in loaded.items() if found})
    sources.broken = loaded.broken
    return sources


def is_of_type(document: Document, component: str) -> bool:
    """Whether a document of a ``defs.yaml`` describes a source of a component type."""
    return isinstance(document.data, dict) and document.data.get("type") == component


def fields_of(document: Document, model: type[M], what: str, hint: str = "") -> M:
    """What a ``defs.yaml`` says of a source, checked.

    Args:
        document: of the file; its ``source`` must be its folder's name.
        model: of its attributes.
        what: it is, for people: ``a file source``.
        hint: what to do instead of a template.

    Raises:
        SourceError: an entry is missing, unknown or wrong.
    """
    attributes = document.data.get("attributes")
    if not isinstance(attributes, dict):
        raise SourceError(f"source {document.where()}: expected a mapping `attributes`")
    for name, value in attributes.items():
        if "{{" in str(value):
            raise wrong(document, (name,), f"templates are not resolved in {what}", hint)
    fields = checked(document, model, attributes)
    source, folder = attributes["source"], document.path.parent
    if source != folder.name:
        raise wrong(
            document, ("source",), f"{source!r}, but its folder is {folder.name!r}",
            "give both one name",
        )  # fmt: skip
    return fields


def checked(document: Document, model: type[M], given: Any, place: tuple[Any, ...] = ()) -> M:
    """A part of the attributes as a model has it.

    Raises:
        SourceError: the first thing that the model refuses, with its place.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise refused(document, error, model, place) from error


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
