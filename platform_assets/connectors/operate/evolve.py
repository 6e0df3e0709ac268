"""A draft of what a contract and a mapping need for a stream's new columns; a person accepts it."""

from __future__ import annotations

import threading
from contextlib import closing

import pyarrow as pa
import yaml

from platform_assets.connectors.operate.draft import column_names, drafted_column
from platform_assets.connectors.operate.preview import PREVIEW_SECONDS
from platform_assets.connectors.seam import cursors
from platform_assets.connectors.seam.definition import SourceDefinition, named_by
from platform_assets.connectors.seam.evolution import new_columns
from platform_assets.connectors.seam.pull import contract_of, open_reader
from platform_assets.connectors.seam.reader import ConnectorError, Cursor, Stream
from platform_assets.core.settings import Settings


def drafted_changes(settings: Settings, source: SourceDefinition, stream: str) -> str:
    """Entries for the contract and the ``defs.yaml``, of columns that the mapping does not name.

    The stream's first rows after its cursor are looked at, and its first rows of all; nothing is
    sent, committed or written.

    Returns:
        YAML with a comment that says where it goes; empty where nothing is new.

    Raises:
        ConnectorError: there is no such stream, it has a JSONata mapping, or the source fails.
        WeirError: the broker does not answer.
    """
    fields = source.stream(stream)
    if fields.mapping:
        raise ConnectorError(
            f"source {source.name}, stream {stream}: it is mapped by {fields.mapping}",
            "what is new is in the rows that the mapping is given: weir sources preview",
        )
    contract = contract_of(source, fields)
    found: dict[str, pa.Field] = {}
    committed = _committed(settings, source, stream)
    for cursor in (None,) if committed is None else (None, committed):
        for one in _first_rows(settings, source, stream, cursor) or ():
            found[one.name] = one
    new = new_columns(found, {*named_by(fields), *fields.evolution.known})
    if not new:
        return ""
    taken = [column.name for column in contract.payload_columns]
    shape = Stream(stream, pa.schema([*((name, pa.null()) for name in taken),
                                      *(found[name] for name in new)]))  # fmt: skip
    names = column_names(shape)
    properties = [drafted_column(stream, found[name], names[name]) for name in new]
    mapped = {names[name]: name for name in new}
    return (
        f"# To the schema's properties in the contract of {contract.topic}:\n"
        f"{_text(properties)}"
        f"# To `columns` of stream {stream} in {source.folder / 'defs.yaml'}:\n"
        f"{_text(mapped)}"
        "# What is not wanted, to its `evolution.known` instead.\n"
    )


def _committed(settings: Settings, source: SourceDefinition, stream: str) -> Cursor | None:
    return cursors.read(settings).get((source.name, stream))


def _first_rows(
    settings: Settings, source: SourceDefinition, stream: str, cursor: Cursor | None
) -> pa.Schema | None:
    stop = threading.Event()
    clock = threading.Timer(PREVIEW_SECONDS, stop.set)
    clock.daemon = True
    clock.start()
    try:
        with closing(open_reader(settings, source, stop)) as reader:
            for page in reader.read(stream, cursor):
                if page.rows.num_rows:
                    stop.set()
                    return page.rows.schema
    finally:
        clock.cancel()
    return None


def _text(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
