"""A model server as a process of its own, for tests.

Belongs here: starting, killing, asking it. Does not belong here: any test.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ml.rollout.deployment import Deployments
from ml.store.artefact import artefact_key
from platform_assets.core.settings import REPOSITORY, Settings
from platform_assets.local.wait import wait_until
from tests.onnx_models import FIELDS, write_model


@dataclass
class ModelServer:
    """``python -m ml.serving`` on a port."""

    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> ModelServer:
        """Start it, and wait until it follows the deployments."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ml.serving", "--port", str(self.port), *options],
            cwd=REPOSITORY,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

        def followed() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, "the server ended"
            return bool(self.get("/ready").json()["followed"])

        wait_until(followed, what="a model server", timeout=60, every=0.1)
        return self

    def stop(self, signum: int = signal.SIGTERM) -> None:
        """End it."""
        if self.process is not None:
            self.process.send_signal(signum)
            self.process.wait(30)
            self.process = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> httpx.Response:
        # Figures of the lake are waited for where PostgreSQL is away; on a busy machine for long.
        return httpx.get(self.address + path, timeout=30)

    def post(self, path: str, document: Any) -> httpx.Response:
        return httpx.post(self.address + path, json=document, timeout=30)

    def metric(self, name: str) -> float:
        """Sum of a metric's samples."""
        lines = self.get("/metrics").text.splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.split("{")[0].split(" ")[0] == name
        )


@dataclass
class ServedModel:
    """A model of its own for a test: versions on demand, deployed on one server."""

    settings: Settings
    server: ModelServer
    root: Path
    name: str = field(default_factory=lambda: f"m{uuid.uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self.deployments = Deployments(self.settings, lambda _model, number: self.folder(number))

    def folder(self, number: int) -> Path:
        return self.root / self.name / str(number)

    def version(self, number: int, **kind: Any) -> int:
        """Write a version's folder; the bias tells versions apart."""
        key = artefact_key(self.settings)
        write_model(self.folder(number), **{"bias": number / 10, "key": key, **kind})
        return number

    def begin(self, champion: int = 1, **kind: Any) -> None:
        """Serve a first champion."""
        self.deployments.start(
            self.name, self.version(champion, **kind), reason="test", actor="test"
        )
        self.caught_up()

    def challenge(self, number: int, **how: Any) -> None:
        """Try a version that is there."""
        self.deployments.try_challenger(self.name, number, reason="test", actor="test", **how)
        self.caught_up()

    def caught_up(self) -> None:
        """Wait until the server serves the newest revision."""
        wanted = self.deployments.current(self.name)
        assert wanted is not None
        wait_until(
            lambda: self.state().get("revision") == wanted.revision,
            what=f"revision {wanted.revision} of {self.name}",
            timeout=20,
            every=0.05,
        )

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.server.get(f"/v1/models/{self.name}").json()
        return found

    @property
    def path(self) -> str:
        return f"/v1/models/{self.name}/predict"

    def predict(self, key: str = "u1", value: float = 0.5) -> httpx.Response:
        return self.server.post(self.path, row(key, value))


def row(key: str, value: float = 0.5) -> dict[str, Any]:
    """A request of the test models' fields."""
    return {"key": key, "inputs": dict.fromkeys(FIELDS, value)}
