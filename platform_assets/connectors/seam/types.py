"""The connector types: those of :mod:`..kinds`, and those that other packages bring.

A package brings types by entry point: group ``weir.connectors``, each a :class:`ConnectorType`.
A type may be there in several versions at once; a source that pins none has the newest.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from platform_assets.connectors.seam.addresses import Peer, networks, require_permitted
from platform_assets.connectors.seam.reader import ConnectorError, Context, Reader

GROUP = "weir.connectors"
_VERSION = re.compile(r"\d+(\.\d+)*")
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


@runtime_checkable
class Reaching(Protocol):
    """A configuration that names where its client connects to.

    Types over HTTP need not: their one client looks at each address that it connects to.
    """

    def peers(self) -> Iterable[Peer]:
        """Hosts and ports."""
        ...


@dataclass(frozen=True)
class ConnectorType:
    """A type of connector.

    Attributes:
        name: as ``connector:`` in a ``defs.yaml`` names it.
        title: for people.
        kind: of source.
        maturity: what its tests prove.
        config: model of the source's ``config``; its fields draw the form.
        open: makes a reader of a configuration; connects at its first call, not here. Others than
            the type's own tests call :meth:`reader`.
        stream: model of a stream's ``options``.
        loose: its rows carry only the fields that they have (JSON): a column that no row of a page
            carries is null, where it would otherwise be a change of schema.
        live: it is read without an end, not polled.
        version: of what it does, numbers with dots; a source may pin it.
        reads: versions whose cursors it reads, too.
        deprecated: why nobody should use this version any longer, and what instead.
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
    reads: tuple[str, ...] = ()
    deprecated: str = ""

    @property
    def label(self) -> str:
        """Name and version, as a cursor's record has them: ``sql@1``."""
        return f"{self.name}@{self.version}"

    def reader(self, config: BaseModel, context: Context) -> Reader:
        """A reader of a configuration, which reaches only where sources may be.

        Raises:
            InternalAddressError: the configuration leads to an internal address that the operator
                has not allowed.
            ConnectorError: a secret is missing.
        """
        if isinstance(config, Reaching):
            require_permitted(config.peers(), networks(context.settings.source_networks))
        return self.open(config, context)

    @property
    def counts_requests(self) -> bool:
        """Whether its requests over HTTP are counted: its configuration says so."""
        return bool(getattr(self.config, "COUNTS_REQUESTS", False))

    def reads_cursor_of(self, label: str) -> bool:
        """Whether it understands a cursor that a type of this label wrote."""
        name, _, version = label.partition("@")
        return name == self.name and version in (self.version, *self.reads)


@lru_cache(maxsize=1)
def connector_versions() -> dict[str, tuple[ConnectorType, ...]]:
    """All types in all versions, by name, the newest version first.

    Raises:
        ConnectorError: two types have one name and version, or a version is none.
    """
    found: dict[str, dict[str, ConnectorType]] = {}
    for one in [*_own(), *_others()]:
        if not _VERSION.fullmatch(one.version):
            raise ConnectorError(
                f"connector {one.name!r}: version {one.version!r} is none",
                "its package must give numbers with dots: 2 or 2.1",
            )
        if one.version in found.setdefault(one.name, {}):
            raise ConnectorError(
                f"connector {one.label} is there twice", "uninstall one of the two packages"
            )
        found[one.name][one.version] = one
    return {
        name: tuple(sorted(found[name].values(), key=_order, reverse=True))
        for name in sorted(found)
    }


def connector_types() -> dict[str, ConnectorType]:
    """The newest version of each type, by name.

    Raises:
        ConnectorError: as :func:`connector_versions`.
    """
    return {name: versions[0] for name, versions in connector_versions().items()}


def connector_type(name: str, version: str = "") -> ConnectorType:
    """The type of that name.

    Args:
        name: of the type; ``sql@1`` names a version, too.
        version: that is wanted; the newest by default.

    Raises:
        ConnectorError: there is none; names what comes close, or the versions that are there.
    """
    name, _, pinned = name.partition("@")
    if pinned and version not in ("", pinned):
        raise ConnectorError(
            f"connector {name}@{pinned}, and version {version!r} beside it", "say one of them"
        )
    version = pinned or version
    types = connector_versions()
    if name in types:
        found = next((one for one in types[name] if version in ("", one.version)), None)
        if found is not None:
            return found
        there = ", ".join(one.version for one in types[name])
        raise ConnectorError(
            f"connector {name!r}: version {version!r} is asked for, {there} is here",
            "read what changed, then pin another; or install the package that brings it",
        )
    close = difflib.get_close_matches(name, types, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "see `weir connectors`"
    raise ConnectorError(f"no connector {name!r}", hint)


def _order(one: ConnectorType) -> tuple[int, ...]:
    return tuple(map(int, one.version.split(".")))


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
