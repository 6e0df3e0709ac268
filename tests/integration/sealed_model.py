"""A small sealed model and its registration, for tests of the registry and who serves.

Belongs here: making one. Does not belong here: any test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ml.store.artefact import Field, Signature, artefact_key, seal, write_tensors
from ml.store.registry import DatasetRef, Registry, Version
from platform_assets.core.settings import Settings

SIGNATURE = Signature((Field("views_7d", "double"),), (Field("score", "double"),))
METADATA = {"threshold": 0.3, "metric": "f1", "validation": {"f1": 0.5}}
DATASET = DatasetRef("features.commerce.user_features", 7, 1200, "ab" * 32, "2026-03-02T00:00:00Z")


def sealed_folder(settings: Settings, folder: Path, weight: float = 1.0) -> Path:
    """A folder with one tensor, sealed."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors({"weight": np.array([weight])}, folder / "model.safetensors")
    seal(folder, "safetensors", SIGNATURE, METADATA, artefact_key(settings))
    return folder


def register(settings: Settings, model: str, folder: Path, **changes: Any) -> Version:
    """Register a sealed folder with plausible lineage."""
    values: dict[str, Any] = {
        "params": {"depth": 3, "seed": 7},
        "metrics": {"f1": 0.5, "roc_auc": 0.75},
        "dataset": DATASET,
        "code_version": "abc123",
        "card": "# Purchase\n\nWho buys within a week.",
        **changes,
    }
    return Registry(settings).register(model, folder, **values)
