"""The connector types: those of :mod:`..kinds`, and those that other packages bring.

A package brings types by entry point: group ``weir.connectors``, each a :class:`ConnectorType`.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any

from pydantic import BaseModel, ConfigDict

from platform_assets.connectors.seam.reader import ConnectorError, Context, Reader

GROUP = "weir.connectors"
_KINDS = "platform_assets.connectors.kinds"
# By name: the kinds are built on the seam, which only finds them.


class Maturity(StrEnum):
    """What a type's own tests prove; :attr:`ConnectorType.maturity` claims no more."""

    REAL = "real server"
    EMULATOR = "emulator"
    RECORDED = "recorded"
    CONFIGURED = "configuration only"


class Kind(StrEnum):
    """The kinds of source."""

    API = "api"
    DATABASE = "database"
    DEVICE = "device"
    FILE = "file"
    WEBHOOK = "webhook"
    BUSINESS = "business"
    STREAM = "stream"
    DOCUMENT = "document"


class NoOptions(BaseModel):
    """A stream that has no options of its own."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class ConnectorType:
    """A type of connector.

    Attributes:
        name: as ``connector:`` in a ``defs.yaml`` names it.
        title: for people.
        kind: of source.
        maturity: what its tests prove.
        config: model of the source's ``config``; its fields draw the form.
        open: makes a reader of a configuration; connects at its first call, not here.
        stream: model of a stream's ``options``.
        loose: its rows carry only the fields that they have (JSON): a column that no row of a page
            carries is null, where it would otherwise be a change of schema.
        live: it is read without an end, not polled.
        version: of what it does; a source may pin it.
    """

    name: str
    title: str
    kind: Kind
    maturity: Maturity
    config: type[BaseModel]
    open: Callable[[Any, Context], Reader]
    stream: type[BaseModel] = NoOptions
    loose: bool = False
    live: bool = False
    version: str = "1"


@lru_cache(maxsize=1)
def connector_types() -> dict[str, ConnectorType]:
    """All types, by name.

    Raises:
        ConnectorError: two types have one name.
    """
    found: dict[str, ConnectorType] = {}
    for one in [*_own(), *_others()]:
        if one.name in found:
            raise ConnectorError(
                f"connector {one.name!r} is there twice", "uninstall one of the two packages"
            )
        found[one.name] = one
    return dict(sorted(found.items()))


def connector_type(name: str) -> ConnectorType:
    """The type of that name.

    Raises:
        ConnectorError: there is none; names what comes close.
    """
    types = connector_types()
    if name in types:
        return types[name]
    close = difflib.get_close_matches(name, types, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "see `weir connectors`"
    raise ConnectorError(f"no connector {name!r}", hint)


def _own() -> list[ConnectorType]:
    types: list[ConnectorType] = []
    folder = importlib.import_module(_KINDS).__path__
    for module in sorted(pkgutil.iter_modules(folder), key=lambda one: one.name):
        types += importlib.import_module(f"{_KINDS}.{module.name}").TYPES
    return types


def _others() -> list[ConnectorType]:
    types: list[ConnectorType] = []
    for entry in entry_points(group=GROUP):
        loaded = entry.load()
        if not isinstance(loaded, ConnectorType):
            raise ConnectorError(
                f"entry point {entry.name!r} of {GROUP} is no ConnectorType",
                f"fix or uninstall the package that brings {entry.value}",
            )
        types.append(loaded)
    return types
