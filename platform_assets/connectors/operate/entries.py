"""The entries of a configuration model, for people: type, default and meaning of each."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

_WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Any: "any",
}
_ROLE = re.compile(r":[a-z]+:`[~.]*([^`]+)`")
_NAMES = re.compile(r"(?P<names>\w+(?:, \w+)*): (?P<text>.*)")


@dataclass(frozen=True)
class Entry:
    """One entry of a configuration.

    Attributes:
        name: dotted where it is nested; ``auth(oauth2).scope`` where ``auth`` has several shapes.
        type: in words; a choice as ``a | b``.
        required: whether it must be given.
        default: what holds where it is not given; None where it is required.
        description: of the model's own documentation.
    """

    name: str
    type: str
    required: bool
    default: Any
    description: str


def entries(model: type[BaseModel]) -> list[Entry]:
    """The entries of a model, each nested one after its parent."""
    return list(_entries(model, "", ()))


def described(model: type[BaseModel]) -> dict[str, str]:
    """Field -> its meaning: what its ``Field`` says, else the model's ``Attributes``."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if issubclass(one, BaseModel) and one is not BaseModel:
            found |= _of_docstring(one)
    for name, field in model.model_fields.items():
        if field.description:
            found[name] = field.description
    return found


def default_of(field: FieldInfo) -> Any:
    """What holds where a field is not given, as YAML has it."""
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return None
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    return value


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that a field may hold: its own, those of a union, those of a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found = [one for part in get_args(annotation) for one in models_in(part)]
    return list(dict.fromkeys(found))


def _entries(model: type[BaseModel], prefix: str, above: tuple[type, ...]) -> list[Entry]:
    meanings = described(model)
    found: list[Entry] = []
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        default = None if field.is_required() else default_of(field)
        meaning = meanings.get(name, "")
        found.append(Entry(key, type_of(field.annotation), field.is_required(), default, meaning))
        inner = [one for one in models_in(field.annotation) if one not in (*above, model)]
        for one in inner:
            shape = f"({_shape(one)})" if len(inner) > 1 else ""
            found += _entries(one, f"{key}{shape}.", (*above, model))
    return found


def type_of(annotation: Any) -> str:  # noqa: PLR0911 (a case a kind of type)
    """A field's type in words."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation in _WORDS:
        return _WORDS[annotation]
    if origin is Annotated:
        return type_of(parts[0])
    if origin is Literal:
        return " | ".join("''" if part == "" else str(part) for part in parts)
    if origin in (Union, types.UnionType):
        words = [type_of(part) for part in parts if part is not type(None)]
        return " | ".join(dict.fromkeys(words))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " | ".join(str(one.value) for one in annotation)
    kind = origin or annotation
    if isinstance(kind, type) and issubclass(kind, (Mapping, BaseModel)):
        return "mapping"
    if isinstance(kind, type) and issubclass(kind, (Sequence, AbstractSet)):
        return f"list of {type_of(parts[0])}" if parts else "list"
    return getattr(annotation, "__name__", str(annotation)).lower()


def _shape(model: type[BaseModel]) -> str:
    """What tells a shape from the others: the one value of its first fixed field, or its name."""
    for field in model.model_fields.values():
        if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1:
            return str(get_args(field.annotation)[0])
    return model.__name__


@lru_cache(maxsize=256)
def _of_docstring(model: type[BaseModel]) -> dict[str, str]:
    lines = inspect.cleandoc(model.__doc__ or "").splitlines()
    if "Attributes:" not in lines:
        return {}
    found: dict[str, str] = {}
    names: list[str] = []
    for line in lines[lines.index("Attributes:") + 1 :]:
        if line and not line.startswith(" "):
            break
        text = line.strip()
        begins = line.startswith("    ") and not line.startswith("     ")
        if begins and (match := _NAMES.fullmatch(text)):
            names = match["names"].split(", ")
            text = match["text"]
            found |= dict.fromkeys(names, "")
        for name in names:
            found[name] = f"{found[name]} {text}".strip()
    return {name: _ROLE.sub(r"\1", text).replace("``", "`") for name, text in found.items()}
