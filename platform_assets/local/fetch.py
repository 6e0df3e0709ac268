"""Jars and servers into the cache, outside the repository, each by its checksum.

A file is used only when its SHA-256 is the manifest's. A second run downloads nothing; a
run that was broken off goes on after the last whole file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from xml.sax.saxutils import quoteattr

from platform_assets.core.errors import WeirError
from platform_assets.core.locks import file_lock
from platform_assets.core.retry import Retry
from platform_assets.core.settings import get_settings
from platform_assets.local import unpack
from platform_assets.local.artifacts import Artifact, Manifest, manifest
from platform_assets.local.disk import require_free
from platform_assets.local.java import java, package_folder
from platform_assets.local.trust import trust_store_options

Progress = Callable[[str, int, int], None]
"""Called with what is being done, bytes so far and bytes in all."""

ATTEMPTS = 4
STALL_SECONDS = 120.0

_IVY_SETTINGS = """<ivysettings>
  <property name="ivy.checksums" value=""/>
  <settings defaultResolver="main"/>
  <resolvers><ibiblio name="main" m2compatible="true" usepoms="false"/></resolvers>
</ivysettings>
"""


class FetchError(WeirError):
    """A file could not be downloaded."""


class ChecksumError(FetchError):
    """A file is not the one that was pinned; it was deleted."""


class _TransientFetchError(Exception):
    """An attempt failed that another one may not repeat."""


def ensure(
    names: Iterable[str],
    progress: Progress | None = None,
    *,
    cache: Path | None = None,
    bundles: Manifest | None = None,
) -> dict[str, Path]:
    """Make bundles ready to run, downloading only what is missing.

    Args:
        names: bundles of the manifest: kafka, registry, trino, spark.
        progress: told about downloads and unpacking.
        cache: where to keep them; the settings' cache unless given.
        bundles: the manifest; the checked-in one unless given.

    Returns:
        For each bundle the folder with its jars or its unpacked server.

    Raises:
        ChecksumError: a file is not the pinned one.
        FetchError: a file could not be downloaded after bounded retries.
        DiskFullError: too little room.
    """
    root = cache or get_settings().cache
    table = bundles or manifest()
    wanted = list(dict.fromkeys(names))
    ready = {name: folder_of(name, cache=root, bundles=table) for name in wanted}
    if all(_is_ready(ready[name], table[name]) for name in wanted):
        return ready
    root.mkdir(parents=True, exist_ok=True)
    with file_lock(root / ".lock", what="fetching into the cache", timeout=1800):
        for name in wanted:
            if not _is_ready(ready[name], table[name]):
                _fetch_bundle(name, table[name], ready[name], root, progress or _silent)
    return ready


def folder_of(name: str, *, cache: Path | None = None, bundles: Manifest | None = None) -> Path:
    """The folder in which a bundle lies, whether it is there yet or not."""
    artifacts = (bundles or manifest())[name]
    digest = hashlib.sha256("".join(item.sha256 for item in artifacts).encode()).hexdigest()[:10]
    return (cache or get_settings().cache) / "bundles" / f"{name}-{digest}"


def is_ready(name: str, *, cache: Path | None = None) -> bool:
    """Whether a bundle of the checked-in manifest is in the cache, whole."""
    return _is_ready(folder_of(name, cache=cache), manifest()[name])


def spark_jars(progress: Progress | None = None) -> list[Path]:
    """Spark's jars (Delta, Iceberg, Kafka, Avro, PostgreSQL), fetched when first asked for."""
    return sorted(ensure(["spark"], progress)["spark"].glob("*.jar"))


def _silent(_what: str, _done: int, _total: int) -> None:
    pass


def _is_ready(folder: Path, artifacts: Sequence[Artifact]) -> bool:
    """Whether the bundle was completed and its files still have their sizes."""
    if not (folder / ".complete").exists():
        return False
    jars = [item for item in artifacts if not item.is_archive]
    return all(
        (folder / item.file).is_file() and (folder / item.file).stat().st_size == item.size
        for item in jars
    )


