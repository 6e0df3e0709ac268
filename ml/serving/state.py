"""Which versions answer: followed from the deployments, loaded beside the old ones, swapped whole.

**No request fails while versions change.** A request takes the model's :class:`Service` once and
keeps it to its end. A new one is built aside (files verified, sessions made and warmed), then one
reference is replaced. The old sessions are freed when the last request that holds them ends. What
cannot be loaded never replaces anything.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ml.canary.share import Split
from ml.rollout.deployment import Deployment
from ml.serving.runtime import Model, OtherKindError, load
from platform_assets.core.databases import DatabaseError
from platform_assets.core.errors import WeirError

POLL_SECONDS = 0.5
RETRY_SECONDS = 10.0
"""Pause before a version that could not be loaded is tried again."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """What serves one model; never changed, only replaced.

    Attributes:
        deployment: the row that it follows.
        champion: answers.
        challenger: on trial; None without one, or where it could not be loaded.
        split: how keys are divided; None without a challenger in memory.
    """

    deployment: Deployment
    champion: Model
    challenger: Model | None
    split: Split | None


@dataclass
class Fleet:
    """All models of the server.

    Attributes:
        services: by model; replaced entry by entry, read without a lock.
        errors: by model, what the deployment asks for and could not be loaded.
        followed: whether the deployments could be read since the start.
        away: whether they could not at the last attempt.
        failures: attempts to load that failed, since the start.
    """

    key: bytes
    services: dict[str, Service] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    followed: bool = False
    away: bool = False
    failures: int = 0
    _tried: dict[str, tuple[int, float]] = field(default_factory=dict)

    def follow(self, deployments: Sequence[Deployment]) -> None:
        """Bring what serves in line with the rows in force; called by one thread only."""
        for row in deployments:
            if self._due(row):
                self._change(row)
        self.followed = True

    @property
    def ready(self) -> bool:
        """Whether requests may come: all was loaded that can be, and not every model failed."""
        return self.followed and (bool(self.services) or not self.errors)

    def _due(self, row: Deployment) -> bool:
        revision, tried = self._tried.get(row.model, (0, 0.0))
        if revision != row.revision:
            return True
        return row.model in self.errors and time.monotonic() - tried >= RETRY_SECONDS

    def _change(self, row: Deployment) -> None:
        problems: list[str] = []
        old = self.services.get(row.model)
        known = _known(old)
        champion = self._version(row, row.champion, known, problems)
        challenger = None
        if champion is not None:
            if row.challenger is not None:
                challenger = self._version(row, row.challenger, known, problems)
                if challenger and not _alike(champion, challenger):
                    problems.append(
                        f"version {row.challenger} needs other inputs than version {row.champion}:"
                        " one request could not be for both"
                    )
                    challenger = None
            split = row.split if challenger else None
            self.services[row.model] = Service(row, champion, challenger, split)
            _logger.info("model %s: revision %d serves", row.model, row.revision)
        if problems:
            self.errors[row.model] = "; ".join(problems)
        else:
            self.errors.pop(row.model, None)
        # Last: whoever sees the revision as tried sees its outcome as well.
        self._tried[row.model] = (row.revision, time.monotonic())

    def _version(
        self, row: Deployment, number: int, known: Mapping[int, Model], problems: list[str]
    ) -> Model | None:
        folder = row.artefacts[number]
        there = known.get(number)
        if there is not None and there.artefact.path == folder:
            return there
        try:
            return load(row.model, number, folder, self.key)
        except (WeirError, OSError) as error:
            unasked = number == row.champion and row.model not in self.services
            if unasked and isinstance(error, OtherKindError):
                # Not one for this server: it never answered here, so nobody misses it.
                _logger.info("%s: passed over", error.message)
                return None
            self.failures += 1
            problems.append(f"version {number} is not loaded: {error}")
            _logger.error(  # noqa: TRY400 - the error says all, a trace adds nothing
                "model %s: version %d is not loaded; the previous version keeps serving: %s",
                row.model, number, error,
            )  # fmt: skip
            return None


class Follower:
    """Reads the deployments twice a second and brings the fleet in line."""

    def __init__(
        self, fleet: Fleet, read: Callable[[], Sequence[Deployment]], reset: Callable[[], None]
    ) -> None:
        """Describe it.

        Args:
            fleet: what to bring in line.
            read: the rows in force.
            reset: drops connections after a failure, so that the next attempt is a fresh one.
        """
        self._fleet = fleet
        self._read = read
        self._reset = reset
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End; waits for a load that is under way."""
        self._ending.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._fleet.follow(self._read())
                self._fleet.away = False
            except DatabaseError as error:
                if not self._fleet.away:
                    _logger.warning(
                        "deployments cannot be read; loaded versions keep serving: %s", error
                    )
                self._fleet.away = True
                self._reset()
            except Exception:
                # The thread must outlive whatever it meets: what serves goes on meanwhile.
                _logger.exception("deployments cannot be followed; loaded versions keep serving")
            self._ending.wait(POLL_SECONDS)


def _alike(one: Model, other: Model) -> bool:
    return one.artefact.signature.inputs == other.artefact.signature.inputs


def _known(service: Service | None) -> dict[int, Model]:
    if service is None:
        return {}
    return {model.version: model for model in (service.champion, service.challenger) if model}
