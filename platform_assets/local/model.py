"""What a server of the local profile is, and where its files lie."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from platform_assets.core.settings import Settings

JVM_SMALL = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
"""Flags of a server that should start fast and stay small rather than run at its peak."""


def nothing() -> None:
    """Do nothing: the default preparation."""


@dataclass(frozen=True)
class Server:
    """One server: how it starts, how one knows that it is ready, what it needs.

    Attributes:
        name: the name in ``weir status`` and ``weir logs``.
        version: of the software.
        command: the executable and its arguments.
        ports: what it listens on, always on loopback; the first is its address.
        probe: asks the server something real; returns true when it serves, raises or
            returns false until then.
        needs: servers that must be ready before it starts.
        outlived_by: servers that it does not wait for at the start, but that must not stop
            before it (the runs below Dagster's code server drain into them).
        bundles: what :mod:`fetch` must have put into the cache.
        environment: variables added for it; secrets are read when it is launched.
        folder: working directory.
        prepare: writes its configuration; called before it starts.
        settle: called once, when it is ready.
        scheme: of its address, for people.
        timeout: seconds in which it must become ready.
        stop_signal: signal that ends it in good order.
        stop_seconds: seconds after which it is killed.
        memory_mb: what it is expected to take, for ``weir doctor``.
        niceness: how far it steps back for the others when the cores are short (0 to 19).
    """

    name: str
    version: str
    command: tuple[str, ...]
    ports: tuple[int, ...]
    probe: Callable[[], bool]
    folder: Path
    needs: tuple[str, ...] = ()
    outlived_by: tuple[str, ...] = ()
    bundles: tuple[str, ...] = ()
    environment: Callable[[], Mapping[str, str]] = field(default=dict)
    prepare: Callable[[], None] = nothing
    settle: Callable[[], None] = nothing
    scheme: str = ""
    timeout: float = 120.0
    stop_signal: str = "TERM"
    stop_seconds: int = 15
    memory_mb: int = 200
    niceness: int = 0

    @property
    def address(self) -> str:
        """Where it listens, for people; empty for one that does not."""
        if not self.ports:
            return ""
        prefix = f"{self.scheme}://" if self.scheme else ""
        return f"{prefix}127.0.0.1:{self.ports[0]}"


def run_dir(settings: Settings) -> Path:
    """Pids, locks, the supervisor's configuration and socket."""
    return settings.home / "run"


def log_dir(settings: Settings) -> Path:
    """One log file for each server, rotated by the supervisor."""
    return settings.home / "logs"


def data_dir(settings: Settings, name: str) -> Path:
    """A server's data."""
    return settings.home / "data" / name


def config_dir(settings: Settings, name: str) -> Path:
    """A server's generated configuration."""
    return settings.home / "etc" / name


def socket_path(settings: Settings) -> Path:
    """The supervisor's socket: below the home, or in a private folder where that is too long.

    A UNIX socket's path holds 107 bytes, and the supervisor appends its pid while binding.
    """
    path = run_dir(settings) / "supervisor.sock"
    if len(os.fsencode(path)) <= 90:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"weir-{os.getuid()}-{digest}" / "s.sock"


def postgres_password_file(settings: Settings) -> Path:
    """Where the local profile keeps the password."""
    return settings.postgres_password_file or settings.home / "secrets" / "postgres_password"


def write_secret(path: Path) -> None:
    """Write a random secret to ``path``, readable by its owner only, unless it is there."""
    if path.exists() and path.stat().st_size:
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(secrets.token_urlsafe(24))
    part.rename(path)
