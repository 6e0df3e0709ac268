"""Files in other places than folders: S3 of moto, SFTP of asyncssh, a web server."""

from __future__ import annotations

import asyncio
import functools
import gzip
import http.server
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from platform_assets.connectors.kinds.files import places, text
from platform_assets.connectors.kinds.files.options import FileStream
from platform_assets.connectors.kinds.files.places import FileChangedError
from platform_assets.connectors.seam.addresses import InternalAddressError
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
    Page,
    SourceAwayError,
    SourceRefusedError,
)
from platform_assets.connectors.seam.types import Maturity, connector_type
from platform_assets.core.settings import get_settings

PROVES = {"s3": Maturity.EMULATOR, "sftp": Maturity.REAL, "http_files": Maturity.REAL}


class Peer:
    """A place with files, and what is said of it."""

    def __init__(self, kind: str, config: dict[str, Any]) -> None:
        self.kind, self.config = kind, config
        self.readers: list[Any] = []

    def put(self, name: str, content: bytes) -> None:
        raise NotImplementedError

    def close(self) -> None:
        for reader in self.readers:
            reader.close()

    def reader(self, folder: Path, **changes: Any) -> Any:
        kind = connector_type(self.kind)
        options = FileStream(names="**/*.csv", settled_seconds=0, page_rows=100)
        context = Context(get_settings(), "place", folder, {"rows": options}, threading.Event())
        made = kind.open(kind.config.model_validate({**self.config, **changes}), context)
        self.readers.append(made)
        return made


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    import boto3
    from moto.server import ThreadedMotoServer

    monkeypatch.setenv("BUCKET_KEY", "testing")
    monkeypatch.setenv("BUCKET_SECRET", "testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1",
        aws_access_key_id="testing", aws_secret_access_key="testing",
    )  # fmt: skip
    client.create_bucket(Bucket="landing")
    # What one test put there is there for the next: the emulator has one memory.
    folder = f"till-{uuid.uuid4().hex[:8]}"

    class Bucket(Peer):
        def put(self, name: str, content: bytes) -> None:
            client.put_object(Bucket="landing", Key=f"{folder}/{name}", Body=content)

    yield Bucket(
        "s3",
        {
            "bucket": "landing", "folder": folder, "endpoint": f"http://{host}:{port}",
            "access_key": "BUCKET_KEY", "secret_key": "BUCKET_SECRET", "timeout_seconds": 5,
        },
    )  # fmt: skip
    server.stop()


