"""Validation in order of time: train on the past, score what came after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[tuple[int], np.dtype[Any]]


@dataclass(frozen=True)
class Fold:
    """One division: row numbers to train on, and to score."""

    train: Array
    valid: Array


def expanding(times: Array, gap: int, count: int = 4) -> list[Fold]:
    """Folds over distinct times: each block of the later half is scored by what came before.

    Args:
        times: of each row, in any unit and order.
        gap: how far a row's label reaches beyond its time, same unit. A row is trained on only
            where ``time + gap`` is not after the block's first time (purging: Lopez de Prado,
            Advances in Financial Machine Learning, 2018, section 7.4.1).
        count: blocks, fewer where there are fewer times.

    Returns:
        Folds in order of time; none where no block has a training row.
    """
    distinct = np.unique(times)
    later = distinct[len(distinct) // 2 :]
    folds = []
    for block in np.array_split(later, min(count, len(later))):
        train = np.flatnonzero(times + gap <= block[0])
        valid = np.flatnonzero((times >= block[0]) & (times <= block[-1]))
        if len(train):
            folds.append(Fold(train, valid))
    return folds
