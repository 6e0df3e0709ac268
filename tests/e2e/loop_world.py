"""The shop's visitors: what they did, what they ask the model server, what they do next.

Belongs here: simulated clickstream through Kafka into silver, and requests with the outcomes that
follow. Does not belong here: any part of the loop that is tested, and any test.

More visitors ask than the history knows: the model serves several shops, each a world of the same
simulator with another seed. Their features are computed as the asset computes them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import httpx
import numpy as np
import polars as pl

from ml.features.daily import ACTIVE_DAYS, HISTORY_DAYS, midnight, population
from ml.features.user import FEATURES, user_features
from ml.models.purchase.label import LABEL, purchased_within
from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.simulate import Shift, simulate_history
from platform_assets.connectors.simulate.clickstream import Clickstream
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.streaming.plan import Broker
from tests.integration.lake import Lake

TOPIC = TopicName("commerce", "clickstream")
AT_ONCE = 1_000
HORIZON = timedelta(days=1)


@dataclass
class World:
    """Days of one simulated shop, the first one's clickstream on its way into silver.

    Attributes:
        settings: where Kafka and the lake are.
        first: first day.
        events: a day, before the shift.
        shift: from when on visitors are others, and how.
        days: how many there are so far.
    """

    settings: Settings
    first: date
    events: int
    shift: Shift
    days: int = 0

    def day(self, number: int) -> date:
        """A day by its number."""
        return self.first + timedelta(days=number)

    def live(self, until: int) -> None:
        """Let visitors come up to the beginning of a day, and wait until silver has it all."""
        start, end = midnight(self.day(self.days)), midnight(self.day(until))
        simulate_history(
            self.settings,
            seed=until,
            events=round(self._weight(start, end) * self.events),
            weeks=(end - start) / timedelta(weeks=1),
            until=end,
            topics=[str(TOPIC)],
            shift=self.shift,
        )
        self.days = until
        self._lake.run()

    def visitors(self, day: int, shops: int) -> pl.DataFrame:
        """Who comes to other shops on a day, and who of them buys on it.

        Returns:
            ``key``, the features at the beginning of the day, and whether they buy within HORIZON.
        """
        at, whole = midnight(self.day(day)), [self.day(day - 1)]
        begin, end = midnight(self.day(day - HISTORY_DAYS)), at + HORIZON
        count = round(self._weight(begin, end) * self.events)
        found = []
        for shop in range(shops):
            rng = np.random.default_rng([shop, day, 7])
            drawn = Clickstream(self.shift).draw(rng, count, _micros(begin), _micros(end))
            events = pl.DataFrame(
                {name: drawn.after[name] for name in ("user_id", "event_type", "price")}
            ).with_columns(pl.Series("timestamp", drawn.times).cast(pl.Datetime("us", "UTC")))
            rows = population(events.filter(pl.col("timestamp") < at), whole, ACTIVE_DAYS)
            known = user_features(events, rows, timedelta(days=HISTORY_DAYS))
            labelled = purchased_within(events, known, HORIZON, end)
            found.append(
                labelled.with_columns(key=pl.format("{}/{}", pl.lit(shop), pl.col("user_id")))
            )
        # In no order: nobody comes by shop and number.
        return pl.concat(found).select("key", *FEATURES, LABEL).sample(
            fraction=1.0, shuffle=True, seed=day
        )  # fmt: skip

    def _weight(self, start: datetime, end: datetime) -> float:
        """Days in an interval, each one after the shift as many as visitors are busier."""
        after = max(timedelta(), end - max(start, self.shift.moment))
        return (end - start - after + self.shift.activity * after) / timedelta(days=1)

    @cached_property
    def _lake(self) -> Lake:
        contract = load_contracts()[TOPIC]
        ids = ensure_topics(self.settings, [contract])
        return Lake(
            self.settings, contract, Encoder(contract, ids[TOPIC], "test"), Broker(self.settings)
        )


@dataclass
class Asked:
    """What the model server answered.

    Attributes:
        predictions: an answer a visitor.
        actual: what each did afterwards.
        seconds: that the requests took.
    """

    predictions: list[dict[str, Any]] = field(default_factory=list)
    actual: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def by(self, version: int) -> int:
        """Answers of a version."""
        return sum(answer["version"] == version for answer in self.predictions)

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Answers that are none."""
        return [answer for answer in self.predictions if "error" in answer]


def ask(address: str, visitors: pl.DataFrame) -> Asked:
    """Have visitors scored, a thousand a request; a status other than 200 raises."""
    asked = Asked(actual=visitors[LABEL].to_list())
    began = time.monotonic()
    with httpx.Client(base_url=address, timeout=60) as client:
        for part in visitors.iter_slices(AT_ONCE):
            rows = [
                {"key": key, "inputs": inputs}
                for key, inputs in zip(
                    part["key"], part.select(FEATURES).iter_rows(named=True), strict=True
                )
            ]
            answer = client.post("/v1/models/purchase/predict_batch", json={"rows": rows})
            answer.raise_for_status()
            asked.predictions += answer.json()["predictions"]
    asked.seconds = time.monotonic() - began
    return asked


def tell(address: str, asked: Asked) -> None:
    """Report what the visitors did, as a shop does: now for a purchase and for none alike."""
    known_at = datetime.now(UTC).isoformat()
    outcomes = [
        {"id": answer["id"], "actual": actual, "known_at": known_at}
        for answer, actual in zip(asked.predictions, asked.actual, strict=True)
    ]
    with httpx.Client(base_url=address, timeout=60) as client:
        for start in range(0, len(outcomes), AT_ONCE):
            part = {"outcomes": outcomes[start : start + AT_ONCE]}
            client.post("/v1/outcomes", json=part).raise_for_status()


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000
