"""The formats, and how a file's is found."""

from __future__ import annotations

from platform_assets.connectors.kinds.files.chunk import FileRefusedError, Format
from platform_assets.connectors.kinds.files.columnar import read_avro, read_orc, read_parquet
from platform_assets.connectors.kinds.files.csv_chunks import read_csv
from platform_assets.connectors.kinds.files.excel import read_excel
from platform_assets.connectors.kinds.files.fixed import read_fixed
from platform_assets.connectors.kinds.files.idoc_rows import read_idocs
from platform_assets.connectors.kinds.files.json_rows import read_json, read_jsonl
from platform_assets.connectors.kinds.files.options import FileStream
from platform_assets.connectors.kinds.files.packed import Content
from platform_assets.connectors.kinds.files.xml_rows import read_xml

_READERS: dict[str, Format] = {
    "csv": read_csv,
    "json": read_json,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "avro": read_avro,
    "orc": read_orc,
    "excel": read_excel,
    "fixed": read_fixed,
    "xml": read_xml,
    "idoc": read_idocs,
}
_ENDS = {
    "csv": "csv", "tsv": "csv", "txt": "csv", "json": "json", "jsonl": "jsonl", "ndjson": "jsonl",
    "parquet": "parquet", "avro": "avro", "orc": "orc", "xlsx": "excel", "xlsm": "excel",
    "xml": "xml",
}  # fmt: skip
_PACKED = ("gz", "gzip", "zst", "zstd", "zip")


def format_of(name: str, options: FileStream) -> str:
    """The stated format, or the one that a file's name ends in; empty: neither."""
    if options.format != "auto":
        return options.format
    parts = name.lower().split(".")
    while len(parts) > 1 and parts[-1] in _PACKED:
        parts.pop()
    return _ENDS.get(parts[-1], "")


def reader_of(content: Content, options: FileStream) -> Format:
    """What reads a file.

    Raises:
        FileRefusedError: its format is not known.
    """
    found = format_of(content.name, options)
    if not found:
        raise FileRefusedError(f"{content.name}: of no known format", "say `format:`")
    return _READERS[found]
