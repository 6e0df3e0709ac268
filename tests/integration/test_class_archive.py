"""Class archives, with a small program of Kafka's: made by the second run, used from the third on.

Belongs here: that an archive is used, and that a program starts whatever became of it. Does not
belong here: how fast it is (``server_start`` in benchmarks).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from platform_assets.core.settings import REPOSITORY, get_settings
from platform_assets.local import fetch
from platform_assets.local.class_archive import archived
from platform_assets.local.java import java
from platform_assets.local.wait import wait_until

# As the launcher does it: ask for the command, and become the program.
LAUNCH = """
import os, sys
from pathlib import Path
from platform_assets.local.class_archive import archived
command = archived("kafka", sys.argv[2:], Path(sys.argv[1]), record=True)
os.execv(command[0], command)
"""
ARCHIVED = "source: shared objects file (top)"


@pytest.fixture(scope="module")
def jars() -> Path:
    return fetch.ensure(["kafka"], cache=get_settings().cache)["kafka"]


@pytest.fixture(scope="module")
def base(jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that has the archive of Java's own classes."""
    cache = tmp_path_factory.mktemp("base")
    archived("kafka", command(jars), cache, record=False)
    return cache


@pytest.fixture
def cache(jars: Path, base: Path, tmp_path: Path) -> Path:
    """A cache of this test's own; the program has run once."""
    folder = tmp_path / "classes"
    folder.mkdir()
    for made in (base / "classes").glob("*.jsa"):
        os.link(made, folder / made.name)
    first = archived("kafka", command(jars, tmp_path / "loads.log"), tmp_path, record=True)
    assert "ArchiveClassesAtExit" not in " ".join(first)
    return tmp_path


def command(jars: Path, log: Path | None = None) -> list[str]:
    loads = [f"-Xlog:class+load=info:file={log}"] if log else []
    flags = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *loads]
    return [java(), *flags, "-cp", f"{jars}/*", "kafka.tools.StorageTool", "random-uuid"]


def launched(jars: Path, cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(cache), *command(jars, cache / "loads.log")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=REPOSITORY,
    )  # fmt: skip


def run(jars: Path, cache: Path) -> int:
    """Run it, with one line of output and no complaint; how many classes came from its archive."""
    process = launched(jars, cache)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert len(said.splitlines()) == 1, said
    return (cache / "loads.log").read_text().count(ARCHIVED)


def archives(cache: Path) -> list[Path]:
    return list((cache / "classes").glob("kafka-*.jsa"))


def parts(cache: Path) -> list[Path]:
    return list((cache / "classes").glob("*.part"))


def test_the_end_of_the_second_run_gives_the_third_its_classes(jars: Path, cache: Path) -> None:
    assert run(jars, cache) == 0
    assert run(jars, cache) > 500
    (archive,) = archives(cache)
    assert parts(cache) == []
    # A later one neither makes nor writes anything.
    made = archive.read_bytes()
    assert run(jars, cache) > 500
    assert archives(cache) == [archive]
    assert parts(cache) == []
    assert archive.read_bytes() == made

    # Damaged after it was published, it is not used, and nobody notices.
    in_its_middle = made[:9_000_000] + bytes(100_000) + made[9_100_000:]
    for damaged in (in_its_middle, made[:5_000_000]):
        archive.write_bytes(damaged)
        assert run(jars, cache) == 0


def test_other_jars_and_other_times_have_another_archive(cache: Path) -> None:
    mine = cache / "jars"
    mine.mkdir()
    for name in ("a.jar", "b.jar"):
        (mine / name).write_bytes(b"")

    def missed() -> int:
        archived("kafka", command(mine), cache, record=True)
        return len(list((cache / "classes").glob("*.missed")))

    before = missed()
    assert missed() == before
    os.utime(mine / "a.jar", (1, 1))
    assert missed() == before + 1
    (mine / "a.jar").unlink()
    assert missed() == before + 2


def test_of_two_at_once_one_writes(jars: Path, cache: Path) -> None:
    both = [launched(jars, cache) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(parts(cache)) == 1
    assert run(jars, cache) > 500
    assert len(archives(cache)) == 1
    assert parts(cache) == []


def test_killed_while_it_is_written_it_is_made_at_the_next_end(jars: Path, cache: Path) -> None:
    process = launched(jars, cache)
    wait_until(
        lambda: sum(part.stat().st_size for part in parts(cache)),
        what="an archive under way", timeout=60, every=0.001,
    )  # fmt: skip
    process.kill()
    process.wait(60)
    (part,) = parts(cache)
    # Had it been faster than the kill: a write that was broken off leaves no head.
    part.write_bytes(bytes(4096) + part.read_bytes()[4096:])
    assert run(jars, cache) == 0
    assert archives(cache) == []
    assert run(jars, cache) > 500


def test_without_a_place_for_it_the_command_is_as_it_was(jars: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    assert archived("kafka", command(jars), nowhere, record=True) == command(jars)
    other = [java(), "-XX:NoSuchFlag", "-cp", str(tmp_path / "none.jar"), "Main"]
    assert archived("kafka", other, tmp_path, record=True) == other
