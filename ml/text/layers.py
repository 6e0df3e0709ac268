"""What small networks are made of, and how they are sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.text.trained import Array


@dataclass(frozen=True)
class Layer:
    """A matrix and what is added behind it."""

    weights: Array
    bias: Array

    def __call__(self, rows: Any) -> Array:
        """``rows @ weights + bias``; rows may be sparse."""
        return np.asarray(rows @ self.weights) + self.bias


def log_softmax(logits: Array) -> Array:
    """Log probabilities of each row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def tensors(layers: Mapping[str, Layer], size: Any = np.float32) -> dict[str, Array]:
    """``<name>/weights`` in the given precision and ``<name>/bias`` of each."""
    result: dict[str, Array] = {}
    for name, layer in sorted(layers.items()):
        result[f"{name}/weights"] = np.ascontiguousarray(layer.weights, size)
        result[f"{name}/bias"] = np.ascontiguousarray(layer.bias, np.float32)
    return result


def layers(tensors: Mapping[str, Array]) -> dict[str, Layer]:
    """What :func:`tensors` gave, by name; other tensors are left out."""
    return {
        name.removesuffix("/bias"): Layer(
            tensors[f"{name.removesuffix('/bias')}/weights"].astype(np.float32), bias
        )
        for name, bias in tensors.items()
        if name.endswith("/bias")
    }
