"""Single predictions: Weir's model server beside ``mlflow models serve``, on one core each.

The same gradient boosting model (100 trees, 13 fields) in ONNX, served by both in turn: the server
and all below it pinned to the first core, the client (:mod:`benchmarks.load`) to another one where
there is one. Weir checks each input, and has each answer on record in a file before it goes out
and in PostgreSQL soon after. MLflow gets its quickest form of request, a matrix.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import psutil
import uvloop

from benchmarks.figures import Figure, Options, middle
from benchmarks.load import Sent, percentile, saturated, steady
from benchmarks.stack import private_stack
from ml.rollout.deployment import Deployments
from ml.store.artefact import Field, Signature, artefact_key, seal
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import LOOPBACK, REPOSITORY, Settings
from platform_assets.local.wait import wait_until

FIELDS = 13
ROWS = 5_000
TREES = 100
RATE = 50
"""Requests a second at which latency is measured: far below what either can take."""
SECONDS = 10
CONNECTIONS = 8
GOAL = 5.0
MODEL = "bench"
_START_SECONDS = 180


@dataclass(frozen=True)
class Side:
    """One server: where to ask, and how a row is asked."""

    name: str
    port: int
    path: str
    body: Callable[[int], bytes]


def run(options: Options) -> list[Figure]:
    """``predict``: requests a second at saturation, with latency at a low rate."""
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    with private_stack(("postgres",)) as settings:
        folder = settings.home / "bench-models"
        rows = _write_models(settings, folder)
        sides = (_weir(settings, rows), _mlflow(settings, rows))
        for number in range(options.repeats):
            for side, found in zip(sides, (ours, theirs), strict=True):
                command = _weir_command() if side.name == "weir" else _mlflow_command(folder, side)
                with _pinned(settings, command, side) as process:
                    found.append(_measure(options, side, process))
                options.say(f"run {number + 1}, {side.name}: {found[-1]}")
    value, baseline = (middle([one["per_second"] for one in side]) for side in (ours, theirs))
    extra = {
        f"{prefix}{name}": round(middle([one[name] for one in side]), 2)
        for prefix, side in (("", ours), ("baseline_", theirs))
        for name in ("p50_ms", "p99_ms", "per_cpu_second")
    }
    return [
        Figure(
            "predict", value, "requests/s", baseline, value / baseline,
            goal=f"at least {GOAL:g} times mlflow models serve",
            met=None if options.scale < 1 else value / baseline >= GOAL,
            extra={
                "runs": options.repeats, **extra, "latency_at_per_second": RATE,
                "cores": os.cpu_count(), "ratios": [
                    round(one["per_second"] / other["per_second"], 2)
                    for one, other in zip(ours, theirs, strict=True)
                ],
            },
        )
    ]  # fmt: skip


def _measure(options: Options, side: Side, process: psutil.Process) -> dict[str, float]:
    seconds = max(2.0, SECONDS * min(1.0, options.scale))
    uvloop.run(saturated(side.port, side.path, side.body, seconds=2, connections=CONNECTIONS))
    low = uvloop.run(steady(side.port, side.path, side.body, rate=RATE, seconds=seconds))
    before = _cpu_seconds(process)
    full = uvloop.run(
        saturated(side.port, side.path, side.body, seconds=seconds, connections=CONNECTIONS)
    )
    taken = _cpu_seconds(process) - before
    _require_good(side, [*low, *full])
    return {
        "per_second": round(len(full) / seconds, 1),
        "per_cpu_second": round(len(full) / taken, 1),
        "p50_ms": round(percentile(low, 50), 2),
        "p99_ms": round(percentile(low, 99), 2),
    }


def _cpu_seconds(process: psutil.Process) -> float:
    """Of the server and all below it; what neighbours on the core take is not in it."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def _require_good(side: Side, sent: Sequence[Sent]) -> None:
    failed = [one for one in sent if one.status != 200]
    if failed:
        raise RuntimeError(
            f"{side.name}: {len(failed)} of {len(sent)} requests failed: {failed[0].body[:300]!r}"
        )


