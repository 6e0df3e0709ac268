"""Unpack a server's archive, only what is needed of it.

Trino's archive holds 60 plugins that share jars by hard links. One pass over the
archive finds which members are needed, links' targets included; a second writes those.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from platform_assets.core.errors import WeirError

Keep = Callable[[PurePosixPath], bool]
Report = Callable[[int, int], None]

_TRINO_TOP = {"lib", "bin", "secrets-plugin"}
_TRINO_PLUGINS = {"iceberg", "delta-lake", "postgresql", "geospatial", "tpch", "memory"}
_TRINO_STRIP = 1


def EVERYTHING(_path: PurePosixPath) -> bool:  # noqa: N802 - a constant that is a function
    """Keep all members."""
    return True


def TRINO(path: PurePosixPath) -> bool:  # noqa: N802 - a constant that is a function
    """Keep Trino itself and the plugins of Weir's catalogs."""
    parts = path.parts[_TRINO_STRIP:]
    if not parts:
        return False
    if parts[0] == "plugin":
        return len(parts) > 1 and parts[1] in _TRINO_PLUGINS
    return parts[0] in _TRINO_TOP


def extract(archive: Path, folder: Path, keep: Keep, report: Report) -> None:
    """Unpack the members that ``keep`` accepts below ``folder``.

    Where the archive has one top folder its content is moved up, so that the server lies
    directly in ``folder``.

    Raises:
        WeirError: a member would land outside ``folder``.
    """
    size = archive.stat().st_size
    links: dict[str, str] = {}
    needed: set[str] = set()
    with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r|gz") as tar:
        for member in tar:
            report(raw.tell() // 2, size)
            if not keep(PurePosixPath(member.name)):
                continue
            if member.islnk():
                links[member.name] = member.linkname
                needed.add(member.linkname)
            elif member.isfile():
                needed.add(member.name)
    pool = folder / ".pool"
    with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r|gz") as tar:
        for member in tar:
            report((size + raw.tell()) // 2, size)
            if member.name in needed and member.isfile() and not member.islnk():
                _write(tar, member, _inside(pool, member.name, archive))
    for name, target in links.items():
        path = _inside(pool, name, archive)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(_inside(pool, target, archive), path)
    for path in list(pool.rglob("*")):
        if path.is_file() and not keep(PurePosixPath(path.relative_to(pool).as_posix())):
            path.unlink()
    _remove_empty_folders(pool)
    _lift(pool, folder)
    report(size, size)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    source = tar.extractfile(member)
    if source is None:
        raise WeirError(f"{member.name} in the archive cannot be read")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)


def _inside(folder: Path, name: str, archive: Path) -> Path:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise WeirError(f"{archive.name} holds the unsafe path {name}", "do not use this archive")
    return folder / path


def _remove_empty_folders(folder: Path) -> None:
    """Trino takes every folder below ``plugin`` for a plugin, and an empty one stops it."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _lift(pool: Path, folder: Path) -> None:
    tops = list(pool.iterdir())
    base = tops[0] if len(tops) == 1 and tops[0].is_dir() else pool
    for path in list(base.iterdir()):
        path.rename(folder / path.name)
    shutil.rmtree(pool)
