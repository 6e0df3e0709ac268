"""The folder of a version: model, reference rows, scored rows, sealed.

| file | what |
|---|---|
| ``model.onnx`` | see :mod:`.export` |
| ``reference.parquet`` | features of the newest training days, what drift is measured from |
| ``validation.parquet`` | ``row``, ``at``, the label, ``score`` of the out-of-fold rows |
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ml.features.user import USER_FEATURES
from ml.spec import ModelSpec
from ml.store.artefact import REFERENCE_FILE, SCORED_FILE, Field, Signature, seal
from ml.training.dataset import Dataset
from ml.training.export import OUTPUT, check
from ml.training.train import Trained

MODEL_FILE = "model.onnx"


def write(folder: Path, dataset: Dataset, trained: Trained, key: bytes) -> None:
    """Write and seal the folder (empty or not there), then ask the model as a server would.

    Raises:
        TrainingError: it does not answer every row of the data set as the trained one.
    """
    from ml.serving.runtime import load

    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(trained.onnx)
    trained.reference.write_parquet(folder / REFERENCE_FILE)
    trained.scored.write_parquet(folder / SCORED_FILE)
    seal(folder, "onnx", signature(dataset.spec), metadata(dataset, trained), key)
    served = load(dataset.spec.name, 0, folder, key)
    check(trained.answers, np.array(served.scores(dataset.matrix.tolist())))


def signature(spec: ModelSpec) -> Signature:
    """Features in the order of the model's input; those that may be null are not required."""
    optional = {one.name: bool(one.null) for one in USER_FEATURES}
    return Signature(
        inputs=tuple(Field(n, "double", required=not optional[n]) for n in spec.features),
        outputs=(Field(OUTPUT, "double"),),
    )


def metadata(dataset: Dataset, trained: Trained) -> dict[str, Any]:
    """What a server and those who compare versions need to know; JSON values."""
    return {
        "threshold": trained.threshold,
        "metric": dataset.spec.metric,
        "validation": trained.validation.metrics(),
        "features": list(dataset.spec.features),
        "kind": trained.choice.kind,
        "horizon_hours": dataset.recipe.horizon_hours,
        # A yes may be known at once, a no when the horizon is over: labels wait for that.
        "label_delay_seconds": dataset.recipe.horizon.total_seconds(),
        "trained_until": f"{dataset.rows.item(-1, 'at'):%Y-%m-%dT%H:%M:%SZ}",
        "recipe": dataset.recipe.to_json(),
        "fingerprint": dataset.fingerprint,
        "seed": trained.seed,
    }


def params(dataset: Dataset, trained: Trained) -> dict[str, str]:
    """What the registry records as parameters."""
    choice = trained.choice
    return {
        "model": choice.kind,
        "choice": choice.reason,
        "calibrated": str(choice.calibrated).lower(),
        "slope": repr(choice.calibration.slope),
        "intercept": repr(choice.calibration.intercept),
        "threshold": repr(trained.threshold),
        "seed": str(trained.seed),
        "days": str(dataset.recipe.days),
        "horizon_hours": str(dataset.recipe.horizon_hours),
        "features": ",".join(dataset.spec.features),
    }
