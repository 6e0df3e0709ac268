"""The schema registry: a subject a topic, BACKWARD, and refusals with their reason."""

from __future__ import annotations

import json
from typing import Any

from confluent_kafka.schema_registry import (
    ConfigCompatibilityLevel,
    Schema,
    SchemaRegistryClient,
    ServerConfig,
)
from confluent_kafka.schema_registry.common._httpx_compat import (
    httpx,  # the client raises the errors of whichever httpx it found
)
from confluent_kafka.schema_registry.error import SchemaRegistryError

from platform_assets.contracts.avro import value_schema, value_schema_text
from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError
from platform_assets.core.retry import HTTP_MAY_PASS
from platform_assets.core.settings import Settings

COMPATIBILITY = "BACKWARD"
_LEVEL = ConfigCompatibilityLevel.BACKWARD
_INCOMPATIBLE = 409
_NOT_FOUND = 404
_INVALID = 422


class RegistryError(WeirError):
    """The registry cannot be reached, or answered with an error."""


class RegistryAwayError(RegistryError):
    """The registry does not answer, or says that it cannot now: the same may work in a moment."""


class SchemaRefusedError(RegistryError):
    """The registry refused a schema: invalid, or not backward compatible."""


class SchemaRegistry:
    """Weir's view of a schema registry; calls have a timeout and retry with jitter.

    Args:
        settings: of the installation.
        url: of another registry than the installation's.
        user_info: ``user:password`` there.
    """

    def __init__(self, settings: Settings, url: str = "", user_info: str = "") -> None:
        self._url = url or settings.registry_url
        login = {"basic.auth.user.info": user_info} if user_info else {}
        self._client = SchemaRegistryClient(
            {
                **login,
                "url": self._url,
                "timeout": min(10.0, settings.request_timeout_seconds),
                "max.retries": 3,
                "retries.wait.ms": 200,
                "retries.max.wait.ms": 2000,
            }
        )

    def register(self, contract: Contract) -> int:
        """Register the contract's schema under ``<topic>-value``; idempotent.

        Returns:
            The schema's id, as it stands in the frame of each record.

        Raises:
            SchemaRefusedError: it cannot read what the registered one wrote; says why.
            RegistryError: the registry does not answer, or fails.
        """
        subject = contract.topic.subject
        schema = Schema(value_schema_text(contract), "AVRO")
        try:
            self._ensure_backward(subject)
            return int(self._client.register_schema(subject, schema))
        except SchemaRegistryError as error:
            if error.http_status_code == _INVALID:
                raise SchemaRefusedError(
                    f"schema of {subject} refused as invalid: {error.error_message}",
                    f"see {contract.path}",
                ) from error
            if error.http_status_code == _INCOMPATIBLE:
                raise SchemaRefusedError(
                    f"schema of {subject} refused: not {COMPATIBILITY} compatible: "
                    f"{self._changes(contract)}{error.error_message}",
                    f"keep column types in {contract.path}; add a column under a new name instead",
                ) from error
            raise self._failure(subject, error) from error
        except (httpx.HTTPError, ValueError) as error:
            raise self._failure(subject, error) from error

    def schema(self, schema_id: int) -> str | None:
        """The Avro schema with this id, or None where the registry knows none (or another kind).

        Raises:
            RegistryError: the registry does not answer, or fails.
        """
        try:
            found = self._client.get_schema(schema_id)
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                return None
            raise self._failure(f"schema {schema_id}", error) from error
        except (httpx.HTTPError, ValueError) as error:
            raise self._failure(f"schema {schema_id}", error) from error
        return str(found.schema_str) if (found.schema_type or "AVRO") == "AVRO" else None

    def _ensure_backward(self, subject: str) -> None:
        try:
            if self._client.get_config(subject).compatibility_level == COMPATIBILITY:
                return
        except SchemaRegistryError as error:
            if error.http_status_code != _NOT_FOUND:
                raise
        try:
            self._client.set_config(subject, ServerConfig(compatibility=_LEVEL))
        except SchemaRegistryError as error:
            # Another thread or process has set it at this very moment: Apicurio calls that a
            # conflict, by the code of a schema that is not compatible.
            level = self._client.get_config(subject).compatibility_level
            if error.http_status_code != _INCOMPATIBLE or level != COMPATIBILITY:
                raise

    def _changes(self, contract: Contract) -> str:
        """Which payload fields have another type than in the registered schema, in words."""
        try:
            latest = self._client.get_latest_version(contract.topic.subject).schema
        except (SchemaRegistryError, httpx.HTTPError):
            return ""
        before = _payload_types(json.loads(str(latest.schema_str if latest else "{}")))
        after = _payload_types(value_schema(contract))
        changed = [
            f"{name} was {before[name]} and is to be {kind}"
            for name, kind in after.items()
            if before.get(name, kind) != kind
        ]
        return f"{', '.join(changed)}; " if changed else ""

    def _failure(self, what: str, error: Exception) -> RegistryError:
        if isinstance(error, SchemaRegistryError):
            kind = RegistryAwayError if error.http_status_code in HTTP_MAY_PASS else RegistryError
            return kind(f"schema registry at {self._url}: {what}: {error}")
        if not isinstance(error, httpx.TransportError):
            return RegistryError(
                f"schema registry at {self._url}: {what}: unexpected answer: {error}",
                "does WEIR_REGISTRY_URL name a schema registry?",
            )
        return RegistryAwayError(
            f"schema registry at {self._url} does not answer: {error or type(error).__name__}",
            "start the servers with `weir up`, see `weir status` and `weir logs registry`",
        )


def _payload_types(schema: dict[str, Any]) -> dict[str, str]:
    """Field to type of the payload of an envelope."""
    after = [field["type"] for field in schema.get("fields", []) if field["name"] == "after"]
    records = [branch for kind in after for branch in kind if isinstance(branch, dict)]
    return {
        field["name"]: json.dumps([kind for kind in field["type"] if kind != "null"])
        .strip("[]")
        .replace('"', "")
        for record in records
        for field in record.get("fields", [])
        if isinstance(field["type"], list)
    }
