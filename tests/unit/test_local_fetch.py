"""The cache: what is pinned, what is verified, what is left alone."""

import hashlib
import tarfile
from io import BytesIO
from pathlib import Path, PurePosixPath

import pytest

from platform_assets.core.errors import WeirError
from platform_assets.local import fetch, unpack
from platform_assets.local.artifacts import Artifact, manifest
from platform_assets.local.disk import DiskFullError, require_free

CONTENT = b"a jar, as far as the cache is concerned"


def pinned(content: bytes = CONTENT) -> Artifact:
    digest = hashlib.sha256(content).hexdigest()
    return Artifact("thing-1.0.jar", "org.example:thing:1.0", len(content), digest)


def put(cache: Path, content: bytes) -> Path:
    path = cache / "downloads" / "thing-1.0.jar"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def no_downloads(monkeypatch):
    def refuse(*_args):
        pytest.fail("the resolver was started")

    monkeypatch.setattr(fetch, "_resolve", refuse)


def test_a_second_run_downloads_nothing_and_touches_nothing(tmp_path, no_downloads):
    put(tmp_path, CONTENT)
    bundles = {"thing": (pinned(),)}
    first = fetch.ensure(["thing"], cache=tmp_path, bundles=bundles)["thing"]
    before = (first / "thing-1.0.jar").stat()

    told = []
    second = fetch.ensure(
        ["thing"], lambda *words: told.append(words), cache=tmp_path, bundles=bundles
    )["thing"]

    assert (first / "thing-1.0.jar").read_bytes() == CONTENT
    assert second == first
    assert told == []
    assert (second / "thing-1.0.jar").stat() == before


def test_a_wrong_checksum_deletes_the_file_and_names_it(tmp_path, no_downloads):
    path = put(tmp_path, b"something else")
    with pytest.raises(fetch.ChecksumError) as caught:
        fetch.ensure(["thing"], cache=tmp_path, bundles={"thing": (pinned(),)})
    assert str(path) in caught.value.message
    assert "org.example:thing:1.0" in caught.value.message
    assert pinned().sha256 in caught.value.message
    assert not path.exists()


def test_a_damaged_bundle_is_made_anew(tmp_path, no_downloads):
    bundles = {"thing": (pinned(),)}
    put(tmp_path, CONTENT)
    folder = fetch.ensure(["thing"], cache=tmp_path, bundles=bundles)["thing"]
    (folder / "thing-1.0.jar").write_bytes(b"cut")
    (tmp_path / "downloads" / "thing-1.0.jar").write_bytes(CONTENT)
    fetch.ensure(["thing"], cache=tmp_path, bundles=bundles)
    assert (folder / "thing-1.0.jar").read_bytes() == CONTENT


def test_another_version_is_another_folder(tmp_path):
    one = fetch.folder_of("thing", cache=tmp_path, bundles={"thing": (pinned(),)})
    two = fetch.folder_of("thing", cache=tmp_path, bundles={"thing": (pinned(b"newer"),)})
    assert one != two


def test_every_artifact_is_pinned():
    for bundle, artifacts in manifest().items():
        assert artifacts, bundle
        for item in artifacts:
            assert len(item.sha256) == 64, item
            assert item.size > 0, item
            assert item.file.endswith(f".{item.parts[3]}"), item
            assert item.version in item.file, item


def archive(path: Path, members: list[tuple[str, bytes | str]]) -> Path:
    """A tar.gz; bytes are a file's content, text is the target of a hard link."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.LNKTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, BytesIO(content))
    return path


def test_unpacking_follows_links_to_members_that_are_not_kept(tmp_path):
    source = archive(
        tmp_path / "server.tar.gz",
        [
            ("server-1/plugin/left-out/shared.jar", b"shared"),
            ("server-1/plugin/iceberg/shared.jar", "server-1/plugin/left-out/shared.jar"),
            ("server-1/lib/core.jar", b"core"),
        ],
    )
    folder = tmp_path / "out"
    folder.mkdir()
    unpack.extract(source, folder, unpack.TRINO, lambda _done, _total: None)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {"plugin/iceberg/shared.jar", "lib/core.jar"}
    assert (folder / "plugin/iceberg/shared.jar").read_bytes() == b"shared"
    # Trino takes an empty folder for a broken plugin and does not start.
    assert [path.name for path in (folder / "plugin").iterdir()] == ["iceberg"]


def test_an_archive_cannot_write_outside_its_folder(tmp_path):
    source = archive(tmp_path / "bad.tar.gz", [("../escaped", b"x")])
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(WeirError, match="unsafe path"):
        unpack.extract(source, folder, unpack.EVERYTHING, lambda _done, _total: None)
    assert not (tmp_path / "escaped").exists()


def test_only_weirs_plugins_are_kept():
    assert unpack.TRINO(PurePosixPath("trino-server-476/plugin/delta-lake/a.jar"))
    assert not unpack.TRINO(PurePosixPath("trino-server-476/plugin/cassandra/a.jar"))


def test_a_full_disk_is_named_before_it_is_full(tmp_path):
    with pytest.raises(DiskFullError) as caught:
        require_free(tmp_path / "not" / "there", 10**18, "fetching trino")
    assert "fetching trino needs 1000000000.0 GB" in caught.value.message
    assert "WEIR_CACHE" in caught.value.hint
