"""Files in other places than folders: S3 of moto, SFTP of asyncssh, a web server."""

from __future__ import annotations

import asyncio
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from platform_assets.connectors.http.address import InternalAddressError
from platform_assets.connectors.kinds.files.options import FileStream
from platform_assets.connectors.seam.reader import (
    ConnectorError,
    Context,
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

    class Bucket(Peer):
        def put(self, name: str, content: bytes) -> None:
            client.put_object(Bucket="landing", Key=f"till/{name}", Body=content)

    yield Bucket(
        "s3",
        {
            "bucket": "landing", "folder": "till", "endpoint": f"http://{host}:{port}",
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
        def send_head(self) -> Any:
            if self.headers.get("Authorization") != "Bearer right":
                self.send_error(401)
                return None
            if self.path.endswith("/elsewhere.csv"):
                # Loopback as well, and not allowed.
                self.send_response(302)
                self.send_header("Location", f"http://127.0.0.2:{server.server_address[1]}/a.csv")
                self.end_headers()
                return None
            return super().send_head()

        def log_message(self, *_: Any) -> None: ...

    handler = functools.partial(Handler, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    class Site(Peer):
        def put(self, name: str, content: bytes) -> None:
            path = root / "till" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

    url = f"http://127.0.0.1:{server.server_address[1]}/till"
    yield Site("http_files", {"url": url, "token": "WEB_TOKEN", "timeout_seconds": 5})
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
