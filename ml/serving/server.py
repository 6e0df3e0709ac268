"""What all routes share: the fleet, the record, and the way from checked rows to answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.background import BackgroundTask

from ml.serving import router
from ml.serving.ids import Ids
from ml.serving.journal import Journal
from ml.serving.log import Prediction, PredictionLog
from ml.serving.metrics import Metrics
from ml.serving.state import Fleet, Service
from platform_assets.core.errors import WeirError

INLINE_ROWS = 20
"""Batches up to this many rows are scored where they are; larger ones in a thread."""


class NoSuchModelError(WeirError):
    """No deployment names the model."""


class NotLoadedError(WeirError):
    """A deployment names the model, and no version of it is in memory (yet)."""


class Server:
    """Fleet, journal, log and metrics of one process."""

    def __init__(self, fleet: Fleet, journal: Journal, log: PredictionLog) -> None:
        """Bring the parts together."""
        self.fleet = fleet
        self.journal = journal
        self.log = log
        self.metrics = Metrics(fleet, journal)
        self.ids = Ids()

    def service(self, model: str) -> Service:
        """What serves a model now; a request keeps it to its end.

        Raises:
            NoSuchModelError: there is no such model.
            NotLoadedError: nothing of it is in memory.
        """
        found = self.fleet.services.get(model)
        if found is not None:
            return found
        if model in self.fleet.errors or not self.fleet.followed:
            why = self.fleet.errors.get(model, "the deployments have not been read yet")
            raise NotLoadedError(f"model {model[:100]} is not loaded: {why}", "try again later")
        known = ", ".join(sorted(self.fleet.services)) or "none"
        raise NoSuchModelError(f"no model {model[:100]!r}", f"served: {known}")

    def score_one(self, service: Service, row: router.Request) -> router.Answer:
        """Score a row and put it on record."""
        found = router.answer(service, row)
        self._record(found.records)
        return found

    async def score(self, service: Service, rows: Sequence[router.Request]) -> list[router.Answer]:
        """Score a batch and put it on record."""
        if len(rows) <= INLINE_ROWS:
            found = router.answers(service, rows)
        else:
            found = await asyncio.to_thread(router.answers, service, rows)
        self._record([record for answer in found for record in answer.records])
        return found

    def shadow(
        self, service: Service, rows: Sequence[router.Request], answers: Sequence[router.Answer]
    ) -> BackgroundTask | None:
        """What the challenger scores after the response went out."""
        wanted = [row for row, answer in zip(rows, answers, strict=True) if answer.shadow]
        return BackgroundTask(self._score_shadows, service, wanted) if wanted else None

    async def _score_shadows(self, service: Service, rows: Sequence[router.Request]) -> None:
        # Not all at once: requests that come meanwhile go first.
        for row in rows:
            self._record((router.shadow(service, row),))
            await asyncio.sleep(0)

    def _record(self, records: Sequence[Prediction]) -> None:
        self.journal.append(records)
        for record in records:
            self.metrics.predicted(record)
