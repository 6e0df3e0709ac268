"""The manifest of what is fetched: coordinates, sizes and checksums."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

MANIFEST = Path(__file__).with_name("artifacts.toml")


@dataclass(frozen=True)
class Artifact:
    """One pinned file.

    Attributes:
        file: its name in the cache.
        coordinate: ``group:artifact:version[:extension[:classifier]]``.
        size: bytes.
        sha256: hexadecimal checksum.
    """

    file: str
    coordinate: str
    size: int
    sha256: str

    @property
    def parts(self) -> tuple[str, str, str, str, str]:
        """Group, artifact, version, extension, classifier (empty where there is none)."""
        group, artifact, version, *rest = self.coordinate.split(":")
        extension = rest[0] if rest else "jar"
        classifier = rest[1] if len(rest) > 1 else ""
        return group, artifact, version, extension, classifier

    @property
    def version(self) -> str:
        """The version in the coordinate."""
        return self.parts[2]

    @property
    def is_archive(self) -> bool:
        """Whether the file is unpacked after the download."""
        return self.file.endswith(".tar.gz")


Manifest = dict[str, tuple[Artifact, ...]]


def read_manifest(path: Path) -> Manifest:
    """Read a manifest: bundle name to its files."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        bundle: tuple(Artifact(**entry) for entry in entries) for bundle, entries in tables.items()
    }


@lru_cache(maxsize=1)
def manifest() -> Manifest:
    """The manifest that is checked in."""
    return read_manifest(MANIFEST)


def version_of(bundle: str, artifact: str) -> str:
    """The pinned version of one artifact of a bundle."""
    return next(item.version for item in manifest()[bundle] if item.parts[1] == artifact)
