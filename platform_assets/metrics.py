"""The lake for Prometheus: sources, streams, processors and fresh gold, as PostgreSQL has them.

Belongs here: families over figures that other rooms keep. Does not belong here: counting
(``streaming``, ``connectors``), the server that hands them out (``ml/serving``), health for people
(``connectors/operate``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from platform_assets.connectors.seam.cost import Prices
from platform_assets.connectors.seam.definition import load_prices
from platform_assets.connectors.seam.state import SourceStates, StreamState
from platform_assets.core.databases import SHORT
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.gold.held import HeldModels
from platform_assets.processors.hot.database import hot_database
from platform_assets.processors.hot.figures import states
from platform_assets.streaming.topics import TopicStates

_KEPT_SECONDS = 5.0
_PRICES_SECONDS = 60.0


class LakeMetrics(Collector):
    """Figures of the lake; asks PostgreSQL when it is scraped, every five seconds at most.

    A database that is away makes no scrape fail: ``weir_lake_up`` is 0 then, and there is no more.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._source_states = SourceStates(settings, SHORT)
        self._held = HeldModels(settings)
        self._hot = hot_database(settings)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self._kept, self._kept_at = b"", 0.0
        self._priced: dict[str, Prices] = {}
        self._priced_at = -_PRICES_SECONDS

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        if not self._kept or time.monotonic() - self._kept_at > _KEPT_SECONDS:
            self._kept, self._kept_at = generate_latest(self._registry), time.monotonic()
        return self._kept

    def describe(self) -> list[Metric]:
        """Nothing: registering asks no database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The families."""
        up = GaugeMetricFamily("weir_lake_up", "Whether the figures of the lake could be read.")
        try:
            found = [*self._sources(), *self._streams(), *self._processors(), *self._gold()]
        except WeirError:
            found = []
        up.add_metric([], float(bool(found)))
        yield up
        yield from found

    def _sources(self) -> list[Metric]:
        labels = ("source", "stream", "topic")
        records = CounterMetricFamily("weir_source_records", "Rows sent as events.", labels=labels)
        sent = CounterMetricFamily("weir_source_bytes", "Bytes of their values.", labels=labels)
        requests = CounterMetricFamily(
            "weir_source_requests", "Requests sent over HTTP, where there are some.", labels=labels
        )
        busy = CounterMetricFamily(
            "weir_source_busy_seconds", "Seconds spent on mapping and committing.", labels=labels
        )
        dead = GaugeMetricFamily(
            "weir_source_dead_letters", "Rows that wait as dead letters.", labels=labels
        )
        failures = GaugeMetricFamily(
            "weir_source_failures", "Reads in a row that failed.", labels=labels
        )
        lag = GaugeMetricFamily(
            "weir_source_lag_seconds", "Behind the source, where it says so.", labels=labels
        )
        read = GaugeMetricFamily(
            "weir_source_read_timestamp_seconds", "When it was last read well.", labels=labels
        )
        rows = GaugeMetricFamily(
            "weir_source_row_timestamp_seconds", "When its last rows came.", labels=labels
        )
        paused = GaugeMetricFamily(
            "weir_source_paused", "1: a person paused it.", labels=("source",)
        )
        streams, pauses = self._source_states.streams(), self._source_states.pauses()
        for one in streams:
            values = [one.source, one.stream, one.topic]
            records.add_metric(values, one.records)
            sent.add_metric(values, one.bytes)
            busy.add_metric(values, one.busy_seconds)
            if one.requests:
                requests.add_metric(values, one.requests)
            dead.add_metric(values, one.dead_letters)
            failures.add_metric(values, one.failures)
            if one.lag_seconds is not None:
                lag.add_metric(values, one.lag_seconds)
            if one.read_at is not None:
                read.add_metric(values, one.read_at.timestamp())
            if one.row_at is not None:
                rows.add_metric(values, one.row_at.timestamp())
        for name in sorted({one.source for one in streams} | set(pauses)):
            paused.add_metric([name], float(name in pauses))
        costs = self._costs(streams)
        return [records, sent, busy, requests, dead, failures, lag, read, rows, paused, *costs]

    def _costs(self, streams: Sequence[StreamState]) -> list[Metric]:
        """What each source with a price costs."""
        labels = ("source", "currency")
        day = GaugeMetricFamily(
            "weir_source_cost_day", "What the last 24 hours cost.", labels=labels
        )
        month = GaugeMetricFamily(
            "weir_source_cost_month", "What 30 such days cost.", labels=labels
        )
        budget = GaugeMetricFamily(
            "weir_source_cost_budget", "A month's budget, where there is one.", labels=labels
        )
        for name, prices in self._prices().items():
            cost = prices.cost([one.day for one in streams if one.source == name])
            day.add_metric([name, cost.currency], float(cost.day))
            month.add_metric([name, cost.currency], float(cost.month))
            if cost.budget is not None:
                budget.add_metric([name, cost.currency], float(cost.budget))
        return [day, month, budget]

    def _prices(self) -> dict[str, Prices]:
        """The prices as the sources' files stated them a minute ago at most."""
        if time.monotonic() - self._priced_at > _PRICES_SECONDS:
            self._priced, self._priced_at = load_prices(), time.monotonic()
        return self._priced

    def _streams(self) -> list[Metric]:
        sums = {
            name: CounterMetricFamily(f"weir_stream_{name}", text, labels=("topic",))
            for name, text in (
                ("records", "Records taken from the log."),
                ("published", "Rows published to silver."),
                ("quarantined", "Rows that broke a rule."),
                ("duplicates", "Rows whose key was there."),
                ("dead_letters", "Records that could not be decoded."),
                ("late", "Rows behind the watermark."),
            )
        }
        lag = GaugeMetricFamily(
            "weir_stream_lag_records", "Records that waited when last seen.", labels=("topic",)
        )
        batch = GaugeMetricFamily(
            "weir_stream_last_batch", "Number of the newest micro-batch.", labels=("topic",)
        )
        at = GaugeMetricFamily(
            "weir_stream_published_timestamp_seconds", "When it was published.", labels=("topic",)
        )
        state = GaugeMetricFamily(
            "weir_stream_state", "1 for the state that holds.", labels=("topic", "state")
        )
        for row in TopicStates(self._settings).rows():
            for name, family in sums.items():
                family.add_metric([row.topic], getattr(row, name))
            lag.add_metric([row.topic], row.lag)
            batch.add_metric([row.topic], row.last_id)
            if row.last_at is not None:
                at.add_metric([row.topic], row.last_at.timestamp())
            for name in ("running", "paused", "halted", "retrying"):
                state.add_metric([row.topic, name], float(row.state == name))
        return [*sums.values(), lag, batch, at, state]

    def _processors(self) -> list[Metric]:
        labels = ("processor",)
        sums = {
            name: CounterMetricFamily(f"weir_processor_{name}", text, labels=labels)
            for name, text in (
                ("taken", "Records taken from the log."),
                ("results", "Texts that were understood."),
                ("routed", "Texts that took the costly step."),
                ("rejected", "Records that broke a rule."),
                ("dead_letters", "Records that could not be read."),
                ("stored", "Rows that are new in the hot path."),
                ("busy_seconds", "Seconds spent on making results."),
            )
        }
        lag = GaugeMetricFamily("weir_processor_lag_records", "Offsets that wait.", labels=labels)
        rate = GaugeMetricFamily(
            "weir_processor_rate", "Results a second, over the last minute.", labels=labels
        )
        seen = GaugeMetricFamily(
            "weir_processor_seen_timestamp_seconds", "When it was last alive.", labels=labels
        )
        latency = GaugeMetricFamily(
            "weir_processor_latency_seconds",
            "From the broker to the stored row, over the last minute.",
            labels=("processor", "quantile"),
        )
        for one in states(self._hot):
            for name, family in sums.items():
                family.add_metric([one.processor], getattr(one, name))
            lag.add_metric([one.processor], one.lag)
            rate.add_metric([one.processor], one.rate)
            seen.add_metric([one.processor], one.seen_at.timestamp())
            for quantile, value in (("0.5", one.p50), ("0.95", one.p95), ("0.99", one.p99)):
                if value is not None:
                    latency.add_metric([one.processor, quantile], value)
        return [*sums.values(), lag, rate, seen, latency]

    def _gold(self) -> list[Metric]:
        failures = GaugeMetricFamily(
            "weir_gold_failures", "Tries of a held fresh model that failed.", labels=("model",)
        )
        rows = self._held.rows()
        for row in rows:
            failures.add_metric([row.model], row.failures)
        return [GaugeMetricFamily("weir_gold_held", "Fresh models held back.", len(rows)), failures]
