"""A new source: probed before it is written, then a folder with a definition and a contract."""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ValidationError

from platform_assets.connectors.definitions import KIND
from platform_assets.connectors.operate.draft import (
    TO_DO,
    StreamDraft,
    draft_contract,
    draft_definition,
    draft_stream,
)
from platform_assets.connectors.operate.preview import preview
from platform_assets.connectors.seam.definition import read_source
from platform_assets.connectors.seam.reader import ConnectorError, Context, Reader, Stream
from platform_assets.connectors.seam.types import ConnectorType
from platform_assets.contracts.load import contract_files, load_contract
from platform_assets.core.naming import OWNER_RULE, SOURCE_NAME, TopicName, is_owner
from platform_assets.core.settings import Settings
from platform_assets.core.yaml_lines import read_all
from platform_assets.sources import definition_files, roots


def probe(
    settings: Settings,
    kind: ConnectorType,
    name: str,
    config: Mapping[str, Any],
    streams: Mapping[str, Mapping[str, Any]] | None = None,
) -> Reader:
    """A reader of a source that is not written yet.

    Args:
        settings: of the installation.
        kind: its connector.
        name: the name that it will have.
        config: of the connector.
        streams: stream -> its options, where they are known.

    Raises:
        ConnectorError: an entry is missing, unknown or wrong; a secret is missing.
    """
    checked = checked_model(kind.config, config, f"connector {kind.name}, `config`")
    options = {
        stream: checked_model(kind.stream, given, f"connector {kind.name}, `options`")
        for stream, given in (streams or {}).items()
    }
    context = Context(settings, name, home(), options, threading.Event())
    return kind.reader(checked, context)


def checked_model(model: type[BaseModel], given: Mapping[str, Any], where: str) -> BaseModel:
    """The model's instance.

    Raises:
        ConnectorError: names the first entry that is wrong, and the rule.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        told = first["msg"].removeprefix("Value error, ")
        raise ConnectorError(
            f"{where}{f', {place}' if place else ''}: {told}",
            f"its entries: {', '.join(model.model_fields)}",
        ) from None


def home() -> Path:
    """The folder in which new sources are made: the last one that sources are read from."""
    return roots()[-1]


def drafted(
    settings: Settings,
    kind: ConnectorType,
    name: str,
    owner: str,
    *,
    topic: TopicName,
    config: Mapping[str, Any],
    stream: str = "",
    options: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """File name -> text of a new source.

    Args:
        settings: of the installation.
        kind: its connector.
        name: of the source and its folder.
        owner: who answers for it.
        topic: that its stream feeds.
        config: what is known of the connector's configuration.
        stream: is looked up at the source, which must be reachable; without one the drafts are
            to be filled in.
        options: of the stream, as far as they are known.

    Raises:
        ConnectorError: the source does not answer, or has no such stream.
    """
    options = options or {}
    if stream:
        # A type may need its options to know a stream at all; others know their streams alone.
        given = {stream: options} if options else {}
        with closing(probe(settings, kind, name, config, given)) as reader:
            found = {one.name: one for one in reader.discover()}
        if stream not in found:
            raise ConnectorError(
                f"source {name}: no stream {stream!r}", f"it has: {', '.join(sorted(found)[:20])}"
            )
        shown = found[stream]
        made = draft_stream(kind, shown, topic, options)
    else:
        shown = Stream(topic.entity, pa.schema([pa.field("id", pa.int64())]), ("id",))
        made = StreamDraft(TO_DO, str(topic), options)
    return {
        "defs.yaml": draft_definition(kind, name, owner, config, [made]),
        f"{topic}.yaml": draft_contract(shown, topic, owner),
    }


def tried(
    settings: Settings, name: str, topic: TopicName, files: Mapping[str, str], rows: int = 10
) -> list[tuple[dict[str, Any], str | None]]:
    """The first rows of a drafted source, and why each cannot be mapped; nothing is kept.

    Args:
        settings: of the installation.
        name: of the source.
        topic: that its one stream feeds.
        files: as :func:`drafted` made them.
        rows: how many.

    Raises:
        WeirError: the drafts cannot be used, or the source cannot be read.
    """
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / name
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
        (document,) = read_all(folder / "defs.yaml", ConnectorError, KIND)
        source = read_source(document)
        contract = load_contract(folder / f"{topic}.yaml")
        return list(preview(settings, source, source.fields.streams[0].stream, rows, contract))


def write_source(name: str, owner: str, files: Mapping[str, str]) -> Path:
    """Make a source's folder, whole or not at all.

    Args:
        name: of the source.
        owner: who answers for it.
        files: file name -> text.

    Raises:
        ConnectorError: the name cannot be used, or the folder or the topic's contract is there.
    """
    if not re.fullmatch(SOURCE_NAME, name):
        raise ConnectorError(f"source {name!r}: expected a-z, 0-9 and _, a letter first")
    if not is_owner(owner):
        raise ConnectorError(f"source {name}: owner {owner!r}: {OWNER_RULE}")
    for path in definition_files():
        if path.parent.name == name:
            raise ConnectorError(
                f"source {name} is there already: {path.parent}", "choose another name"
            )
    known = {path.name: path for path in contract_files()}
    if twice := [one for one in files if one != "defs.yaml" and one in known]:
        raise ConnectorError(
            f"source {name}: there is a {twice[0]} already: {known[twice[0]]}",
            "choose another topic",
        )
    folder = home() / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{name}."))
    try:
        for file, text in files.items():
            (part / file).write_text(text, encoding="utf-8")
        # The system itself refuses to put it over a folder that was filled meanwhile.
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return folder
