"""Manifests for clusters that serve models by KServe: an InferenceService with its canary share.

The container is Weir's own model server in the mode that serves one sealed folder (``--folder``),
so seals are verified there too and answers go on record. KServe downloads ``STORAGE_URI`` to
``/mnt/models`` before it starts.

**How KServe makes a canary.** ``canaryTrafficPercent`` is the share of the *newest* revision; the
rest stays with the revision that was rolled out before. So a trial is two manifests of one name,
applied in order: the champion's alone, then the challenger's with its share.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from ml.rollout.deployment import Deployments
from platform_assets.core.errors import WeirError
from platform_assets.core.gate import ANY_HOST
from platform_assets.core.settings import Settings

PORT = 8080
MOUNTED = "/mnt/models"
STORAGE = "pvc://weir-models"
IMAGE = "weir:latest"
SECRET = "weir"  # noqa: S105 - the name of a Kubernetes secret
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")


class KServeError(WeirError):
    """Something that KServe cannot express, or nothing to write."""


def manifest(
    model: str,
    champion: int,
    challenger: int | None = None,
    share: float = 0.0,
    *,
    storage: str = STORAGE,
    image: str = IMAGE,
    secret: str = SECRET,
) -> dict[str, Any]:
    """An InferenceService of the challenger with its share, or of the champion alone.

    Args:
        model: its name; becomes the service's.
        champion: version that answers.
        challenger: version on trial.
        share: of all requests that the challenger gets; whole per cents.
        storage: the artefacts are below it, ``<storage>/<model>/<version>``.
        image: of a container in which ``python -m ml.serving`` runs.
        secret: with the settings (``WEIR_PROFILE=cluster``, ``WEIR_POSTGRES_...``) and
            ``WEIR_MODEL_KEY``.

    Raises:
        KServeError: a name or a share that KServe does not take.
    """
    if not _NAME.fullmatch(model):
        raise KServeError(
            f"{model!r} is not a valid service name",
            "lower-case letters, digits and hyphens, up to 40",
        )
    version = champion if challenger is None else challenger
    container = {
        "name": "kserve-container",
        "image": image,
        "command": ["python", "-m", "ml.serving"],
        "args": [
            "--host", "0.0.0.0",  # noqa: S104 - within its pod
            "--port", str(PORT),
            # KServe's gateway routes by name, and no browser reaches a pod.
            "--allow-host", ANY_HOST,
            "--folder", MOUNTED,
            "--model", model,
            "--version", str(version),
        ],
        "env": [{"name": "STORAGE_URI", "value": f"{storage.rstrip('/')}/{model}/{version}"}],
        "envFrom": [{"secretRef": {"name": secret}}],
        "ports": [{"containerPort": PORT, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": f"/v2/models/{model}/ready", "port": PORT}},
        "livenessProbe": {"httpGet": {"path": "/health", "port": PORT}},
        "resources": {
            "requests": {"cpu": "500m", "memory": "512Mi"},
            "limits": {"cpu": "1", "memory": "1Gi"},
        },
    }  # fmt: skip
    predictor: dict[str, Any] = {"minReplicas": 1, "containers": [container]}
    if challenger is not None:
        predictor["canaryTrafficPercent"] = _percent(model, share)
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": model,
            "labels": {"app.kubernetes.io/part-of": "weir"},
            "annotations": {"weir/version": str(version)},
        },
        "spec": {"predictor": predictor},
    }


def write(
    settings: Settings,
    model: str,
    folder: Path,
    *,
    storage: str = STORAGE,
    image: str = IMAGE,
    secret: str = SECRET,
) -> list[Path]:
    """Write the manifests of what is deployed, in the order in which to apply them.

    Returns:
        ``<model>-1-champion.yaml`` and, in a trial, ``<model>-2-challenger.yaml``.

    Raises:
        KServeError: the model is not deployed, or its trial is in the shadow.
    """
    deployments = Deployments(settings)
    try:
        row = deployments.current(model)
    finally:
        deployments.close()
    if row is None:
        raise KServeError(f"model {model} is not deployed", "train and deploy it first")
    if row.shadow:
        raise KServeError(
            f"model {model}: version {row.challenger} is on trial in the shadow, which KServe "
            "does not have",
            "leave the shadow first: weir models shadow MODEL off",
        )
    describe = partial(manifest, model, row.champion, storage=storage, image=image, secret=secret)
    documents = {f"{model}-1-champion.yaml": describe()}
    if row.challenger is not None:
        documents[f"{model}-2-challenger.yaml"] = describe(row.challenger, row.share)
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        (folder / name).write_text(_yaml(document))
    # A trial that ended leaves no manifest behind.
    if row.challenger is None:
        (folder / f"{model}-2-challenger.yaml").unlink(missing_ok=True)
    return [folder / name for name in documents]


def _percent(model: str, share: float) -> int:
    percent = share * 100
    if not 0 <= percent <= 100 or abs(percent - round(percent)) > 1e-9:
        raise KServeError(
            f"model {model}: a share of {share} is not a whole per cent",
            "KServe takes only whole per cents: weir models share MODEL 0.05",
        )
    return round(percent)


def _yaml(document: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(document, sort_keys=False)
