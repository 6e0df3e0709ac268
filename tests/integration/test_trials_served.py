"""The whole loop on a real model server: a broken version is taken out, and no caller sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ml.assets.keys import part_key
from ml.models.purchase.spec import SPEC
from ml.store.artefact import artefact_key, seal
from platform_assets.core.settings import Settings
from platform_assets.local.wait import wait_until
from sensors.rollback import build_rollback_sensor
from tests.integration.model_server import ModelServer, ServedModel
from tests.integration.trial_scene import forget
from tests.kept import Kept
from tests.onnx_models import signature
from tests.ports import free_port_base

MODEL, TRIAL_KEY = SPEC.name, part_key(SPEC.name, "trial")


@pytest.fixture
def model(settings: Settings, tmp_path: Path) -> Iterator[ServedModel]:
    forget(settings, MODEL)
    server = ModelServer(free_port_base())
    server.start()
    yield ServedModel(settings, server, tmp_path, MODEL)
    server.stop()
    forget(settings, MODEL)


def validated(settings: Settings, model: ServedModel, number: int, **kind: object) -> int:
    """A version as training leaves it."""
    folder = model.folder(model.version(number, **kind))
    told = {"threshold": 0.5, "metric": "f1", "validation": {"f1": 0.7}}
    seal(folder, "onnx", signature(), told, artefact_key(settings))
    return number


def test_a_version_that_breaks_is_out_and_no_caller_sees_it(model: ServedModel) -> None:
    settings, kept = model.settings, Kept()
    model.begin(1)
    validated(settings, model, 1)
    model.challenge(validated(settings, model, 2, broken=True), share=0.3)
    statuses = [model.predict(f"user-{number}", -1.0).status_code for number in range(150)]
    sensor = build_rollback_sensor(SPEC, lambda _: kept, lambda: settings)
    with dg.DagsterInstance.ephemeral() as instance:

        def out() -> bool:
            context = dg.build_sensor_context(instance=instance)
            return str(sensor.evaluate_tick(context).skip_message).startswith("rolled back")

        # The window of the requests must be over, and a little more.
        wait_until(out, what="the roll-back of version 2", timeout=60, every=1.0)
        assert instance.get_latest_materialization_event(TRIAL_KEY) is not None
    model.caught_up()
    assert "challenger" not in {model.predict(f"user-{n}", -1.0).json()["arm"] for n in range(50)}
    assert statuses == [200] * 150
    now = model.deployments.current(MODEL)
    assert now is not None
    assert (now.champion, now.challenger) == (1, None)
    assert [note.title for note in kept.got] == ["purchase: version 2 was rolled back; 1 serves"]
