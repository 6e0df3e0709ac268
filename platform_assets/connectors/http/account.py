"""Presets: templates of a configuration, and the few entries that fill them in.

A template is plain data in which ``{account}`` or ``{secret}`` stands for an entry; what a template
names becomes a required entry of the source's ``config``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, create_model

_PLACES = {
    "account": "Name of the account, as it stands in the API's address.",
    "user": "User name, or the first part of an API key.",
    "client_id": "Id of the application that was registered for Weir.",
    "key_id": "Id of the key, as the API gave it.",
    "tenant": "Id of the tenant (the directory) that the application is in.",
    "environment": "Name of the environment, e.g. production.",
    "company": "Id of the company.",
    "service": "Name of the service: API_SALES_ORDER_SRV.",
    "sap_client": "Number of the client, three digits.",
    "secret": "Name of the secret.",
    "client_secret": "Name of the secret.",
    "refresh_token": "Name of the secret.",
    "key": "Name of the secret: a private key in PEM.",
}
_NAMED = re.compile("{(" + "|".join(_PLACES) + ")}")


class PresetConfig(BaseModel):
    """What every preset takes beside its own entries.

    Attributes:
        base_url: of a sandbox, instead of the API's own.
        token_url: of a sandbox, where tokens are fetched.
        requests_per_second: other than the API allows by default.
    """

    model_config = ConfigDict(extra="forbid")
    COUNTS_REQUESTS: ClassVar[bool] = True

    base_url: str = ""
    token_url: str = ""
    requests_per_second: float | None = Field(default=None, gt=0, le=10_000)


def config_model(name: str, template: Any, account: str = "") -> type[PresetConfig]:
    """The model of a preset's ``config``.

    Args:
        name: of the preset.
        template: of address and credentials.
        account: what ``{account}`` is, for people.
    """
    fields: dict[str, Any] = {}
    for place in sorted(set(_NAMED.findall(json.dumps(template)))):
        told = account if account and place == "account" else _PLACES[place]
        # They become parts of addresses: no slash, no second host.
        fields[place] = (str, Field(pattern=r"^[\w.@+-]+$", description=told))
    return create_model(f"{name}_config", __base__=PresetConfig, **fields)


def filled(
    config: PresetConfig, base_url: str, auth: Mapping[str, Any], per_second: float | None = None
) -> dict[str, Any]:
    """Address, credentials and rate as :class:`.client.HttpConfig` has them.

    Args:
        config: of the source.
        base_url: template of the address.
        auth: template of the credentials.
        per_second: requests at most, where the source does not say.
    """
    made = templated(config, auth)
    if config.token_url:
        made["token_url"] = config.token_url
    return {
        "base_url": config.base_url or templated(config, base_url),
        "auth": made,
        "requests_per_second": config.requests_per_second or per_second,
    }


def templated(config: PresetConfig, template: Any) -> Any:
    """A template with the entries of a configuration in it."""
    given = {name: str(value) for name, value in config.model_dump().items() if value is not None}
    return _filled(template, given)


def _filled(value: Any, given: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _NAMED.sub(lambda found: given[found[1]], value)
    return {name: _filled(one, given) for name, one in value.items()}
