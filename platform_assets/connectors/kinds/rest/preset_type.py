"""A preset as a connector type: a small configuration, filled in to the REST engine's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from platform_assets.connectors.http.account import PresetConfig, config_model, filled
from platform_assets.connectors.http.incremental import Incremental
from platform_assets.connectors.kinds.rest.options import RestConfig, RestStream
from platform_assets.connectors.kinds.rest.pagination import Pagination
from platform_assets.connectors.kinds.rest.presets import Preset
from platform_assets.connectors.seam.reader import Context, Reader
from platform_assets.connectors.seam.types import ConnectorType


class PresetStream(BaseModel):
    """A list of records; what is left out is the preset's.

    Attributes:
        path: below the API's address.
        method, params, body, records, pagination, incremental: as of the REST engine.
        start: where the first read begins.
    """

    model_config = ConfigDict(extra="forbid")

    path: str
    method: str = Field(default="", pattern="^(GET|POST)?$")
    params: Mapping[str, Any] = Field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    records: str | None = None
    pagination: Pagination | None = None
    incremental: Incremental | None = None
    start: str | int | None = None


def preset_type(preset: Preset) -> ConnectorType:
    """The type of connector that a preset makes."""
    template = [preset.base_url, preset.auth]
    config = config_model(preset.name, template, preset.account)
    return ConnectorType(
        name=preset.name,
        title=preset.title,
        kind=preset.kind,
        maturity=preset.maturity,
        config=config,
        open=partial(_opened, preset),
        stream=PresetStream,
        loose=True,
    )


def _opened(preset: Preset, config: PresetConfig, context: Context) -> Reader:
    from platform_assets.connectors.kinds.rest.reader import RestReader

    whole = RestConfig.model_validate(
        {
            **filled(config, preset.base_url, preset.auth, preset.per_second),
            "headers": preset.headers,
        }
    )
    streams = {name: rest_stream(preset, one) for name, one in context.streams.items()}
    made = Context(context.settings, context.source, context.folder, streams, context.stop)
    return RestReader(whole, made)


def rest_stream(preset: Preset, stream: PresetStream) -> RestStream:
    """A preset's stream as the engine takes it."""
    given = {name: getattr(stream, name) for name in stream.model_fields_set if name != "start"}
    stem = stream.path.partition("?")[0].rstrip("/").rpartition("/")[2].removesuffix(".json")
    incremental = stream.incremental
    if incremental is None and preset.incremental:
        incremental = Incremental.model_validate(preset.incremental)
    if incremental and stream.start is not None:
        incremental = incremental.model_copy(update={"start": stream.start})
    return RestStream.model_validate(
        {
            "method": preset.method,
            "pagination": preset.pagination,
            **given,
            "records": given.get("records", preset.records.replace("{path}", stem.lower())),
            "params": {**preset.params, **stream.params},
            "incremental": incremental,
        }
    )
