"""Run PostgreSQL although the user is root, which it refuses.

PostgreSQL only asks whether its effective user id is 0. A user namespace that maps root to
``nobody`` answers no while files still belong to root, so nothing needs another owner, and
a checkout below ``/root`` works. Where namespaces are forbidden (most containers, a chroot) the
process really becomes ``nobody`` but keeps the right to traverse closed folders, and its data
folder changes hands. ``no_setuid_fixup`` keeps that right for access(2) too, with which initdb
looks for its binaries; without the capability to set it a checkout must be open to ``nobody``.
See docs/adr/0202-postgresql-as-root.md.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from platform_assets.core.errors import WeirError

_NOBODY = "nobody"


@lru_cache(maxsize=1)
def _prefix() -> tuple[tuple[str, ...], bool]:
    """The prefix, and whether the data folder must belong to ``nobody``."""
    if os.geteuid() != 0:
        return (), False
    for prefix, owned in _ways():
        if shutil.which(prefix[0]) and _works(prefix):
            return prefix, owned
    raise WeirError(
        "PostgreSQL refuses to run as root, and neither `unshare` nor `setpriv` works here",
        "run weir as another user, or install util-linux",
    )


def _ways() -> tuple[tuple[tuple[str, ...], bool], ...]:
    """As :func:`_prefix`, each that may work, the best first."""
    user = pwd.getpwnam(_NOBODY)
    namespace = (
        "unshare", "--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}", "--",
    )  # fmt: skip
    drop = (
        "setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
        "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--",
    )  # fmt: skip
    keep = (*drop[:-1], "--securebits=+no_setuid_fixup", "--")
    return (namespace, False), (keep, True), (drop, True)


def _works(prefix: tuple[str, ...]) -> bool:
    done = subprocess.run([*prefix, "true"], capture_output=True, timeout=20, check=False)
    return done.returncode == 0


def unprivileged(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command so that it does not run as root; unchanged where the user is not root."""
    return (*_prefix()[0], *command)


def own(folder: Path) -> None:
    """Make ``folder`` and what is in it belong to whom the unprivileged command runs as."""
    if os.geteuid() != 0:
        return
    user = pwd.getpwnam(_NOBODY)
    owner = (user.pw_uid, user.pw_gid) if _prefix()[1] else (0, 0)
    if (folder.stat().st_uid, folder.stat().st_gid) == owner:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, *owner, follow_symlinks=False)
