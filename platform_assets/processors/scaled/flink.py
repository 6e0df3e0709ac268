"""Starts Flink's jobs, in an environment of their own: its pins and ours exclude each other.

``make flink-env`` makes the environment: Flink's packages first, this project's behind them.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
from pathlib import Path

from platform_assets.core.errors import WeirError
from platform_assets.core.files import write_file
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.local import fetch
from platform_assets.local.java import java
from platform_assets.processors.scaled.flink_job import Job
from platform_assets.processors.scaled.program import Program

_MODULE = "platform_assets.processors.scaled.flink_job"


def python(settings: Settings) -> Path:
    """The Python that has Flink.

    Raises:
        WeirError: there is none.
    """
    found = Path(settings.flink_python or REPOSITORY / ".venv-flink" / "bin" / "python")
    if not found.exists():
        raise WeirError(
            f"no Python with Flink at {found}", "run `make flink-env`, or set WEIR_FLINK_PYTHON"
        )
    return found


def start(
    program: Program, *, until_end: bool = False, parallelism: int = 1, seconds: float = 1.0
) -> subprocess.Popen[bytes]:
    """Start the job in a process of its own, from its last checkpoint on.

    Args:
        program: what the workers call.
        until_end: end when all that was there at the start is processed.
        parallelism: workers.
        seconds: between two checkpoints.

    Returns:
        The process; its output goes to :func:`log_of`.

    Raises:
        WeirError: there is no Flink, or its connector cannot be fetched.
    """
    settings, name = program.settings, program.definition.name
    executable = python(settings)
    (jar,) = sorted(fetch.ensure(["flink"], cache=settings.cache)["flink"].glob("*.jar"))
    home = folder(settings, name)
    checkpoints = home / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    job = Job(
        program, str(jar), str(checkpoints), until_end, parallelism, seconds, settings.flink_master
    )
    described = write_file(home / "job.pickle", pickle.dumps(job))
    environment = {
        **os.environ,
        "JAVA_HOME": str(Path(java()).parent.parent),
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
        ),
    }
    with log_of(settings, name).open("ab") as log:
        return subprocess.Popen(
            [str(executable), "-m", _MODULE, str(described)],
            cwd=REPOSITORY,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Its JVM and its Python workers end with it.
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], patience: float = 30.0) -> None:
    """End a job that was started here, its JVM and workers included; its place is kept."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue


def folder(settings: Settings, name: str) -> Path:
    """Where a processor's job and its checkpoints are stored."""
    return settings.home / "processors" / name / "flink"


def log_of(settings: Settings, name: str) -> Path:
    """What a processor's job says."""
    return folder(settings, name) / "job.log"
