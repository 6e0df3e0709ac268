"""Errors and refusals of the purchase model.

Belongs here: the error class and the result that says why nothing was made. Does not belong
here: anything that raises or returns it.
"""

from __future__ import annotations

from dataclasses import dataclass

from platform_assets.errors import WeirError


class PurchaseError(WeirError):
    """The model cannot be trained, exported or scored."""


@dataclass(frozen=True)
class Skipped:
    """There is too little to learn from; no error.

    Attributes:
        reason: in words, with numbers.
    """

    reason: str
