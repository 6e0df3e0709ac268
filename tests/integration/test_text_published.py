"""From labelled texts to the registry and back: the command, the asset, the champion."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import httpx
import polars as pl
import pytest
import uvicorn
from typer.testing import CliRunner

from ml.assets.enriched import build_enriched_definitions
from ml.assets.text import build_text_definitions
from ml.serving.__main__ import build as serving_app
from ml.store.registry import Registry
from ml.store.tracking import open_client
from ml.text import entity_training
from ml.text.gazetteer import Gazetteer
from ml.text.published import load, load_named
from ml.text.reader import read
from ml.text.trained import ENTITIES, SENTIMENT
from platform_assets.cli.app import build
from platform_assets.contracts.load import derived_contracts, load_contracts
from platform_assets.core.settings import LOOPBACK, Settings, get_settings
from platform_assets.graph.upkeep.delta import maintain_topic
from platform_assets.local.wait import wait_until
from platform_assets.processors.model import FEEDBACK
from reports.assets.insights import build_insight_definitions
from tests.integration import gold_rows
from tests.ports import free_port_base
from tests.text_corpora import write_opinions, write_sentences

TEXT = "Anna Berg loves Oslo for 5 EUR ."


@pytest.fixture(scope="module")
def place(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a registry without models of texts."""
    client = open_client(settings)
    for model in (SENTIMENT, ENTITIES):
        if model in Registry(settings).models():
            client.delete_registered_model(model)
    get_settings.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEIR_HOME", str(settings.home))
        patch.setenv("WEIR_PORT_BASE", str(settings.port_base))
        patch.setattr(entity_training, "known_names", lambda: Gazetteer.of({"place": ["Oslo"]}))
        yield settings
    get_settings.cache_clear()


def weir(*arguments: str) -> str:
    done = CliRunner().invoke(build(), arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_train_read_and_the_champion(place: Settings, tmp_path: Path):
    (before,) = [json.loads(line) for line in weir("text", "read", TEXT).splitlines()]
    assert before["sentiment"] is None
    assert [one["kind"] for one in before["entities"]] == ["money"]
    assert len(before["missing"]) == 2

    write_opinions(tmp_path / "moods")
    write_sentences(tmp_path / "names")
    said = weir("text", "train", "--data", str(tmp_path), "--reason", "first")
    assert "text_sentiment: version 1 is champion" in said
    assert "span_f1_de" in said

    (after,) = [json.loads(line) for line in weir("text", "read", TEXT).splitlines()]
    assert after["sentiment"]["label"] == "positive"
    assert after["missing"] == []
    assert [(one["kind"], one["text"]) for one in after["entities"]] == [
        ("person", "Anna Berg"), ("place", "Oslo"), ("money", "5 EUR"),
    ]  # fmt: skip
    assert all(TEXT[one["start"] : one["end"]] == one["text"] for one in after["entities"])
    (reading,) = read([TEXT], load(place))
    found = json.loads(json.dumps(reading.to_json()))
    assert {name: after[name] for name in found} == found
    assert after["category"]

    version = Registry(place).get(ENTITIES, "champion")
    assert version.tags["weir/reason"] == "first"
    assert version.metrics["f1"] > 0.8
    assert "last 30%" in version.card


def test_the_asset_trains_where_data_is_and_says_what_is_missing(place: Settings, tmp_path: Path):
    write_opinions(tmp_path)
    assets = list(build_text_definitions().assets or [])
    config = {"config": {"data": str(tmp_path)}}
    done = dg.materialize(
        assets,
        run_config={"ops": {f"models__{name}__version": config for name in (SENTIMENT, ENTITIES)}},
    )
    assert done.success
    made = {
        event.asset_key.path[1]: {k: v.value for k, v in event.metadata.items()}
        for event in (e.materialization for e in done.get_asset_materialization_events())
    }
    assert made[SENTIMENT]["alias"] == "champion"
    assert made[SENTIMENT]["metric/f1"] > 0.9
    assert "iob2" in made[ENTITIES]["skipped"]
    assert str(tmp_path) in made[ENTITIES]["skipped"]


def test_a_day_of_the_lake_is_understood_and_summed_up(
    place: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WEIR_LAKE_ROOT", str(tmp_path))
    get_settings.cache_clear()
    contracts = load_contracts()
    for source in FEEDBACK.inputs:
        known = contracts[source.topic]
        gold_rows.write(
            tmp_path, source.topic.silver, gold_rows.frame(known, gold_rows.rows(known, 40))
        )
    day = (gold_rows.FIRST + timedelta(days=1)).date()
    assets = [
        *(build_enriched_definitions().assets or []),
        *(build_insight_definitions().assets or []),
    ]
    done = dg.materialize(assets, partition_key=day.isoformat())
    assert done.success
    texts = pl.read_delta(str(tmp_path / "silver/feedback/enriched"))
    assert set(texts["event_date"]) == {day}
    assert 0 < texts.height < 80
    assert texts["sentiment"].null_count() < texts.height  # the champion judged
    assert texts["functions"].str.contains(r"text_sentiment \d").all()
    insights = pl.read_delta(str(tmp_path / "silver/feedback/insights"))
    assert set(insights["kind"]) == {"figures"}
    assert set(insights["category"]) == set(texts["category"].drop_nulls())
    assert insights["missing"].str.contains("WEIR_LLM_URL").all()
    for table in derived_contracts():
        upkept = maintain_topic(get_settings(), table, date(2026, 11, 30))
        assert {one.table for one in upkept} == {table.topic.silver}
    get_settings.cache_clear()


def test_the_model_server_reads_for_others_as_its_champions_do(place: Settings):
    texts = [TEXT, "I hate the awful train", "", "12", *["we like Oslo ."] * 70]
    with serving(place) as address:
        remote = place.model_copy(
            update={
                "text_sentiment": f"kserve:{address}/text_sentiment",
                "text_entities": f"kserve:{address}/text_entities",
            }
        )
        models, version = load_named(remote)
        assert "kserve text_sentiment " in version
        assert read(texts, models) == read(texts, load(place))
        refused = httpx.post(
            f"{address}/v2/models/text_sentiment/infer", json={"inputs": []}, timeout=10
        )
        assert refused.status_code == 422
        assert "one tensor" in refused.json()["error"]["message"]


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """The model server, in this process: its models are imported already; and where it is."""
    port = free_port_base()
    app = serving_app(settings, port)
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started, what="the model server", timeout=30)
        yield f"http://{LOOPBACK}:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
