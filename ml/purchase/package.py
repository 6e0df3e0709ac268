"""The folder of a version: model, reference rows, scored rows, sealed.

| file | what |
|---|---|
| ``model.onnx`` | see :mod:`.export` |
| ``reference.parquet`` | features of the newest training days, what drift is measured from |
| ``validation.parquet`` | ``row``, ``at``, ``purchased``, ``score`` of the out-of-fold rows |
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ml.features.user import FEATURES, USER_FEATURES
from ml.purchase import MODEL
from ml.purchase.dataset import Dataset
from ml.purchase.export import OUTPUT, check
from ml.purchase.train import Trained
from ml.store.artefact import REFERENCE_FILE, SCORED_FILE, Field, Signature, seal

MODEL_FILE = "model.onnx"


def write(folder: Path, dataset: Dataset, trained: Trained, key: bytes) -> None:
    """Write and seal the folder (empty or not there), then ask the model as a server would.

    Raises:
        PurchaseError: it does not answer every row of the data set as the trained one.
    """
    from ml.serving.runtime import load

    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(trained.onnx)
    trained.reference.write_parquet(folder / REFERENCE_FILE)
    trained.scored.write_parquet(folder / SCORED_FILE)
    seal(folder, "onnx", signature(), metadata(dataset, trained), key)
    served = load(MODEL, 0, folder, key)
    check(trained.answers, np.array(served.scores(dataset.matrix.tolist())))


def signature() -> Signature:
    """Features in the order of the model's input; those that may be null are not required."""
    return Signature(
        inputs=tuple(Field(one.name, "double", required=not one.null) for one in USER_FEATURES),
        outputs=(Field(OUTPUT, "double"),),
    )


def metadata(dataset: Dataset, trained: Trained) -> dict[str, Any]:
    """What a server and those who compare versions need to know; JSON values."""
    return {
        "threshold": trained.threshold,
        "metric": "f1",
        "validation": trained.validation.metrics(),
        "features": list(FEATURES),
        "kind": trained.choice.kind,
        "horizon_hours": dataset.recipe.horizon_hours,
        # A purchase is known at once, its absence when the horizon is over: labels wait for that.
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
        "features": ",".join(FEATURES),
    }
