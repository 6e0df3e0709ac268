"""Simulated traffic of a trial: arrays for the tests of rules, rows for those on the database.

Belongs here: requests and labels of two arms whose quality is chosen. Does not belong here: any
test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from ml.serving.ids import first_id
from ml.serving.log import Prediction, PredictionLog
from ml.trials.replay import Outcomes, Requests

POSITIVE = 0.3
"""Share of keys whose outcome is 1."""


@dataclass(frozen=True)
class ArmIs:
    """What an arm is like.

    Attributes:
        right: how often its answer is right.
        failures: how often a request fails.
        slower: factor on latencies with a p95 of about 11 ms.
    """

    right: float = 0.85
    failures: float = 0.0
    slower: float = 1.0

    @property
    def f1(self) -> float:
        """Its F1 in the long run."""
        hits = 2 * POSITIVE * self.right
        return hits / (hits + 1 - self.right)


def arrays(
    seed: int,
    seconds: float = 600.0,
    rate: float = 20.0,
    share: float = 0.5,
    champion: ArmIs = ArmIs(),
    challenger: ArmIs = ArmIs(),
    label_after: float = 5.0,
) -> tuple[Requests, Outcomes]:
    """Requests at a steady rate and the labels of those that did not fail."""
    rng = np.random.default_rng(seed)
    n = int(seconds * rate)
    at = np.sort(rng.uniform(0, seconds, n)).round(3)
    theirs = rng.random(n) < share
    of = [np.where(theirs, getattr(challenger, name), getattr(champion, name))
          for name in ("right", "failures", "slower")]  # fmt: skip
    failed = rng.random(n) < of[1]
    latency = of[2] * rng.lognormal(-5.3, 0.5, n)
    actual = (rng.random(n) < POSITIVE).astype(np.int64)
    said = np.where(rng.random(n) < of[0], actual, 1 - actual)
    known = at + label_after
    keep = ~failed
    return (
        Requests(at, theirs, failed, latency),
        Outcomes(known[keep], theirs[keep], said[keep], actual[keep]),
    )


def write(
    log: PredictionLog,
    model: str,
    versions: tuple[int, int],
    began: datetime,
    requests: Requests,
    outcomes: Outcomes,
    *,
    on_trial: bool = True,
    keys: Sequence[str] | None = None,
) -> list[str]:
    """Write arrays as rows, the labels to the requests that did not fail; returns the ids."""
    ids = ids_at(began, requests.at)
    rows = []
    label = iter(zip(outcomes.at, outcomes.predicted, outcomes.actual, strict=True))
    known: list[tuple[str, int, datetime]] = []
    for number, id_ in enumerate(ids):
        failed = bool(requests.failed[number])
        said: int | None = None
        if not failed and (found := next(label, None)) is not None:
            said = int(found[1])
            known.append((id_, int(found[2]), began + timedelta(seconds=float(found[0]))))
        theirs = bool(requests.challenger[number])
        rows.append(
            Prediction(
                id=id_,
                model=model,
                version=versions[theirs],
                arm="challenger" if theirs else "champion",
                trial=f"{model}/{versions[1]}" if on_trial else "",
                key=keys[number] if keys else f"user-{id_}",
                at=began + timedelta(seconds=float(requests.at[number])),
                seconds=float(requests.seconds[number]),
                failed=failed,
                score=None if failed else 0.5,
                label=said,
                shadow=False,
            )
        )
    log.add(rows)
    log.add_outcomes(known)
    return ids


def ids_at(began: datetime, seconds: Sequence[float] | np.ndarray) -> list[str]:
    """Ids of requests at these seconds after a moment, ascending within a millisecond."""
    rng = np.random.default_rng(int(began.timestamp()))
    made = []
    for number, second in enumerate(seconds):
        first = first_id(began.astimezone(UTC) + timedelta(seconds=float(second)))
        made.append(str(UUID(int=first.int + (number << 20) + int(rng.integers(1 << 20)))))
    return made
