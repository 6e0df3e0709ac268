"""What Prometheus reads at ``GET /metrics``."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ml.serving.journal import Journal
from ml.serving.log import Prediction
from ml.serving.state import Fleet

_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)


class Metrics:
    """Counters of this server; for one thread, but for what the collector reads."""

    def __init__(self, fleet: Fleet, journal: Journal) -> None:
        """Register them in a registry of their own."""
        self._registry = CollectorRegistry()
        self._predictions = Counter(
            "weir_model_predictions",
            "Predictions by the version that was asked; status ok or failed.",
            ("model", "version", "arm", "shadow", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "weir_model_seconds",
            "Seconds that a version took for one row.",
            ("model", "version", "arm"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._requests = Counter(
            "weir_model_requests",
            "HTTP requests by the status that they got.",
            ("model", "status"),
            registry=self._registry,
        )
        self.outcomes = Counter(
            "weir_model_outcomes",
            "Outcomes received: new, repeated, or refused because another value is stored.",
            ("result",),
            registry=self._registry,
        )
        self._registry.register(_State(fleet, journal))
        # Looking labels up costs more than counting.
        self._known: dict[tuple[str, int, str, bool, bool], tuple[Counter, Histogram]] = {}
        self._statuses: dict[tuple[str, int], Counter] = {}

    def predicted(self, prediction: Prediction) -> None:
        """Count a prediction."""
        key = (
            prediction.model, prediction.version, prediction.arm, prediction.shadow,
            prediction.failed,
        )  # fmt: skip
        there = self._known.get(key)
        if there is None:
            model, version, arm, shadow, failed = key
            status = "failed" if failed else "ok"
            there = self._known[key] = (
                self._predictions.labels(model, version, arm, str(shadow).lower(), status),
                self._seconds.labels(model, version, arm),
            )
        there[0].inc()
        there[1].observe(prediction.seconds)

    def responded(self, model: str, status: int) -> None:
        """Count a response."""
        counter = self._statuses.get((model, status))
        if counter is None:
            counter = self._requests.labels(model, status)
            self._statuses[model, status] = counter
        counter.inc()

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)


class _State(Collector):
    """What is read when it is asked for."""

    def __init__(self, fleet: Fleet, journal: Journal) -> None:
        self._fleet = fleet
        self._journal = journal

    def collect(self) -> Iterable[Metric]:
        """Gauges of the fleet and of the journal."""
        loaded = GaugeMetricFamily(
            "weir_model_loaded",
            "Versions in memory that answer.",
            labels=("model", "version", "arm"),
        )
        share = GaugeMetricFamily(
            "weir_model_share", "Share of the challenger in memory.", labels=("model",)
        )
        for name, service in self._fleet.services.copy().items():
            loaded.add_metric((name, str(service.champion.version), "champion"), 1)
            if service.challenger:
                loaded.add_metric((name, str(service.challenger.version), "challenger"), 1)
            share.add_metric((name,), service.split.share if service.split else 0)
        yield loaded
        yield share
        fleet, journal = self._fleet, self._journal
        for name, text, value in (
            ("weir_model_not_loaded", "Models whose deployment is not served.", len(fleet.errors)),
            ("weir_journal_waiting_bytes", "Not in PostgreSQL yet.", journal.waiting_bytes),
            ("weir_postgres_away", "1: not reached lately.", int(fleet.away or journal.away)),
        ):
            yield GaugeMetricFamily(name, text, value)
        for name, text, value in (
            ("weir_model_load_failures", "Loads that failed.", fleet.failures),
            ("weir_journal_recorded", "Predictions recorded.", journal.recorded),
            ("weir_journal_carried", "Predictions handed to PostgreSQL.", journal.carried),
            ("weir_journal_lost", "Answered, not recorded.", journal.lost),
            ("weir_journal_refused", "Records kept aside.", journal.refused),
        ):
            yield CounterMetricFamily(name, text, value)
