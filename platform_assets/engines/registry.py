"""Writer schemas by id, from any registry with the Confluent API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import tenacity

from platform_assets.engines.avro import UnreadableSchemaError, WriterSchema

Lookup = Callable[[int], WriterSchema | None]
"""Schema id to writer schema; None where the registry has no such schema."""

_NOT_FOUND = 404
_SERVER_ERROR = 500


class RegistryUnavailableError(RuntimeError):
    """The registry gave no answer: try again later, the record is not to blame."""


class Registry:
    """Looks schemas up once each; a schema id never changes its schema.

    Can be pickled (Spark workers carry one); a copy keeps what was looked up.
    """

    def __init__(self, url: str, timeout_seconds: float = 10.0) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout_seconds
        self._known: dict[int, WriterSchema] = {}

    def __call__(self, schema_id: int) -> WriterSchema | None:
        """Find a schema; None where the registry knows none with that id.

        Raises:
            RegistryUnavailableError: no answer after bounded retries.
        """
        if schema_id in self._known:
            return self._known[schema_id]
        try:
            answer = self._get(schema_id)
        except (httpx.HTTPError, ValueError) as error:
            raise RegistryUnavailableError(
                f"schema registry {self._url}: no answer for schema id {schema_id} ({error}); "
                "see `weir status`, then try again"
            ) from error
        if answer is None:
            return None
        try:
            schema = WriterSchema.parse(schema_id, answer)
        except UnreadableSchemaError:
            return None
        self._known[schema_id] = schema
        return schema

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(httpx.HTTPError),
        stop=tenacity.stop_after_attempt(4),
        wait=tenacity.wait_exponential_jitter(multiplier=0.2, max=2, jitter=0.2),
        reraise=True,
    )
    def _get(self, schema_id: int) -> str | None:
        response = httpx.get(
            f"{self._url}/schemas/ids/{schema_id}", timeout=self._timeout, trust_env=False
        )
        if response.status_code == _NOT_FOUND:
            return None
        response.raise_for_status()
        body: dict[str, Any] = response.json()
        if body.get("schemaType", "AVRO") != "AVRO":
            return None
        return str(body["schema"])
