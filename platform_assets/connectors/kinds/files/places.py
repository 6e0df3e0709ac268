"""Where files are stored: a filesystem of fsspec and a folder in it; errors in the seam's words."""

from __future__ import annotations

import fnmatch
import hashlib
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath
from typing import IO, Any, cast

from platform_assets.connectors.kinds.files.progress import Found
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    SourceAwayError,
    SourceRefusedError,
)
from platform_assets.core.retry import Retry

_RETRY = Retry(attempts=4, seconds=30)
_PIECE = 1024 * 1024
_COPIED_BYTES = 256 * 1024 * 1024
_REFUSED = (
    "ACCESS_DENIED", "AccessDenied", "403", "401", "SIGNATURE_DOES_NOT_MATCH", "INVALID_ACCESS_KEY",
    "Permission denied", "AuthenticationFailed", "Unauthorized", "Forbidden", "UNAUTHENTICATED",
    "not trusted",
)  # fmt: skip
"""What stores answer to a credential that they do not take."""


class FileChangedError(SourceAwayError):
    """A file changed while it was read: it is left out this time, and read from its beginning."""


class Place:
    """A folder of a filesystem.

    Args:
        shown: for people; without credentials.
        connect: makes the filesystem, at the first call.
        folder: in it.
        exact: whether content is worth a digest: it can be read fast, and often.
        names: of the files, where no listing is asked for.
        root: what must be there although the folder may be missing: a bucket.
        copied: files of any size are copied here before they are read: the place cannot seek in
            them.

    What is not exact is copied up to :data:`_COPIED_BYTES`: it is asked for once, however often
    its format goes through it.
    """

    def __init__(
        self,
        shown: str,
        connect: Callable[[], Any],
        folder: str,
        *,
        exact: bool = False,
        names: tuple[str, ...] = (),
        root: str = "",
        copied: bool = False,
    ) -> None:
        self._root, self._copied = root, copied
        self.shown, self._connect, self.exact, self._names = shown, connect, exact, names
        self.folder = folder.rstrip("/") or ("/" if folder.startswith("/") else "")
        self._made: Any = None

    def files(self, pattern: str) -> list[Found]:
        """The files whose names match, in order of name.

        Raises:
            SourceAwayError: the place does not answer.
            SourceRefusedError: it refuses.
            ConnectorError: there is no such folder.
        """
        with self.asking():
            listed = _RETRY.on(_may_pass)(self._listed, deep="/" in pattern)
            found = [one for one in listed if _matches(one.name, pattern)]
            # A web server's listing says nothing of a file; one that changes must be seen to.
            if not self._names:
                found = [self._asked(one) if one.size is None else one for one in found]
        return sorted(found, key=lambda one: one.name)

    @contextmanager
    def opened(self, one: Found) -> Iterator[Opened]:
        """A file for reading, in the state in which it was listed.

        Raises:
            FileChangedError: it is no longer that file.
            ConnectorError: as :meth:`files`.
        """
        copied = self._copied or (not self.exact and (one.size or 0) <= _COPIED_BYTES)
        with self._copy(one) if copied else self._held(one) as opened:
            yield opened

    def require_unchanged(self, one: Found) -> None:
        """Ask for the file again.

        Raises:
            FileChangedError: size, moment or ETag are others, or it is gone.
        """
        now = self.asked(one)
        if now is None:
            raise FileChangedError(f"{self.shown}: {one.name} is gone")
        if not one.may_be(now):
            raise FileChangedError(f"{self.shown}: {one.name} changed while it was read")

    def asked(self, one: Found) -> Found | None:
        """The file as it is now; None where it is gone.

        Raises:
            ConnectorError: as :meth:`files`.
        """
        self._filesystem().invalidate_cache()
        try:
            with self.asking():
                return self._asked(one)
        except ConnectorError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise

    @contextmanager
    def _copy(self, one: Found) -> Iterator[Opened]:
        """Fetched once; what reads it jumps about in the copy."""
        # Where no listing knows the size, the place cannot seek in it either.
        whole = {"block_size": 0} if self._copied else {}
        with tempfile.NamedTemporaryFile(prefix="weir-") as made:

            def fetch() -> None:
                made.seek(0)
                made.truncate()
                with self._filesystem().open(one.path, "rb", **whole) as stream:
                    shutil.copyfileobj(stream, made, _PIECE)
                made.flush()

            with self.asking():
                _RETRY.on(_may_pass)(fetch)
            size = made.tell()
            self.require_unchanged(one)
            if one.size not in (None, size):
                raise FileChangedError(f"{self.shown}: {one.name} changed while it was read")
            yield Opened(size, lambda: open(made.name, "rb"), lambda: None)  # noqa: SIM115

    @contextmanager
    def _held(self, one: Found) -> Iterator[Opened]:
        """Opened once, and asked about as often as something was read."""
        with self.asking():
            stream = _RETRY.on(_may_pass)(self._filesystem().open, one.path, "rb")
        with closing(stream):
            yield Opened(
                one.size or 0,
                lambda: cast("IO[bytes]", _View(stream, self)),
                lambda: self.require_unchanged(one),
            )

    def close(self) -> None:
        """Give connections back."""
        # A session of SFTP ends with the last reference to it.
        self._made = None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Says what an error of the filesystem means."""
        try:
            yield
        except FileNotFoundError as error:
            raise ConnectorError(
                f"{self.shown}: no such file or folder: {error.filename or error}", "check the path"
            ) from error
        except Exception as error:
            if isinstance(error, ConnectorError) or not _of_place(error):
                raise
            told = " ".join(str(error).split())[:300] or type(error).__name__
            if isinstance(error, PermissionError) or any(word in told for word in _REFUSED):
                raise SourceRefusedError(
                    f"{self.shown} refuses: {told}", "check the secret and its rights"
                ) from error
            raise SourceAwayError(
                f"{self.shown} does not answer: {told}", "it is tried again at the next read"
            ) from error

    def _filesystem(self) -> Any:
        if self._made is None:
            self._made = self._connect()
        return self._made

    def _asked(self, one: Found) -> Found:
        info = _RETRY.on(_may_pass)(self._filesystem().info, one.path)
        return replace(one, size=info.get("size"), modified=_moment(info), version=_version(info))

    def _listed(self, *, deep: bool) -> list[Found]:
        filesystem = self._filesystem()
        filesystem.invalidate_cache()
        if self._names:
            infos = [filesystem.info(f"{self.folder}/{name}") for name in self._names]
        elif deep:
            infos = list(filesystem.find(self.folder, detail=True).values())
        else:
            infos = filesystem.ls(self.folder, detail=True)
        if not infos and self._root and not filesystem.exists(self._root):
            raise FileNotFoundError(self._root)
        start = len(filesystem._strip_protocol(self.folder).rstrip("/")) + 1
        return [
            Found(
                name=info["name"][start:],
                path=info["name"],
                size=info.get("size"),
                modified=_moment(info),
                version=_version(info),
            )
            for info in infos
            if info["type"] == "file" and info["name"][start:]
        ]


@dataclass(frozen=True)
class Opened:
    """A file under way: one state of it.

    Attributes:
        size: bytes as stored.
        raw: a stream of it from its beginning; one is read at a time.
        require_unchanged: asks whether what was read until now is of that one state; raises
            :class:`FileChangedError` where it is not.
    """

    size: int
    raw: Callable[[], IO[bytes]]
    require_unchanged: Callable[[], None]

    def digest(self) -> str:
        """Of its content."""
        made = hashlib.blake2b(digest_size=16)
        with self.raw() as stream:
            while piece := stream.read(_PIECE):
                made.update(piece)
        return made.hexdigest()


class _View(io.RawIOBase):
    """A stream over one that stays open; a place's own errors are told apart from the content's."""

    def __init__(self, stream: Any, place: Place) -> None:
        self._stream, self._place, self._at = stream, place, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with self._place.asking():
            if self._stream.tell() != self._at:
                self._stream.seek(self._at)
            data = bytes(self._stream.read(size))
        self._at += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        with self._place.asking():
            if whence == io.SEEK_END:
                self._stream.seek(offset, whence)
                self._at = self._stream.tell()
            else:
                self._at = offset + (self._at if whence == io.SEEK_CUR else 0)
        return self._at

    def tell(self) -> int:
        return self._at


def _matches(name: str, pattern: str) -> bool:
    """Upper and lower case count as one; ``**/`` also stands for no folder at all."""
    name, pattern = name.lower(), pattern.lower()
    if "/" not in pattern:
        return "/" not in name and fnmatch.fnmatchcase(name, pattern)
    return fnmatch.fnmatchcase(name, pattern) or (
        pattern.startswith("**/") and fnmatch.fnmatchcase(PurePosixPath(name).name, pattern[3:])
    )


def _version(info: dict[str, Any]) -> str:
    return str(info.get("ETag") or info.get("etag") or "")


def _moment(info: dict[str, Any]) -> float | None:
    names = ("mtime", "modified", "LastModified", "Last-Modified")
    found = next((info[name] for name in names if info.get(name)), None)
    if isinstance(found, str):
        try:
            found = parsedate_to_datetime(found)
        except ValueError:
            return None
    if isinstance(found, datetime):
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return float(found) if isinstance(found, (int, float)) else None


def _of_place(error: BaseException) -> bool:
    """Whether an error is one of a filesystem or its connection."""
    if isinstance(error, (OSError, TimeoutError)):
        return True
    return type(error).__module__.split(".")[0] in ("asyncssh", "aiohttp", "fsspec")


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, (FileNotFoundError, PermissionError, NotADirectoryError)):
        return False
    return _of_place(error) and not any(word in str(error) for word in _REFUSED)
