"""A block of ports belongs to one test process, and is free again when that process has ended."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from platform_assets.core.settings import Settings
from platform_assets.local.servers import catalogue
from tests import ports

HOLD = """
import sys
from pathlib import Path
from tests.ports import free_port_base
print(free_port_base(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def test_two_calls_never_share_a_port(tmp_path: Path) -> None:
    bases = [ports.free_port_base(tmp_path) for _ in range(20)]
    blocks = [port for base in bases for port in range(base, base + ports.BLOCK)]
    assert len(blocks) == len(set(blocks))


def test_a_block_holds_every_port_of_the_settings(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port_base=ports.FIRST)
    used = [port for server in catalogue(settings).values() for port in server.ports]
    used += [settings.portal_port, settings.models_port, settings.webhook_port]
    assert min(used) >= ports.FIRST
    assert max(used) < ports.FIRST + ports.BLOCK


def test_another_process_is_passed_over_until_it_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout is not None
        taken = int(other.stdout.readline())
        monkeypatch.setattr(ports, "_bases", lambda: iter([taken]))
        with pytest.raises(RuntimeError, match="no block"):
            ports.free_port_base(tmp_path)
    finally:
        other.kill()
        other.communicate()
    assert ports.free_port_base(tmp_path) == taken


def test_a_port_in_use_is_passed_over_though_nobody_reserved_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = ports.free_port_base()  # ours, so that nobody else binds there
    with socket.socket() as server:
        server.bind(("127.0.0.1", base + ports.BLOCK - 1))
        monkeypatch.setattr(ports, "_bases", lambda: iter([base]))
        with pytest.raises(RuntimeError, match="no block"):
            ports.free_port_base(tmp_path)
    assert ports.free_port_base(tmp_path) == base
