"""A file's content unpacked: gzip, zstd, zip; counted, so that no bomb fills the machine."""

from __future__ import annotations

import fnmatch
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

from platform_assets.core.errors import WeirError

_MAGIC = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\x03\x04", "zip"))
_FREE = 64 * 1024 * 1024
_MOST = 500
"""Above :data:`_FREE` bytes, so many times the packed size at most: real tables stay below 100,
a bomb is made for 1,000 and more."""
_STEP = 1024 * 1024


class PackedError(WeirError):
    """A packed file is damaged, cut off, or a bomb."""


@dataclass(frozen=True)
class Content:
    """One file's content.

    Attributes:
        name: of the file, with the member of a zip.
        size: bytes as stored.
        raw: opens it as it is stored.
        packing: ``none``, ``gzip``, ``zstd`` or ``zip``.
        member: of a zip.
        largest: bytes that it may unpack to.
    """

    name: str
    size: int
    raw: Callable[[], IO[bytes]]
    packing: str = "none"
    member: str = ""
    largest: int = 10**15

    @contextmanager
    def open(self, at: int = 0) -> Iterator[IO[bytes]]:
        """The unpacked bytes from one on.

        Raises:
            PackedError: it is damaged, cut off, or a bomb.
        """
        with self.raw() as stored:
            if self.packing == "none":
                stored.seek(at)
                yield stored
                return
            try:
                with self._unpacked(stored) as stream:
                    left = at
                    while left:
                        left -= len(stream.read(min(left, _STEP))) or left
                    yield stream
            except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
                raise PackedError(f"{self.name}: {self.packing}: {error}") from error

    def head(self, size: int = 65_536) -> bytes:
        """Its first bytes."""
        with self.open() as stream:
            return stream.read(size)

    def seekable(self) -> IO[bytes]:
        """The unpacked content as a file that can be read anywhere; small ones in memory.

        Raises:
            PackedError: as :meth:`open`.
        """
        if self.packing == "none":
            return self.raw()
        import tempfile

        # A temporary file: Parquet begins at its end.
        made = tempfile.SpooledTemporaryFile(max_size=_FREE)  # noqa: SIM115
        with self.open() as stream:
            while piece := stream.read(_STEP):
                made.write(piece)
        made.seek(0)
        return cast("IO[bytes]", made)

    def prove(self) -> None:
        """Unpack it to nowhere: what is cut off or a bomb gives not even its first row.

        Raises:
            PackedError: it is damaged, cut off, or a bomb.
        """
        if self.packing == "none":
            return
        with self.open() as stream:
            while stream.read(_STEP):
                pass

    @contextmanager
    def _unpacked(self, stored: IO[bytes]) -> Iterator[IO[bytes]]:
        packed = self.size
        if self.packing == "gzip":
            stream: Any = gzip.GzipFile(fileobj=stored)
        elif self.packing == "zstd":
            import zstandard

            stream = _Zstd(zstandard.ZstdDecompressor(), stored)
        else:
            archive = zipfile.ZipFile(stored)
            packed = archive.getinfo(self.member).compress_size
            stream = archive.open(self.member)
        with stream:
            yield cast("IO[bytes]", _Counted(stream, self.name, packed, self.largest))


class _Counted(io.RawIOBase):
    """Counts what is unpacked, and refuses what grows without end."""

    def __init__(self, stream: IO[bytes], name: str, packed: int, largest: int) -> None:
        self._stream, self._name, self._count = stream, name, 0
        self._most = min(largest, max(_FREE, packed * _MOST))

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        # Never all at once: a bomb would be in memory before it is counted.
        pieces, left = [], size if size >= 0 else self._most + 1
        while left > 0 and (piece := self._stream.read(min(left, _STEP))):
            pieces.append(piece)
            left -= len(piece)
            self._count += len(piece)
            if self._count > self._most:
                raise PackedError(
                    f"{self._name}: unpacks to more than {self._most:,} bytes",
                    "a bomb, or larger than `largest_gigabytes` allows: unpack it yourself",
                )
        return b"".join(pieces)


class _Zstd(io.RawIOBase):
    """Frames of zstd one after the other; one that is cut off is an error."""

    def __init__(self, maker: Any, stored: IO[bytes]) -> None:
        self._maker, self._stored = maker, stored
        self._frame: Any = None
        self._rest, self._ready = b"", b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        import zstandard

        while not self._ready:
            if not self._rest:
                # Small bites: each may unpack to thousands of times its size.
                self._rest = self._stored.read(2048)
                if not self._rest:
                    if self._frame is not None:
                        raise EOFError("cut off in the middle of a frame")
                    return b""
            if self._frame is None:
                self._frame = self._maker.decompressobj()
            try:
                self._ready = self._frame.decompress(self._rest)
            except zstandard.ZstdError as error:
                raise EOFError(str(error)) from error
            self._rest = b""
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, None
        taken = self._ready if size < 0 else self._ready[:size]
        self._ready = self._ready[len(taken) :]
        return taken


def contents(name: str, size: int, raw: Callable[[], IO[bytes]], packing: str, member: str,
             largest: int, *, whole: bool = False) -> list[Content]:  # fmt: skip
    """What is to be read of a file: itself, or the members of a zip.

    Args:
        name: of the file.
        size: bytes as stored.
        raw: opens it.
        packing: ``auto``: by its first bytes.
        member: pattern of a zip's members.
        largest: bytes that it may unpack to.
        whole: a zip is the format itself (a workbook).

    Raises:
        PackedError: the zip is damaged, encrypted, or has no such member.
    """
    if packing == "auto":
        with raw() as stream:
            start = stream.read(4)
        found = next((kind for magic, kind in _MAGIC if start.startswith(magic)), "none")
        packing = "none" if whole and found == "zip" else found
    if packing != "zip":
        return [Content(name, size, raw, packing, largest=largest)]
    try:
        with raw() as stream, zipfile.ZipFile(stream) as archive:
            infos = [one for one in archive.infolist() if not one.is_dir()]
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise PackedError(f"{name}: zip: {error}") from error
    wanted = [one for one in infos if fnmatch.fnmatchcase(one.filename, member)]
    if not wanted:
        raise PackedError(f"{name}: no member {member}", f"it has {len(infos)} others")
    if locked := [one.filename for one in wanted if one.flag_bits & 1]:
        raise PackedError(f"{name}: {locked[0]} is encrypted", "unpack it yourself")
    return [
        Content(f"{name}/{one.filename}", size, raw, "zip", one.filename, largest)
        for one in sorted(wanted, key=lambda one: one.filename)
    ]
