"""Bytes that are text: their encoding, and blocks of whole lines."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from platform_assets.connectors.kinds.files.chunk import FileRefusedError

CHUNK = 8 * 1024 * 1024
_LONGEST_LINE = 32 * 1024 * 1024
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Text:
    """How a file's bytes are text.

    Attributes:
        encoding: codec, without a mark.
        begin: bytes before the text.
    """

    encoding: str
    begin: int

    @property
    def unit(self) -> int:
        """Bytes of a line feed."""
        return 4 if "32" in self.encoding else 2 if "16" in self.encoding else 1


def text_of(head: bytes, encoding: str, name: str) -> Text:
    """The encoding that is stated, and the mark that is left out.

    Raises:
        FileRefusedError: it is not stated and the bytes are not UTF-8 by all that one can see.
    """
    found = next(((mark, kind) for mark, kind in _MARKS if head.startswith(mark)), None)
    stated = encoding.lower().replace("_", "-")
    if found and stated in ("auto", "utf-8-sig", found[1], found[1].rpartition("-")[0], "utf-8"):
        mark, kind = found
        if stated not in ("auto", "utf-16", "utf-32") and not kind.startswith(stated[:5]):
            raise FileRefusedError(
                f"{name}: this is {kind}, not {encoding}", f"say `encoding: {kind}`"
            )
        return Text(kind, len(mark))
    if stated in ("auto", "utf-8", "utf-8-sig"):
        if head[:2000].count(0) * 3 > len(head[:2000]):
            wide = "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
            raise FileRefusedError(f"{name}: this is UTF-16, not UTF-8", f"say `encoding: {wide}`")
        return Text("utf-8", 0)
    return Text({"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(stated, stated), 0)


def whole_lines(stream: Any, text: Text, name: str) -> Iterator[tuple[Rest, bool]]:
    """Whole lines, after what the caller left of the last ones; and whether they are the last.

    Raises:
        FileRefusedError: a line has no end.
    """
    rest = Rest()
    while True:
        wanted, last = CHUNK, False
        while wanted and not last:
            more = stream.read(wanted)
            wanted -= len(more)
            last = not more
            rest.tail += more
        cut = len(rest.tail) if last else _last_line_end(rest.tail, text)
        rest[:], rest.tail = rest + rest.tail[:cut], rest.tail[cut:]
        if cut or (last and rest):
            yield rest, last
        if last:
            return
        if len(rest) + len(rest.tail) > _LONGEST_LINE + CHUNK:
            raise FileRefusedError(
                f"{name}: a line of more than {_LONGEST_LINE:,} bytes",
                "this is not the file that its name says, or its line ends are missing",
            )


class Rest(bytearray):
    """Bytes that are not used up yet, and the begun line after them."""

    def __init__(self) -> None:
        super().__init__()
        self.tail = b""


def _last_line_end(data: bytes, text: Text) -> int:
    """After the last line feed; after the last carriage return where there is none."""
    for sign in ("\n", "\r"):
        wanted = sign.encode(text.encoding)
        at = data.rfind(wanted, 0, len(data) - (text.unit if sign == "\r" else 0))
        while at >= 0 and at % text.unit:
            at = data.rfind(wanted, 0, at + text.unit - 1)
        if at >= 0:
            return at + text.unit
    return 0
