"""The dbt project as a thing to run: its environment, its manifest, its commands."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from platform_assets.core.errors import WeirError
from platform_assets.core.files import write_file
from platform_assets.core.settings import REPOSITORY, Settings

PROJECT = REPOSITORY / "dbt_project"
TARGET = PROJECT / "target"
MANIFEST = TARGET / "manifest.json"

FULL_GOLD_JOB = "full_gold"
"""The Dagster job of a full build: every model, every test, every suite of gold."""

_STAMP = TARGET / "manifest.inputs"
_PARSED = "partial_parse.msgpack"
_ADDRESSES_KEPT = 5
_INPUTS = ("models", "macros", "tests")
_PARSE_TIMEOUT = 180.0
_DOCS_TIMEOUT = 900.0


class DbtError(WeirError):
    """A dbt command failed; the message holds dbt's last words and what to do next."""


def environment(settings: Settings) -> dict[str, str]:
    """What ``profiles.yml`` and dbt read from the environment.

    Names of its own, not ``WEIR_TRINO_HOST``: they are set in this process, and must not be
    taken for an operator's choice by settings read later.
    """
    return {
        "WEIR_DBT_TRINO_HOST": settings.trino_host,
        "WEIR_DBT_TRINO_PORT": str(settings.trino_port),
        "WEIR_DBT_TRINO_USER": settings.trino_user,
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_LOG_PATH": str(settings.home / "logs" / "dbt"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def ensure_manifest() -> Path:
    """The manifest's path; parses the project first where the manifest is missing or stale.

    Opens no socket. Where nothing changed it costs some file sizes and times.

    Raises:
        DbtError: the project does not parse; says where.
    """
    inputs = _fingerprint()
    if MANIFEST.exists() and _STAMP.exists() and _STAMP.read_text() == inputs:
        return MANIFEST
    TARGET.mkdir(parents=True, exist_ok=True)
    # A folder of its own, moved at the end: another process may be reading the manifest.
    partial = TARGET / f"parse-{os.getpid()}"
    try:
        _dbt(["parse", "--target-path", str(partial)], {}, _PARSE_TIMEOUT)
        (partial / "manifest.json").replace(MANIFEST)
        if (partial / _PARSED).exists():
            (partial / _PARSED).replace(TARGET / _PARSED)
    finally:
        import shutil

        shutil.rmtree(partial, ignore_errors=True)
    _STAMP.write_text(inputs)
    return MANIFEST


def load_manifest() -> dict[str, Any]:
    """The parsed manifest (see :func:`ensure_manifest`)."""
    content: dict[str, Any] = json.loads(ensure_manifest().read_bytes())
    return content


def lend_parse(settings: Settings, target: Path) -> None:
    """Let a build in a new folder begin with what the last one with this Trino has parsed.

    dbt looks whether it still holds, and parses all where it does not.
    """
    kept, wanted = _kept_parse(settings), target / _PARSED
    if kept.exists() and not wanted.exists():
        write_file(wanted, kept.read_bytes())


def keep_parse(settings: Settings, target: Path) -> None:
    """Keep what a build has parsed for :func:`lend_parse`."""
    with suppress(FileNotFoundError):
        kept = write_file(_kept_parse(settings), (target / _PARSED).read_bytes())
        files = sorted(kept.parent.glob("*.msgpack"), key=lambda file: file.stat().st_mtime)
        for old in files[:-_ADDRESSES_KEPT]:
            old.unlink(missing_ok=True)


def _kept_parse(settings: Settings) -> Path:
    # dbt parses all again where the address differs.
    address = f"{settings.trino_user}@{settings.trino_host}:{settings.trino_port}"
    return TARGET / "parsed" / f"{hashlib.sha256(address.encode()).hexdigest()[:12]}.msgpack"


def generate_docs(settings: Settings) -> Path:
    """Run ``dbt docs generate``; returns the folder with ``index.html``.

    Raises:
        DbtError: Trino is away or a model does not compile.
    """
    target = settings.home / "dbt" / "docs"
    target.mkdir(parents=True, exist_ok=True)
    _dbt(
        ["docs", "generate", "--static", "--target-path", str(target)],
        environment(settings),
        _DOCS_TIMEOUT,
    )
    return target


def build(settings: Settings, *arguments: str, timeout: float = 1800.0) -> None:
    """Run ``dbt build`` (models and tests) as a process.

    Raises:
        DbtError: a model or test failed; names it.
    """
    target = settings.home / "dbt" / "build"
    target.mkdir(parents=True, exist_ok=True)
    _dbt(["build", "--target-path", str(target), *arguments], environment(settings), timeout)


def _dbt(arguments: list[str], extra: Mapping[str, str], timeout: float) -> None:
    command = [
        sys.executable, "-m", "dbt.cli.main", *arguments,
        "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT),
    ]  # fmt: skip
    logs = {"DBT_LOG_PATH": str(TARGET / "logs"), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **logs, **extra},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DbtError(
            f"dbt {arguments[0]}: no end after {timeout:.0f} s", "see `weir status`"
        ) from error
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-25:])
        raise DbtError(f"dbt {arguments[0]} failed (exit {done.returncode}):\n{tail}")


def _fingerprint() -> str:
    digest = hashlib.sha256()
    files = [PROJECT / "dbt_project.yml", PROJECT / "profiles.yml"]
    for folder in _INPUTS:
        files += (PROJECT / folder).rglob("*")
    for path in sorted(files):
        if path.is_file():
            status = path.stat()
            digest.update(
                f"{path.relative_to(PROJECT)} {status.st_size} {status.st_mtime_ns}\n".encode()
            )
    return digest.hexdigest()
