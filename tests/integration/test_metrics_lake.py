"""What Prometheus reads of the lake: asked of the running model server, and parsed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from platform_assets.connectors.seam.pull import StreamOutcome
from platform_assets.connectors.seam.state import SourceStates
from platform_assets.core.settings import Settings
from platform_assets.gold.held import HeldModels
from platform_assets.metrics import LakeMetrics
from platform_assets.processors.hot.database import hot_database
from platform_assets.processors.hot.figures import Figures, Seen, note
from platform_assets.streaming.topics import TopicStates
from tests.integration.lake import START, open_lake
from tests.integration.model_server import ModelServer
from tests.ports import free_port_base


@pytest.fixture(scope="module")
def server(stack: Settings) -> Iterator[ModelServer]:
    made = ModelServer(free_port_base()).start()
    yield made
    made.stop()


def scraped(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """(sample, values of its labels) -> value."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_sources_streams_and_gold_are_there(server: ModelServer, stack: Settings) -> None:
    name, model = f"shop_{uuid.uuid4().hex[:6]}", f"model_{uuid.uuid4().hex[:6]}"
    states = SourceStates(stack)
    states.add(name, StreamOutcome("orders", "shop.orders", 40, 2, 4, 4000, 0.5, lag=1.5))
    states.add(name, StreamOutcome("orders", "shop.orders", error="it does not answer"))
    states.pause(name, "a test")
    states.close()
    held = HeldModels(stack)
    held.hold(model, "it fails", 3)
    hot = hot_database(stack)
    for _ in range(2):
        done = Figures(taken=5, results=3, dead_letters=1, busy_seconds=0.25)
        note(hot, name, done, Seen(4, 1.5, 0.1, None, 0.3), "words-1")
    hot.close()
    lake = open_lake(stack)
    lake.send([("e1", lake.value("e1", START)), ("e2", lake.value("e2", START, price=-1.0))])
    lake.run()
    TopicStates(stack).note(lake.topic, lag=7)

    answer = server.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain")
    found, stream, topic = scraped(answer.text), (name, "orders", "shop.orders"), (str(lake.topic),)
    assert found["weir_lake_up", ()] == 1
    assert found["weir_processor_taken_total", (name,)] == 10
    assert found["weir_processor_dead_letters_total", (name,)] == 2
    assert found["weir_processor_lag_records", (name,)] == 4
    assert found["weir_processor_latency_seconds", (name, "0.99")] == 0.3
    assert ("weir_processor_latency_seconds", (name, "0.95")) not in found
    assert found["weir_source_records_total", stream] == 40
    assert found["weir_source_bytes_total", stream] == 4000
    assert found["weir_source_busy_seconds_total", stream] == 0.5
    assert found["weir_source_dead_letters", stream] == 2
    assert found["weir_source_failures", stream] == 1
    assert ("weir_source_lag_seconds", stream) not in found
    assert found["weir_source_read_timestamp_seconds", stream] > 1e9
    assert found["weir_source_row_timestamp_seconds", stream] > 1e9
    assert found["weir_source_paused", (name,)] == 1
    assert found["weir_stream_records_total", topic] == 2
    assert found["weir_stream_published_total", topic] == 1
    assert found["weir_stream_quarantined_total", topic] == 1
    assert found["weir_stream_lag_records", topic] == 7
    assert found["weir_stream_state", ("running", *topic)] == 1
    assert found["weir_gold_failures", (model,)] == 3
    assert found["weir_gold_held", ()] >= 1
    held.release(model)
    held.close()


def test_the_gate_stands_before_them(server: ModelServer) -> None:
    answer = httpx.get(f"{server.address}/metrics", headers={"Host": "evil.example"}, timeout=10)
    assert answer.status_code == 400


def test_a_database_that_is_away_fails_no_scrape(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = stack.model_copy(update={"postgres_port": 1})
    assert scraped(LakeMetrics(away).text().decode()) == {("weir_lake_up", ()): 0}
