"""The error of this room."""

from __future__ import annotations

import math

from platform_assets.core.errors import WeirError


class AnomalyError(WeirError):
    """Input that no detector or score can be computed from."""


class OtherFormError(AnomalyError):
    """A memory that was written by another form of its detector, before an upgrade."""


def finite(value: float, what: str) -> float:
    """The value, if it is a number.

    Raises:
        AnomalyError: it is NaN or infinite. One such value would poison every mean after it.
    """
    if not math.isfinite(value):
        raise AnomalyError(f"{what} is {value}", "leave missing points out of the stream")
    return value
