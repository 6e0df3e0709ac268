"""What a simulation made, as plain numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from platform_assets.connectors.simulate.weave import TopicCounts


@dataclass
class SimulationResult:
    """Counts of one run, over all topics and by topic.

    Attributes:
        seed: the seed.
        until: end of the simulated history (event time), or None for a live run.
        topics: counts by topic.
        seconds: how long it took.
    """

    seed: int
    until: datetime | None
    topics: dict[str, TopicCounts] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def events(self) -> int:
        """Records produced."""
        return sum(counts.events for counts in self.topics.values())

    def add(self, topic: str, counts: TopicCounts) -> None:
        """Add a batch of a topic."""
        self.topics.setdefault(topic, TopicCounts()).add(counts)

    def as_json(self) -> dict[str, Any]:
        """The result as JSON types."""
        return {
            "seed": self.seed,
            "until": self.until.isoformat() if self.until else None,
            "events": self.events,
            "seconds": round(self.seconds, 3),
            "topics": {
                name: {**asdict(counts), "good": counts.good}
                for name, counts in sorted(self.topics.items())
            },
        }
