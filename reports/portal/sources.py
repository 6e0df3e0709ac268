"""Pages of sources, for administrators: how they fare, and a new one from its type's form.

What a form says is tried (connection, ten rows) or saved as a source's folder. Heavy libraries
are imported when such a page is asked for: the portal is small without them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as PathValue

from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TopicName
from platform_assets.core.yaml_lines import YamlError, value_of
from reports.portal.access import CurrentVisit, Visit
from reports.portal.addresses import asset_url
from reports.portal.audit import Action
from reports.portal.render import page
from reports.portal.security import same_token
from reports.store import NoSuchReportError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from platform_assets.connectors.seam.types import ConnectorType

router = APIRouter()

Connector = Annotated[str, PathValue(pattern=r"^[a-z][a-z0-9_]{0,60}$")]
_TRUE_OR_FALSE = "true or false"


@dataclass(frozen=True)
class FormField:
    """One field of a form, as a type's model draws it.

    Attributes:
        name: ``config.url``.
        label: its last part.
        type: in words.
        meaning: what it is for.
        required: whether it must be filled.
        choices: values to choose from; empty: it is written.
        lines: whether it may have several: lists and mappings, as YAML.
        placeholder: what holds where it is left empty.
        value: what was filled in.
    """

    name: str
    label: str
    type: str
    meaning: str
    required: bool
    choices: tuple[str, ...]
    lines: bool
    placeholder: str
    value: str


async def _form(request: Request) -> dict[str, str]:
    form = await request.form()
    return {name: value.strip() for name, value in form.items() if isinstance(value, str)}


Form = Annotated[dict[str, str], Depends(_form)]


@router.get("/sources")
def list_sources(request: Request, visit: CurrentVisit) -> Response:
    """All sources with their health, and the types that can be added."""
    from platform_assets.connectors.operate.health import ILL, all_streams, summed
    from platform_assets.connectors.seam.types import connector_types

    _admin(visit)
    visit.record(Action.SOURCE, detail="list")
    settings = visit.portal.settings
    found = summed(all_streams(settings))
    addable = connector_types().values() if settings.portal_sources else ()
    urls = {one["source"]: asset_url(settings, f"source/{one['source']}") for one in found}
    return page(
        request, "sources.html", sources=found, urls=urls, ill=ILL, connectors=list(addable)
    )


@router.get("/sources/new/{connector}")
def new_source(request: Request, visit: CurrentVisit, connector: Connector) -> Response:
    """The empty form of a type."""
    _may_add(visit)
    return _shown(request, _type(connector), {})


@router.post("/sources/new/{connector}")
def act(request: Request, visit: CurrentVisit, connector: Connector, form: Form) -> Response:
    """Test the connection, preview rows, or save: what the pressed button says."""
    _may_add(visit)
    kind = _type(connector)
    if not same_token(form.get("csrf", ""), visit.session.csrf):
        return _shown(request, kind, form, error="The form is too old. Send it again.", status=403)
    try:
        return _done(request, visit, kind, form)
    except (WeirError, ValueError) as error:
        return _shown(request, kind, form, error=str(error), status=400)


def _done(request: Request, visit: Visit, kind: ConnectorType, form: dict[str, str]) -> Response:
    from platform_assets.connectors.operate.begin import drafted, probe, tried, write_source
    from platform_assets.connectors.seam.state import SourceStates
    from platform_assets.core.databases import SHORT

    settings, name, action = visit.portal.settings, form.get("name", ""), form.get("action", "")
    config = _given(kind.config, "config", form)
    options = _given(kind.stream, "options", form)
    visit.record(Action.SOURCE, detail=f"{action} {kind.name} {name}"[:200])
    if action == "test":
        with closing(probe(settings, kind, name or "new", config)) as reader:
            return _shown(request, kind, form, told=reader.check())
    topic, owner = TopicName.parse(form.get("topic", "")), form.get("owner", "")
    files = drafted(
        settings, kind, name, owner, topic=topic, config=config, options=options,
        stream=form.get("stream", ""),
    )  # fmt: skip
    if action == "preview":
        rows = tried(settings, name, topic, files)
        return _shown(request, kind, form, rows=rows, files=files)
    if action != "save":
        raise ValueError("no such button")
    folder = write_source(name, owner, files)
    with closing(SourceStates(settings, SHORT)) as states:
        states.note(name, "add", f"connector {kind.name}, by {visit.user.name} in the portal")
    told = f"Saved in {folder}. Look at both files, then: weir restart dagster-code"
    return _shown(request, kind, form, told=told, files=files)


def _shown(
    request: Request,
    kind: ConnectorType,
    form: Mapping[str, str],
    *,
    told: str = "",
    error: str = "",
    rows: list[tuple[dict[str, Any], str | None]] | None = None,
    files: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    columns = list(dict.fromkeys(name for row, _ in rows or () for name in row))
    shown = [([_text(row.get(name)) for name in columns], why) for row, why in rows or ()]
    return page(
        request,
        "source_new.html",
        status=status,
        kind=kind,
        form=form,
        groups=(
            ("Connection", fields(kind.config, "config", form)),
            ("What is read", fields(kind.stream, "options", form)),
        ),
        told=told,
        error=error,
        columns=columns,
        rows=None if rows is None else shown,
        files=files or {},
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def fields(model: type[BaseModel], prefix: str, form: Mapping[str, str]) -> list[FormField]:
    """The fields of a model's form, those that must be filled first."""
    from platform_assets.connectors.operate.entries import default_of, described, type_of

    meanings = described(model)
    found = []
    for name, one in model.model_fields.items():
        label = one.alias or name
        default = None if one.is_required() else default_of(one)
        kind = type_of(one.annotation)
        found.append(
            FormField(
                name=f"{prefix}.{label}",
                label=label,
                type=kind,
                meaning=meanings.get(name, "").replace("`", ""),
                required=one.is_required(),
                choices=_choices(one.annotation, kind),
                lines=kind.startswith(("list", "mapping")),
                placeholder="" if default in (None, "", [], {}) else str(default),
                value=form.get(f"{prefix}.{label}", ""),
            )
        )
    return sorted(found, key=lambda field: not field.required)


def _choices(annotation: Any, kind: str) -> tuple[str, ...]:
    if kind == _TRUE_OR_FALSE:
        return ("true", "false")
    if get_origin(annotation) is Literal:
        return tuple(str(one) for one in get_args(annotation) if one != "")
    return ()


def _given(model: type[BaseModel], prefix: str, form: Mapping[str, str]) -> dict[str, Any]:
    """What was filled in, by name; text as it is, all else as YAML."""
    found: dict[str, Any] = {}
    for field in fields(model, prefix, form):
        if not field.value:
            continue
        plain = field.type == "text" or (field.choices and field.type != _TRUE_OR_FALSE)
        try:
            found[field.label] = field.value if plain else value_of(field.value)
        except YamlError:
            raise ValueError(f"{field.label}: expected a {field.type}, as YAML has it") from None
    return found


def _type(name: str) -> ConnectorType:
    from platform_assets.connectors.seam.types import connector_types

    types = connector_types()
    if name not in types:
        raise NoSuchReportError(f"no connector {name}")
    return types[name]


def _admin(visit: Visit) -> None:
    if not visit.user.admin:
        visit.record(Action.REFUSED, detail="sources")
        raise NoSuchReportError("sources are for administrators")


def _may_add(visit: Visit) -> None:
    _admin(visit)
    if not visit.portal.settings.portal_sources:
        raise NoSuchReportError("sources are not added here: WEIR_PORTAL_SOURCES")
