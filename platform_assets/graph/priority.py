"""How far the process of a run steps back for the others when the cores are short."""

from __future__ import annotations

import multiprocessing
import os


def step_back(niceness: int) -> None:
    """Leave the cores to the stream; only in a run's own process, which ends with the run.

    Args:
        niceness: 0 (none) to 19.
    """
    if multiprocessing.parent_process() is not None:
        os.nice(niceness)