def _fetch_bundle(
    name: str, artifacts: Sequence[Artifact], folder: Path, root: Path, progress: Progress
) -> None:
    downloads = root / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    missing = [item for item in artifacts if not _verified(downloads / item.file, item)]
    if missing:
        total = sum(item.size for item in missing)
        unpacked = sum(item.size * 3 for item in artifacts if item.is_archive)
        require_free(root, 2 * total + unpacked, f"fetching {name}")
        _download(name, missing, downloads, root, progress)
    staging = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(staging, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    staging.mkdir(parents=True)
    for item in artifacts:
        source = downloads / item.file
        if item.is_archive:
            keep = unpack.TRINO if name == "trino" else unpack.EVERYTHING
            unpack.extract(source, staging, keep, lambda d, t: progress(f"unpacking {name}", d, t))
        else:
            os.link(source, staging / item.file)
    (staging / ".complete").write_text("\n".join(item.sha256 for item in artifacts))
    staging.rename(folder)
    for item in artifacts:
        (downloads / item.file).unlink()


def _verified(path: Path, item: Artifact) -> bool:
    """Whether the file is there and is the pinned one; a wrong one is deleted and named."""
    if not path.exists():
        return False
    with path.open("rb") as handle:
        actual = hashlib.file_digest(handle, "sha256").hexdigest()
    if actual == item.sha256:
        return True
    path.unlink()
    raise ChecksumError(
        f"{path} has SHA-256 {actual}, but {item.coordinate} is pinned to {item.sha256}; "
        "the file was deleted",
        "run the command again; if it persists, the download is tampered with or broken",
    )


def _download(
    name: str, missing: Sequence[Artifact], downloads: Path, root: Path, progress: Progress
) -> None:
    attempts = Retry(ATTEMPTS, pause=1, longest=20).on(_TransientFetchError)
    try:
        attempts(_download_once, name, missing, downloads, root, progress)
    except _TransientFetchError as error:
        raise FetchError(
            f"fetching {name} failed {ATTEMPTS} times: {error}",
            _remedy(str(error)),
        ) from error


def _download_once(
    name: str, missing: Sequence[Artifact], downloads: Path, root: Path, progress: Progress
) -> None:
    still = [item for item in missing if not _verified(downloads / item.file, item)]
    total = sum(item.size for item in still)
    with _scratch(root) as scratch:
        arrived = scratch / "arrived"
        try:
            for done in _resolve(still, scratch, arrived):
                progress(f"downloading {name}", min(done, total), total)
        finally:
            # Whole files are kept even where the attempt failed: the next one asks for fewer.
            for item in still:
                if (arrived / item.file).exists():
                    (arrived / item.file).replace(downloads / item.file)
        for item in still:
            if not _verified(downloads / item.file, item):
                raise _TransientFetchError(f"{item.coordinate} did not arrive")
    progress(f"downloading {name}", total, total)


def _remedy(why: str) -> str:
    """What to do about a download that failed for good."""
    if "SSLHandshake" in why:
        return (
            "the server's certificate is not one that this system trusts; behind a company's "
            "proxy add the company's (update-ca-certificates), or set SSL_CERT_FILE"
        )
    return "check the network (and a proxy in JAVA_TOOL_OPTIONS) and run the command again"


@contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=root) as folder:
        yield Path(folder)


def _resolve(items: Sequence[Artifact], scratch: Path, arrived: Path) -> Iterator[int]:
    """Run the resolver on exactly these files; yields bytes seen so far."""
    ivy = next((package_folder("pyspark") / "jars").glob("ivy-*.jar"))
    (scratch / "settings.xml").write_text(_IVY_SETTINGS)
    (scratch / "ivy.xml").write_text(_module(items))
    log = scratch / "resolver.log"
    command = [
        java(),
        "-Xmx256m",
        *trust_store_options(scratch),
        "-jar",
        str(ivy),
        *("-settings", str(scratch / "settings.xml")),
        *("-ivy", str(scratch / "ivy.xml")),
        *("-cache", str(scratch / "cache")),
        *("-retrieve", f"{arrived}/[artifact]-[revision](-[classifier]).[ext]"),
        *("-confs", "default"),
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        try:
            seen, moved_at = 0, time.monotonic()
            while process.poll() is None:
                now = _bytes_below(scratch / "cache")
                if now != seen:
                    seen, moved_at = now, time.monotonic()
                    yield seen
                if time.monotonic() - moved_at > STALL_SECONDS:
                    raise _TransientFetchError(f"no byte arrived for {STALL_SECONDS:.0f} s")
                time.sleep(0.2)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
    if process.returncode != 0:
        raise _TransientFetchError(_reason(log))


def _bytes_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def _module(items: Sequence[Artifact]) -> str:
    rows = []
    for item in items:
        group, artifact, version, extension, classifier = item.parts
        extra = f" m:classifier={quoteattr(classifier)}" if classifier else ""
        rows.append(
            f"<dependency org={quoteattr(group)} name={quoteattr(artifact)} "
            f'rev={quoteattr(version)} transitive="false" conf="default->*">'
            f"<artifact name={quoteattr(artifact)} type={quoteattr(extension)} "
            f"ext={quoteattr(extension)}{extra}/></dependency>"
        )
    return (
        '<ivy-module version="2.0" xmlns:m="http://ant.apache.org/ivy/maven">'
        '<info organisation="weir" module="fetch"/>'
        '<configurations><conf name="default"/></configurations>'
        f"<dependencies>{''.join(rows)}</dependencies></ivy-module>"
    )


def _reason(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    told = [
        line
        for line in lines
        if any(word in line for word in ("not found", "FAILED", "error", "Exception", "ERROR"))
    ]
    return textwrap.shorten("; ".join((told or lines or ["the resolver said nothing"])[-3:]), 400)
