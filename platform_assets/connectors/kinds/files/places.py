"""Where files lie: a filesystem of fsspec and a folder in it; its errors in the seam's words."""

from __future__ import annotations

import fnmatch
import hashlib
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
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
_REFUSED = (
    "ACCESS_DENIED", "AccessDenied", "403", "401", "SIGNATURE_DOES_NOT_MATCH", "INVALID_ACCESS_KEY",
    "Permission denied", "AuthenticationFailed", "Unauthorized", "Forbidden", "UNAUTHENTICATED",
    "not trusted",
)  # fmt: skip
"""What stores answer to a credential that they do not take."""


class Place:
    """A folder of a filesystem.

    Args:
        shown: for people; without credentials.
        connect: makes the filesystem, at the first call.
        folder: in it.
        exact: whether content is worth a digest: it can be read fast.
        names: of the files, where no listing is asked for.
        root: what must be there although the folder may be missing: a bucket.
        copied: files are copied here before they are read: the place cannot seek in them.
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
        self.shown, self._connect, self._exact, self._names = shown, connect, exact, names
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
            found = [self._asked(one) if one.size is None else one for one in found]
        return sorted(found, key=lambda one: one.name)

    def opener(self, one: Found) -> Callable[[], IO[bytes]]:
        """Opens a file for reading, as often as it is called."""
        copies: list[Any] = []

        def copied() -> IO[bytes]:
            if not copies:
                # Gone with the last reference to it.
                made = tempfile.NamedTemporaryFile(prefix="weir-")  # noqa: SIM115
                with self.asking(), self._filesystem().open(one.path, "rb", block_size=0) as stream:
                    while piece := stream.read(1024 * 1024):
                        made.write(piece)
                made.flush()
                copies.append(made)
            return open(copies[0].name, "rb")

        def opened() -> IO[bytes]:
            with self.asking():
                stream = _RETRY.on(_may_pass)(self._filesystem().open, one.path, "rb")
            return cast("IO[bytes]", _Told(stream, self))

        return copied if self._copied else opened

    def size(self, one: Found) -> int:
        """Bytes as stored, also where the listing does not say."""
        if one.size is not None:
            return one.size
        with self.asking():
            return int(_RETRY.on(_may_pass)(self._filesystem().info, one.path).get("size") or 0)

    def digest(self, one: Found) -> str:
        """Of a file's content; empty where reading it twice would cost too much."""
        if not self._exact:
            return ""
        with self.opener(one)() as stream:
            made = hashlib.blake2b(digest_size=16)
            while piece := stream.read(1024 * 1024):
                made.update(piece)
        return made.hexdigest()

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


class _Told(io.RawIOBase):
    """A stream of a place: its own errors are told apart from those of what it holds."""

    def __init__(self, stream: IO[bytes], place: Place) -> None:
        self._stream, self._place = stream, place

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with self._place.asking():
            return self._stream.read(size)

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        with self._place.asking():
            return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


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
    found = next((info[name] for name in ("mtime", "modified", "LastModified") if info.get(name)),
                 None)  # fmt: skip
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
