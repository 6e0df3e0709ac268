"""Which model answers a key: a stable share of all keys, without a table of who is where."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import blake2b

from platform_assets.core.errors import WeirError

DEFAULT_SHARE = 0.05
_POINTS = 2**64


class ShareError(WeirError):
    """A share that is none, or a trial without a name."""


class Arm(StrEnum):
    """The model in service, and the one that wants its place."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


@dataclass(frozen=True)
class Route:
    """What happens to one request.

    Attributes:
        answers: the model whose answer is returned.
        shadow: the model that scores the request as well, its answer kept and never returned.
    """

    answers: Arm
    shadow: Arm | None = None


@dataclass(frozen=True)
class Split:
    """How the keys of one trial are divided.

    A key (user, session) is hashed (64 bits of keyed BLAKE2b) to a point in [0, 1) that never
    changes within a trial; the challenger has the keys below ``share``. So a share that grows only
    adds keys and one that shrinks only takes keys away. Each trial has its own hash: the first keys
    of one challenger are not those of the next.

    Attributes:
        trial: its name, e.g. ``purchase/17``; part of the hash.
        share: of all keys, from 0 to 1.
        shadow: the champion answers everybody; the challenger's keys are scored by both.

    Raises:
        ShareError: where the share is not within [0, 1] or the trial has no name.
    """

    trial: str
    share: float = DEFAULT_SHARE
    shadow: bool = False

    def __post_init__(self) -> None:
        if not self.trial:
            raise ShareError("a trial has no name", "give the model and version of the challenger")
        if not (math.isfinite(self.share) and 0 <= self.share <= 1):
            raise ShareError(
                f"trial {self.trial}: {self.share} is not a share", "give 0.05 for 5 %"
            )

    def arm(self, key: str) -> Arm:
        """Whose key it is."""
        # Whole numbers: as a float, a point near 1 would round to 1.0 and miss a share of 100 %.
        ours = self._hash(key) < round(self.share * _POINTS)
        return Arm.CHALLENGER if ours else Arm.CHAMPION

    def route(self, key: str) -> Route:
        """Which model answers, and which one scores in its shadow."""
        if self.arm(key) is Arm.CHAMPION:
            return Route(Arm.CHAMPION)
        if self.shadow:
            return Route(Arm.CHAMPION, shadow=Arm.CHALLENGER)
        return Route(Arm.CHALLENGER)

    def with_share(self, share: float) -> Split:
        """The same trial at another share; no other key changes its model."""
        return replace(self, share=share)

    def _hash(self, key: str) -> int:
        salt = blake2b(self.trial.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        data = key.encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(data, digest_size=8, key=salt).digest(), "big")