@pytest.fixture
def sftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    import asyncssh

    root = tmp_path / "sftp"
    (root / "till").mkdir(parents=True)
    monkeypatch.setenv("SFTP_PASSWORD", "right")
    host_key = asyncssh.generate_private_key("ssh-ed25519")

    class Door(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("weir", "right")

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def serve() -> Any:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Door, server_host_keys=[host_key],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(root).encode()),
        )  # fmt: skip

    server = asyncio.run_coroutine_threadsafe(serve(), loop).result(10)

    class Server(Peer):
        def put(self, name: str, content: bytes) -> None:
            path = root / "till" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

    peer = Server(
        "sftp",
        {
            "host": "127.0.0.1", "port": server.get_port(), "user": "weir", "folder": "/till",
            "password": "SFTP_PASSWORD", "timeout_seconds": 5,
            "host_key": host_key.export_public_key().decode().strip(),
        },
    )  # fmt: skip
    yield peer
    peer.close()

    async def end() -> None:
        server.close()
        left = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(end(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    monkeypatch.setenv("WEB_TOKEN", "right")
    allow(monkeypatch, "127.0.0.1")
    root = tmp_path / "web"
    (root / "till").mkdir(parents=True)

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def send_header(self, keyword: str, value: str) -> None:
            if keyword == "Last-Modified" and site.silent:
                return
            if keyword == "Content-Length" and site.chunked and "error" not in vars(self):
                if self.command == "GET":
                    super().send_header("Transfer-Encoding", "chunked")
                return
            super().send_header(keyword, value)

        def copyfile(self, source: Any, outputfile: Any) -> None:
            data = source.read()
            outputfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if site.chunked else data)
            if site.then is not None:
                site.then()

        def send_error(self, *given: Any, **more: Any) -> None:
            self.error = True
            super().send_error(*given, **more)

        def send_head(self) -> Any:
            vars(self).pop("error", None)
            if self.headers.get("Authorization") != "Bearer right":
                self.send_error(401)
                return None
            if self.path.endswith("/elsewhere.csv"):
                # Loopback as well, and not allowed.
                self.send_response(302)
                self.send_header("Location", f"http://127.0.0.2:{server.server_address[1]}/a.csv")
                self.error = True
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
            return super().send_head()

        def log_message(self, *_: Any) -> None: ...

    handler = functools.partial(Handler, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    class Site(Peer):
        chunked = silent = False
        then: Callable[[], None] | None = None

        def put(self, name: str, content: bytes) -> None:
            path = root / "till" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

    url = f"http://127.0.0.1:{server.server_address[1]}/till"
    site = Site("http_files", {"url": url, "token": "WEB_TOKEN", "timeout_seconds": 5})
    yield site
    server.shutdown()
    server.server_close()
    get_settings.cache_clear()


def allow(patch: pytest.MonkeyPatch, networks: str) -> None:
    patch.setenv("WEIR_SOURCE_NETWORKS", networks)
    get_settings.cache_clear()


def test_a_web_server_at_an_internal_address_is_refused(
    web: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.put("a.csv", b"id\n1\n")
    allow(monkeypatch, "")
    with pytest.raises(InternalAddressError, match="which is internal"):
        web.reader(tmp_path).check()
    # Nor is one that the server sends on to.
    allow(monkeypatch, "127.0.0.1")
    reader = web.reader(tmp_path, files=["elsewhere.csv"])
    with pytest.raises(ConnectorError):
        list(reader.read("rows", None))


PLACES = ("s3", "sftp", "web")


@pytest.mark.parametrize("place", PLACES)
def test_files_of_a_place_come_once(
    place: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    peer: Peer = request.getfixturevalue(place)
    rows = b"id,city\n" + b"".join(b"%d,Ulm\n" % n for n in range(250))
    peer.put("a.csv", rows)
    peer.put("b.txt", b"no")
    reader = peer.reader(tmp_path)
    assert "1 files" in reader.check()
    pages = list(reader.read("rows", None))
    assert [page.rows.num_rows for page in pages] == [100, 100, 50]
    assert pages[0].rows["_file"][0].as_py() == "a.csv"
    # It goes on in the middle of the file, and then with the next one.
    peer.put("c.csv", b"id,city\n250,Ulm\n")
    rest = list(peer.reader(tmp_path).read("rows", pages[0].cursor))
    found = [row["id"] for page in rest for row in page.rows.to_pylist()]
    assert found == [str(n) for n in range(100, 251)]
    assert list(peer.reader(tmp_path).read("rows", rest[-1].cursor)) == []
    peer.put("c.csv", b"id,city\n250,Ulm\n251,Ulm\n")
    (page,) = peer.reader(tmp_path).read("rows", rest[-1].cursor)
    assert page.rows["id"].to_pylist() == ["250", "251"]


def rows_of(pages: list[Page]) -> list[str]:
    return [str(one) for page in pages for one in page.rows["id"].to_pylist()]


@pytest.mark.parametrize("silent", [False, True], ids=["dated", "silent"])
def test_a_file_of_unknown_length_is_read_and_its_change_is_seen(
    silent: bool, web: Any, tmp_path: Path
) -> None:
    web.chunked, web.silent = True, silent
    web.put("a.csv", b"id\n1\n2\n")
    pages = list(web.reader(tmp_path, files=["a.csv"]).read("rows", None))
    assert rows_of(pages) == ["1", "2"]
    cursor = pages[-1].cursor
    assert list(web.reader(tmp_path, files=["a.csv"]).read("rows", cursor)) == []
    web.put("a.csv", b"id\n3\n4\n")
    os.utime(tmp_path / "web" / "till" / "a.csv", (1e9, 1e9))
    pages = list(web.reader(tmp_path, files=["a.csv"]).read("rows", cursor))
    assert rows_of(pages) == ["3", "4"]


@pytest.mark.parametrize("place", PLACES)
def test_a_file_is_asked_for_once_however_it_is_packed(
    place: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer: Peer = request.getfixturevalue(place)
    peer.put("a.csv", gzip.compress(b"id\n" + b"1\n" * 500))
    reader = peer.reader(tmp_path)
    filesystem, opened = reader._place._filesystem(), []
    inner = filesystem.open

    def counted(path: str, *given: Any, **more: Any) -> Any:
        opened.append(path)
        return inner(path, *given, **more)

    monkeypatch.setattr(filesystem, "open", counted)
    assert len(rows_of(list(reader.read("rows", None)))) == 500
    assert len(opened) == 1


@pytest.mark.parametrize("place", ["s3", "sftp"])
def test_a_file_that_changes_while_it_is_read_is_never_mixed(
    place: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer: Peer = request.getfixturevalue(place)
    monkeypatch.setattr(places, "_COPIED_BYTES", 0)
    monkeypatch.setattr(text, "CHUNK", 1000)
    old, new = [f"old-{n}" for n in range(500)], [f"newer-{n}" for n in range(500)]
    peer.put("a.csv", "\n".join(["id", *old, ""]).encode())
    peer.put("b.csv", b"id\nother\n")
    pages: list[Page] = []

    def read() -> None:
        for page in peer.reader(tmp_path).read("rows", None):
            pages.append(page)
            if len(pages) == 1:
                peer.put("a.csv", "\n".join(["id", *new, ""]).encode())

    with pytest.raises(FileChangedError, match=r"a\.csv changed while being read"):
        read()
    got = rows_of(pages)
    assert got[-1] == "other", "the others are read all the same"
    assert 0 < len(got) - 1 < len(old)
    assert got[:-1] == old[: len(got) - 1]
    again = rows_of(list(peer.reader(tmp_path).read("rows", pages[-1].cursor)))
    assert again == new


def test_a_file_that_changes_while_it_is_fetched_is_read_later(web: Any, tmp_path: Path) -> None:
    web.put("a.csv", b"id\n1\n")
    web.then = lambda: web.put("a.csv", b"id\n1\n2\n")
    with pytest.raises(FileChangedError):
        list(web.reader(tmp_path, files=["a.csv"]).read("rows", None))
    web.then = None
    assert rows_of(list(web.reader(tmp_path, files=["a.csv"]).read("rows", None))) == ["1", "2"]


@pytest.mark.parametrize("place", ["sftp", "web"])
def test_a_wrong_credential_is_refused(
    place: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer: Peer = request.getfixturevalue(place)
    peer.put("a.csv", b"id\n1\n")
    secret = peer.config.get("password") or peer.config["token"]
    monkeypatch.setenv(secret, "wrong")
    with pytest.raises(SourceRefusedError, match="refuses"):
        peer.reader(tmp_path).check()


def test_another_host_key_is_refused(sftp: Peer, tmp_path: Path) -> None:
    import asyncssh

    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    with pytest.raises(SourceRefusedError):
        sftp.reader(tmp_path, host_key=other).check()


def test_a_missing_bucket_and_a_server_that_is_away(s3: Peer, tmp_path: Path) -> None:
    with pytest.raises(ConnectorError, match="no such file or folder"):
        s3.reader(tmp_path, bucket="other").check()
    with pytest.raises(SourceAwayError, match="does not answer"):
        s3.reader(tmp_path, endpoint="http://127.0.0.1:9", timeout_seconds=1).check()


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("gcs", {"bucket": "landing", "anonymous": True, "endpoint": "http://127.0.0.1:9",
                 "timeout_seconds": 1}),
        ("azure", {"account": "shopfiles", "container": "landing", "key": "AZURE_KEY",
                   "endpoint": "http://127.0.0.1:9"}),
    ],
)  # fmt: skip
def test_the_others_can_be_configured(
    kind: str, config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_KEY", "c2VjcmV0")
    found = connector_type(kind)
    context = Context(get_settings(), "place", tmp_path, {}, threading.Event())
    reader = found.open(found.config.model_validate(config), context)
    reader.close()
