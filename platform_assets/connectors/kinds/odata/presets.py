"""Services that speak OData, as data for the reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from platform_assets.connectors.http.account import (
    PresetConfig,
    config_model,
    filled,
    templated,
)
from platform_assets.connectors.kinds.odata.config import ODataConfig, ODataStream
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType, Kind, Maturity


def _microsoft(scope: str) -> dict[str, str]:
    return {
        "kind": "client_credentials",
        "token_url": "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        "client_id": "{client_id}",
        "client_secret": "{client_secret}",
        "style": "post",
        "scope": scope,
    }


@dataclass(frozen=True)
class Preset:
    """One service; see :mod:`...http.account` for what stands in braces."""

    name: str
    title: str
    base_url: str
    auth: Mapping[str, Any]
    version: str = "4"
    params: Mapping[str, str] = field(default_factory=dict)
    account: str = ""
    maturity: Maturity = Maturity.CONFIGURED


PRESETS = (
    Preset(
        "dynamics", "Microsoft Dynamics 365 (Dataverse)",
        "https://{account}.crm.dynamics.com/api/data/v9.2",
        _microsoft("https://{account}.crm.dynamics.com/.default"),
        account="name of the organisation, before .crm.dynamics.com",
        maturity=Maturity.RECORDED,
    ),
    Preset(
        "business_central", "Microsoft Dynamics 365 Business Central",
        "https://api.businesscentral.dynamics.com/v2.0/{tenant}/{environment}/api/v2.0"
        "/companies({company})",
        _microsoft("https://api.businesscentral.dynamics.com/.default"),
    ),
    Preset(
        "microsoft_graph", "Microsoft Graph: users, groups, sites",
        "https://graph.microsoft.com/v1.0", _microsoft("https://graph.microsoft.com/.default"),
    ),
    Preset(
        "successfactors", "SAP SuccessFactors", "https://{account}/odata/v2",
        {"kind": "basic", "user": "{user}", "password": "{secret}"}, version="2",
        account="host of the data centre's API",
    ),
    Preset(
        "sap_odata", "SAP S/4HANA and SAP Gateway: OData services, extractors by delta tokens",
        "https://{account}/sap/opu/odata/sap/{service}",
        {"kind": "basic", "user": "{user}", "password": "{secret}"}, version="2",
        params={"sap-client": "{sap_client}"},
        account="host of the system",
        maturity=Maturity.RECORDED,
    ),
)  # fmt: skip


def preset_type(preset: Preset) -> ConnectorType:
    """The type of connector that a preset makes."""
    return ConnectorType(
        name=preset.name,
        title=preset.title,
        kind=Kind.BUSINESS,
        maturity=preset.maturity,
        config=config_model(
            preset.name, [preset.base_url, preset.auth, preset.params], preset.account
        ),
        open=partial(_opened, preset),
        stream=ODataStream,
        loose=True,
    )


def _opened(preset: Preset, config: PresetConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.odata.reader import ODataReader

    whole = filled(config, preset.base_url, preset.auth) | {
        "version": preset.version,
        "params": templated(config, preset.params),
    }
    return ODataReader(ODataConfig.model_validate(whole), context)
