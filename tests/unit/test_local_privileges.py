"""PostgreSQL as root: what it needs is within reach of the process that is no longer root."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from platform_assets.local.privileges import _ways, _works

LOOK = "import os, sys; print(os.geteuid(), os.access(sys.argv[1], os.X_OK))"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give up")
@pytest.mark.parametrize("way", [0, 1], ids=["namespace", "setpriv"])
def test_a_closed_folder_of_roots_is_within_reach(tmp_path: Path, way: int) -> None:
    """As a checkout below /root is; initdb looks for its binaries with access(2)."""
    prefix, _ = _ways()[way]
    if not _works(prefix):
        pytest.skip(f"{prefix[0]} is forbidden here")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "initdb").touch(mode=0o755)
    done = subprocess.run(
        [*prefix, sys.executable, "-c", LOOK, str(closed / "initdb")],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    user, found = done.stdout.split()
    assert user != "0"
    assert found == "True"
