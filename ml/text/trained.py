"""What a training of this room gives: a model in parts, how good it is, and on what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from platform_assets.core.errors import WeirError

Array = np.ndarray[Any, np.dtype[Any]]

SENTIMENT, ENTITIES = "text_sentiment", "text_entities"
"""Names in the registry."""


class ModelError(WeirError):
    """A sealed model that this release cannot read with."""


@dataclass(frozen=True)
class Parts:
    """A model as it is sealed: nothing in it can run.

    Attributes:
        tensors: by name.
        documents: JSON values by name.
    """

    tensors: Mapping[str, Array]
    documents: Mapping[str, Any]


@dataclass(frozen=True)
class Trained:
    """A model that is ready to be sealed.

    Attributes:
        model: its name in the registry.
        parts: all of it.
        metrics: by name, e.g. ``macro_f1_de``; ``f1`` is the one by which versions are compared.
        params: what was chosen, and how.
        rows: labelled texts that were trained on.
        fingerprint: hash over all rows, those that were left out among them.
        left_out: in words, what the metrics were measured on.
    """

    model: str
    parts: Parts
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    rows: int
    fingerprint: str
    left_out: str
