"""A trial to look at: two sealed versions, a deployment, a clock that is set.

Belongs here: building it and its traffic. Does not belong here: any test.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from ml.rollout.deployment import Deployment, Deployments
from ml.serving.log import PredictionLog
from ml.store.artefact import Field, Signature, artefact_key, seal
from ml.trials.judge import Finding, Judge
from ml.trials.rows import Scope
from platform_assets.core.databases import connect
from platform_assets.core.settings import Settings
from tests.traffic import ArmIs, arrays, write

SIGNATURE = Signature((Field("x", "double"),), (Field("score", "double"),))


def sealed(settings: Settings, folder: Path, **metadata: object) -> Path:
    """A version's folder as training leaves it."""
    folder.mkdir(parents=True)
    save_file({"w": np.zeros(1)}, folder / "model.safetensors")
    told = {"metric": "f1", "validation": {"f1": ArmIs().f1}, **metadata}
    seal(folder, "safetensors", SIGNATURE, told, artefact_key(settings))
    return folder


@dataclass
class Scene:
    """A model of its own: version 1 serves, version 2 is on trial; a clock that is set."""

    settings: Settings
    folder: Path
    model: str = field(default_factory=lambda: f"m{uuid.uuid4().hex[:8]}")
    ahead: timedelta = timedelta(hours=1)
    followed: list[str] = field(default_factory=list)
    crash: bool = False

    def __post_init__(self) -> None:
        self.log = PredictionLog(self.settings)
        self.deployments = Deployments(self.settings, lambda _, version: self.version(version))
        self.deployments.start(self.model, 1, reason="first", actor="test")
        self.began = self.try_out(2).changed_at
        self.judge = self.judged()

    def version(self, number: int) -> Path:
        return self.folder / self.model / str(number)

    def try_out(self, number: int, share: float = 0.5) -> Deployment:
        return self.deployments.try_challenger(
            self.model, number, share=share, reason="trained", actor="test"
        )

    def judged(self) -> Judge:
        return Judge(
            self.settings, deployments=self.deployments, follow=self.follow, now=self.clock
        )

    def clock(self) -> datetime:
        return self.began + self.ahead

    def follow(self, model: str) -> None:
        if self.crash:
            raise RuntimeError("killed")
        self.followed.append(model)

    def traffic(self, challenger: ArmIs, seed: int = 1, after: float = 0.0, **shape: float) -> None:
        requests, outcomes = arrays(seed, challenger=challenger, **shape)
        write(
            self.log, self.model, (1, 2), self.began + timedelta(seconds=after), requests, outcomes
        )

    def serve(
        self, version: int, arm: ArmIs, since: datetime, seed: int = 7, **shape: float
    ) -> None:
        """Traffic of a champion alone."""
        rows = arrays(7, share=0.0, champion=arm, **shape)
        write(self.log, self.model, (version, 0), since, *rows, on_trial=False)

    def look(self) -> Finding:
        [finding] = self.judge.judge(self.model, "test")
        return finding

    @property
    def now(self) -> Deployment:
        found = self.deployments.current(self.model)
        assert found is not None
        return found

    def close(self) -> None:
        self.judge.close()
        self.log.close()


def forget(settings: Settings, model: str) -> None:
    """Forget what is known of a model: other tests may have given it a past."""
    judge = Judge(settings)
    # The first question makes the tables.
    judge.cases.history(model)
    judge.deployments.current(model)
    judge.rows.labels(Scope(model, datetime.now(UTC)), 0, datetime.now(UTC))
    judge.close()
    with connect(settings, "models") as connection:
        for table in ("trials", "deployments", "predictions"):
            connection.execute(f"DELETE FROM {table} WHERE model = %s", (model,))
