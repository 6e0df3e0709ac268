"""What an OData service says about itself: its entity sets, their keys and properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from platform_assets.connectors.seam.reader import ConnectorError

_MOMENTS = ("Edm.DateTimeOffset", "Edm.DateTime")
_ARROW: Final[Mapping[str, pa.DataType]] = {
    "Edm.Boolean": pa.bool_(),
    "Edm.Byte": pa.int64(),
    "Edm.SByte": pa.int64(),
    "Edm.Int16": pa.int64(),
    "Edm.Int32": pa.int64(),
    "Edm.Int64": pa.int64(),
    "Edm.Single": pa.float64(),
    "Edm.Double": pa.float64(),
    "Edm.Decimal": pa.float64(),
    "Edm.Date": pa.date32(),
    "Edm.DateTime": pa.timestamp("us", "UTC"),
    "Edm.DateTimeOffset": pa.timestamp("us", "UTC"),
}


@dataclass(frozen=True)
class EntitySet:
    """One set.

    Attributes:
        name: in addresses.
        key: its properties that name an entity.
        properties: name -> type, such as ``Edm.String``.
    """

    name: str
    key: tuple[str, ...]
    properties: Mapping[str, str]

    @property
    def schema(self) -> pa.Schema:
        """Of its rows; complex properties as text."""
        fields = [(name, _ARROW.get(kind, pa.string())) for name, kind in self.properties.items()]
        return pa.schema(fields)

    @property
    def moments(self) -> tuple[str, ...]:
        """The properties that are moments."""
        return tuple(name for name, kind in self.properties.items() if kind in _MOMENTS)


def entity_sets(document: bytes, where: str) -> dict[str, EntitySet]:
    """The sets of a ``$metadata`` document, by name.

    Args:
        document: CSDL in XML.
        where: it came from, for errors.

    Raises:
        ConnectorError: it is no such document.
    """
    from lxml import etree

    # An answer from elsewhere: no entities, nothing fetched.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise ConnectorError(f"{where}: $metadata is no XML: {error}") from None
    types: dict[str, Any] = {}
    for schema in root.iterfind(".//{*}Schema"):
        spaces = [schema.get("Namespace"), schema.get("Alias")]
        for one in schema.iterfind("{*}EntityType"):
            types |= {f"{space}.{one.get('Name')}": one for space in spaces if space}
    found = {}
    for one in root.iterfind(".//{*}EntityContainer/{*}EntitySet"):
        name = one.get("Name")
        key, properties = _described(types, one.get("EntityType"))
        found[name] = EntitySet(name, key, properties)
    if not found:
        raise ConnectorError(f"{where}: $metadata names no entity set", "is it an OData service?")
    return found


def _described(types: Mapping[str, Any], name: str) -> tuple[tuple[str, ...], dict[str, str]]:
    key: tuple[str, ...] = ()
    properties: dict[str, str] = {}
    seen = set()
    while name in types and name not in seen:
        seen.add(name)
        one = types[name]
        own = {part.get("Name"): part.get("Type") for part in one.iterfind("{*}Property")}
        properties = {**own, **properties}
        key = key or tuple(part.get("Name") for part in one.iterfind("{*}Key/{*}PropertyRef"))
        name = one.get("BaseType") or ""
    return key, properties
