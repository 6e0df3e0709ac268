"""What a model's folder may hold: a file is what its suffix says, and no format runs code.

A list of what is allowed, not of what is dangerous: a pickle under any name fits none of these
formats, whatever it is compressed with.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

_FIRST_DATE = (1980, 1, 1, 0, 0, 0)


def check_content(name: str, content: bytes) -> str:
    """Why a file may not be part of a model; empty if it may.

    Args:
        name: of the file; its last suffix chooses the check.
        content: all its bytes.
    """
    suffix = PurePosixPath(name).suffix.lower()
    check = _CHECKS.get(suffix)
    if check is None:
        return f"files that end in {suffix or 'nothing'} are not loaded"
    try:
        good = check(content)
    except (ValueError, KeyError, RecursionError, zipfile.BadZipFile, NotImplementedError):
        good = False
    return "" if good else f"its contents are not {suffix}"


def _is_onnx(content: bytes) -> bool:
    # A ModelProto starts with field 1 (ir_version), a varint: tag 0x08. A pickle starts with 0x80.
    return content[:1] == b"\x08"


def _is_safetensors(content: bytes) -> bool:
    length = int.from_bytes(content[:8], "little")
    return len(content) >= 8 + length and isinstance(json.loads(content[8 : 8 + length]), dict)


def _is_skops(content: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read("schema.json"))
        # Nothing but the description and plain arrays: no pickle can hide beside them.
        arrays = (name for name in archive.namelist() if name != "schema.json")
        return isinstance(schema, dict) and all(
            name.endswith((".npy", ".npz", ".bin")) and not _is_object_array(archive, name)
            for name in arrays
        )


def _is_object_array(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether a ``.npy`` holds Python objects, which numpy keeps as a pickle."""
    with archive.open(name) as file:
        head = file.read(512)
    return (head.startswith(b"\x93NUMPY") and b"|O" in head) or head.startswith(b"\x80")


def _is_text(content: bytes) -> bool:
    return "\x00" not in content.decode("utf-8")


def _is_json(content: bytes) -> bool:
    json.loads(content)
    return True


def _starts(magic: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(magic)


_CHECKS: dict[str, Callable[[bytes], bool]] = {
    ".onnx": _is_onnx,
    ".skops": _is_skops,
    ".safetensors": _is_safetensors,
    ".json": _is_json,
    ".md": _is_text,
    ".txt": _is_text,
    ".csv": _is_text,
    ".svg": _is_text,
    ".png": _starts(b"\x89PNG\r\n\x1a\n"),
    ".parquet": _starts(b"PAR1"),
}


def reproducible_skops(content: bytes) -> bytes:
    """The same skops file without what differs between two runs.

    skops numbers objects by their place in memory and dates the entries of its archive by the
    clock. Objects are numbered by first appearance here, and dates are fixed.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(entries.pop("schema.json"))
    ids: dict[Any, int] = {}
    files: dict[str, str] = {}
    schema = _renumbered(schema, ids, files)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        written = {"schema.json": json.dumps(schema, indent=2).encode()}
        written |= {new: entries[old] for old, new in files.items()}
        for name, data in written.items():
            archive.writestr(zipfile.ZipInfo(name, _FIRST_DATE), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _renumbered(node: Any, ids: dict[Any, int], files: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_renumbered(item, ids, files) for item in node]
    if not isinstance(node, dict):
        return node
    result: dict[str, Any] = {}
    for name, value in node.items():
        if name == "__id__":
            result[name] = ids.setdefault(value, len(ids) + 1)
        elif name == "file" and "__loader__" in node and isinstance(value, str):
            suffix = PurePosixPath(value).suffix
            result[name] = files.setdefault(value, f"{len(files) + 1}{suffix}")
        else:
            result[name] = _renumbered(value, ids, files)
    return result