@contextmanager
def _pinned(settings: Settings, command: Sequence[str], side: Side) -> Iterator[psutil.Process]:
    """A server on the first core, this process on the others, until the block ends."""
    before = os.sched_getaffinity(0)
    server, *others = sorted(before)
    log = settings.home / f"{side.name}.log"
    with log.open("ab") as output:
        # Children inherit the core.
        os.sched_setaffinity(0, {server})
        process = subprocess.Popen(
            command, cwd=REPOSITORY, stdout=output, stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
        )  # fmt: skip
    try:
        os.sched_setaffinity(0, set(others) or before)

        def answers() -> bool:
            if process.poll() is not None:
                raise WeirError(f"{side.name} ended:\n{log.read_text()[-2000:]}")
            reply = httpx.post(
                f"http://{LOOPBACK}:{side.port}{side.path}", content=side.body(0), timeout=10,
                headers={"Content-Type": "application/json"},
            )  # fmt: skip
            return reply.status_code == 200

        wait_until(answers, what=f"{side.name} (see {log})", timeout=_START_SECONDS)
        yield psutil.Process(process.pid)
    finally:
        os.sched_setaffinity(0, before)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _weir(settings: Settings, rows: np.ndarray[Any, Any]) -> Side:
    names = _names()
    bodies = [
        orjson.dumps({"key": uuid.uuid4().hex, "inputs": dict(zip(names, row, strict=True))})
        for row in rows.tolist()
    ]
    return Side(
        "weir", settings.models_port, f"/v1/models/{MODEL}/predict", lambda n: bodies[n % ROWS]
    )


def _mlflow(settings: Settings, rows: np.ndarray[Any, Any]) -> Side:
    bodies = [orjson.dumps({"inputs": [row]}) for row in rows.tolist()]
    return Side("mlflow", settings.portal_port, "/invocations", lambda n: bodies[n % ROWS])


def _weir_command() -> list[str]:
    return [sys.executable, "-m", "ml.serving"]


def _mlflow_command(folder: Path, side: Side) -> list[str]:
    return [
        sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(folder / "mlflow"),
        "--env-manager", "local", "--host", LOOPBACK, "--port", str(side.port), "--workers", "1",
    ]  # fmt: skip


def _environment() -> dict[str, str]:
    # MLflow starts its server by name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true",
    }  # fmt: skip


def _names() -> list[str]:
    return [f"field_{number}" for number in range(FIELDS)]


def _write_models(settings: Settings, folder: Path) -> np.ndarray[Any, Any]:
    """Train once; deploy the ONNX file here, and log it as MLflow would serve it."""
    import mlflow.onnx
    from mlflow.models import infer_signature
    from skl2onnx import to_onnx
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(ROWS, FIELDS)).astype(np.float32)
    labels = rng.random(ROWS) < 1 / (1 + np.exp(-rows[:, 0] * rows[:, 1]))
    model = HistGradientBoostingClassifier(max_iter=TREES, random_state=0).fit(rows, labels)
    graph = to_onnx(
        model, rows[:1], options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3}
    )
    mlflow.onnx.save_model(
        graph, folder / "mlflow",
        signature=infer_signature(rows[:5]),
        pip_requirements=["onnxruntime"],
        onnx_session_options={"intra_op_num_threads": 1, "inter_op_num_threads": 1},
    )  # fmt: skip
    sealed = folder / "weir"
    sealed.mkdir(parents=True)
    (sealed / "model.onnx").write_bytes(graph.SerializeToString())
    signature = Signature(
        tuple(Field(name, "double") for name in _names()),
        (Field("probabilities", "double"), Field("label", "long")),
    )
    seal(sealed, "onnx", signature, {"threshold": 0.5}, artefact_key(settings))
    deployments = Deployments(settings, lambda _model, _number: sealed)
    deployments.start(MODEL, 1, reason="bench", actor="bench")
    deployments.close()
    return rows
