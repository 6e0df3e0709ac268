"""From labelled texts to the registry and back: the command, the asset, the champion."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from ml.assets.text import build_text_definitions
from ml.store.registry import Registry
from ml.store.tracking import open_client
from ml.text import entity_training
from ml.text.gazetteer import Gazetteer
from ml.text.published import load
from ml.text.reader import read
from ml.text.trained import ENTITIES, SENTIMENT
from platform_assets.cli.app import build
from platform_assets.core.settings import Settings, get_settings
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
