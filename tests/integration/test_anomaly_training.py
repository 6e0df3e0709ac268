"""From history to the registry, and the assets and the run around it; real servers."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

import ml.anomaly.definition
import ml.assets.anomaly
from ml.anomaly.model import AUTOENCODER, champion
from ml.anomaly.training import train_stream
from ml.assets.anomaly import (
    WATCH,
    anomaly_watch_job,
    asset_key,
    build_anomaly_definitions,
    build_scores,
)
from ml.rollout.change import promote
from ml.rollout.deployment import Deployments
from ml.store.artefact import artefact_key, open_artefact
from ml.store.registry import Registry
from platform_assets.streaming.locks import read_lease, request_stop
from tests.anomaly_lake import append, machine_rows, plain_rows, seconds
from tests.integration.test_anomaly_watch import (  # noqa: F401 - fixtures
    END,
    Place,
    machines,
    place,
)

QUICK = ("robust_z", "left_profile", AUTOENCODER)


@pytest.fixture
def labelled(place: Place) -> Place:  # noqa: F811
    place.stream = place.stream.model_copy(update={"label": "fault", "history_days": 30})
    append(place.settings.lake, "industry/machine_readings", machine_rows(30, machines=2), 1)
    return place


def test_the_best_on_held_out_history_is_registered_with_its_lineage(labelled: Place) -> None:
    settings, stream = labelled.settings, labelled.stream
    now = seconds(96 * 30)
    assert champion(settings, stream).version == 0
    outcome = train_stream(settings, stream, now=now, candidates=QUICK)
    assert outcome.judgement is not None
    assert outcome.winner in QUICK
    version = Registry(settings).get(stream.model, outcome.version or 0)
    assert version.aliases == (outcome.alias,)
    assert version.metrics["vus_pr"] == pytest.approx(outcome.judgement.mean(outcome.winner))
    assert version.dataset is not None
    assert version.dataset.table == "silver.industry.machine_readings"
    assert "VUS-PR" in version.card
    assert ("synthetic" in version.card) == (outcome.judgement.evidence == "synthetic")
    artefact = open_artefact(version.artefact, artefact_key(settings))
    assert artefact.kind == "safetensors"
    assert artefact.metadata["detector"] == outcome.winner
    # An autoencoder too comes back from its file and scores.
    only = train_stream(settings, stream, now=now, candidates=(AUTOENCODER,))
    promote(settings, stream.model, version=only.version, reason="by hand", actor="a test")
    back = champion(settings, stream)
    assert (back.version, back.detector) == (only.version, AUTOENCODER)
    detector = back.make("machine-01", "vibration")
    scores = [detector.update(n * 900.0, 2.0 + (n == 200) * 9) for n in range(220)]
    assert int(np.argmax(scores)) >= 200
    # A training that wins goes the same way: it is on record who serves.
    deployments = Deployments(settings)
    assert deployments.current(stream.model).champion == only.version  # type: ignore[union-attr]
    deployments.close()


def test_few_points_are_skipped_with_the_reason(place: Place) -> None:  # noqa: F811
    place.publish(plain_rows({"machine-00": np.ones(40)}), 1)
    outcome = train_stream(place.settings, place.stream, now=END)
    assert "the longest series has 39 intervals, 500 are needed" in outcome.skipped
    assert Registry(place.settings).find(place.stream.model, "champion") is None


def test_the_scores_asset_scores_what_waits(
    place: Place,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place.publish(plain_rows(machines()), 1)
    monkeypatch.setattr(ml.assets.anomaly, "get_settings", lambda: place.settings)
    result = dg.materialize([build_scores(place.stream)], instance=dg.DagsterInstance.ephemeral())
    [event] = result.asset_materializations_for_node(
        asset_key(place.stream, "scores").to_python_identifier()
    )
    assert event.metadata["points_scored"].value > 4000
    assert place.kinds("machine-01")[0] == "opened"


def test_the_long_lived_run_scores_logs_and_drains_when_asked(
    place: Place,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    place.publish(plain_rows(machines()), 1)
    gone = place.stream.model_copy(update={"name": "gone", "table": "energy.meter_readings"})
    streams = {"gone": gone, place.stream.name: place.stream}
    monkeypatch.setattr(ml.assets.anomaly, "get_settings", lambda: place.settings)
    monkeypatch.setattr(ml.assets.anomaly, "load_streams", lambda: streams)
    done: list[dg.ExecuteInProcessResult] = []
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run = threading.Thread(
            target=lambda: done.append(anomaly_watch_job.execute_in_process(instance=instance))
        )
        run.start()
        deadline = time.monotonic() + 60
        while not place.events() and time.monotonic() < deadline:
            time.sleep(0.1)
        lease = read_lease(place.settings, WATCH.lease)
        assert lease is not None
        assert lease.held
        request_stop(place.settings, WATCH.lease, "the test is over")
        run.join(timeout=60)
        assert done[0].success
        record = instance.get_latest_materialization_event(asset_key(place.stream, "scores"))
    assert record is not None
    assert record.asset_materialization is not None
    assert record.asset_materialization.metadata["points_scored"].value > 0
    assert place.kinds("machine-01")[-1] == "recovered"


def test_every_stream_has_its_two_assets_and_the_run_its_lease() -> None:
    found = build_anomaly_definitions()
    keys = {spec.key for spec in found.resolve_all_asset_specs()}
    for stream in ml.anomaly.definition.load_streams().values():
        assert asset_key(stream, "version") in keys
        assert asset_key(stream, "scores") in keys
    assert found.resolve_job_def(WATCH.job)
