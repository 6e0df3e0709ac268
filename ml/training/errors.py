"""Errors and refusals of training."""

from __future__ import annotations

from dataclasses import dataclass

from platform_assets.core.errors import WeirError


class TrainingError(WeirError):
    """A model cannot be trained, exported or scored."""


@dataclass(frozen=True)
class Skipped:
    """There is too little to learn from; no error.

    Attributes:
        reason: in words, with numbers.
    """

    reason: str
