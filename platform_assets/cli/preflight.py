"""What this machine lacks, said before anything starts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from platform_assets.core.settings import Settings
    from platform_assets.local.doctor import Finding


def preflight(settings: Settings, say: Callable[[str], None]) -> None:
    """Say what ``weir doctor`` finds missing and a run would use; stops nothing.

    Args:
        settings: the machine's.
        say: told a line for each, and the one command that installs what Debian has.
    """
    from platform_assets.local.doctor import examine

    for line in told(examine(settings), root=os.geteuid() == 0):
        say(line)


def told(findings: Sequence[Finding], *, root: bool) -> list[str]:
    """The lines of :func:`preflight`.

    Args:
        findings: of ``weir doctor``.
        root: whether the command needs no sudo.
    """
    missing = [one for one in findings if not one.ok and (one.needed or one.package)]
    packages = " ".join(dict.fromkeys(one.package for one in missing if one.package))
    lines = [
        f"missing: {one.what} ({one.found})" + ("" if one.package else f"; fix: {one.fix}")
        for one in missing
    ]
    if packages:
        sudo = "" if root else "sudo "
        lines.append(
            f"to install it: {sudo}apt-get update && "
            f"{sudo}apt-get install -y --no-install-recommends {packages}"
        )
    return lines
