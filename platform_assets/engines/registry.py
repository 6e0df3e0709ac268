"""Writer schemas by id, from the schema registry."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from platform_assets.connectors.registry import RegistryAwayError, SchemaRegistry
from platform_assets.core.settings import Settings
from platform_assets.engines.avro import UnreadableSchemaError, WriterSchema

KEEP_SECONDS = 60.0
"""How long the registry's word on an id holds."""

Lookup = Callable[[int], WriterSchema | None]
"""Schema id to writer schema; None where the registry has no such schema."""


class RegistryUnavailableError(RuntimeError):
    """The registry gave no answer: try again later, the record is not to blame."""


class Recorded:
    """Schemas by what their ids meant when records were taken; other ids as before.

    Can be pickled where ``others`` can.

    Args:
        schemas: schema id to Avro schema.
        others: looks up ids that are not named.
    """

    def __init__(self, schemas: Mapping[int, str], others: Lookup) -> None:
        self._schemas = dict(schemas)
        self._others = others

    def __call__(self, schema_id: int) -> WriterSchema | None:
        """Find a schema, as :class:`WriterSchemas` does."""
        text = self._schemas.get(schema_id)
        return self._others(schema_id) if text is None else _parsed(schema_id, text)


@lru_cache(maxsize=256)
def _parsed(schema_id: int, text: str) -> WriterSchema:
    return WriterSchema.parse(schema_id, text)


class WriterSchemas:
    """Looks schemas up, and again after a minute: a registry that was rebuilt gives other ids.

    What it knows stays when the registry is away, or no longer has the id.

    Can be pickled (Spark workers carry one); a copy keeps what was looked up, and opens a client
    of its own.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[int, tuple[float, WriterSchema]] = {}
        self._registry: SchemaRegistry | None = None

    def __getstate__(self) -> dict[str, Any]:
        """All but the client, which holds sockets and locks."""
        return {**self.__dict__, "_registry": None}

    def __call__(self, schema_id: int) -> WriterSchema | None:
        """Find a schema; None where the registry knows none with that id, or it is not Avro.

        Raises:
            RegistryUnavailableError: no answer after bounded retries.
            RegistryError: the registry refuses to answer; asked again, it will say the same.
        """
        asked, known = self._known.get(schema_id, (0.0, None))
        if known is not None:
            if time.time() - asked < KEEP_SECONDS:
                return known
            self._registry = None  # its client remembers ids for as long as it lives
        try:
            if self._registry is None:
                self._registry = SchemaRegistry(self._settings)
            text = self._registry.schema(schema_id)
        except RegistryAwayError as error:
            if known is None:
                raise RegistryUnavailableError(
                    f"no answer for schema id {schema_id} ({error.message}); "
                    "see `weir status`, then try again"
                ) from error
            text = None
        schema = known
        if text is not None and (known is None or known.text != text):
            try:
                schema = WriterSchema.parse(schema_id, text)
            except UnreadableSchemaError:
                schema = known
        if schema is not None:
            self._known[schema_id] = (time.time(), schema)
        return schema
