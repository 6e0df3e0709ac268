"""One behaviour of the registry, whether MLflow has a server or not."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from ml.store.artefact import ArtefactError, artefact_key, load_tensors, open_artefact
from ml.store.registry import Registry, RegistryError
from platform_assets.core.settings import Settings, get_settings
from platform_assets.local import supervise
from platform_assets.local.wait import wait_until
from tests.ports import free_port_base

from .sealed_model import DATASET, register, sealed_folder

BACKENDS = ("no server", "server")


def python(script: str, settings: Settings, *arguments: str, code: int = 0) -> str:
    """Run a script as a process of its own, which may crash."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={
            **os.environ,
            "WEIR_HOME": str(settings.home),
            "WEIR_PORT_BASE": str(settings.port_base),
            "WEIR_MLFLOW_URI": settings.mlflow_uri,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def without_server(
    weir_home: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """MLflow over a PostgreSQL of its own; two processes that start at once make its tables."""
    settings = Settings(home=tmp_path_factory.mktemp("registry"), port_base=free_port_base())
    script = (
        "from ml.store.registry import Registry; "
        "from platform_assets.core.settings import get_settings; "
        "print(Registry(get_settings()).models())"
    )
    try:
        supervise.start(settings, ("postgres",))
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda _: python(script, settings), range(2)))
        assert answers == ["[]\n", "[]\n"]
        yield settings
    finally:
        supervise.stop(settings)


@pytest.fixture(scope="module")
def with_server(
    weir_home: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port_base()
    uri = f"http://127.0.0.1:{port}"
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [
                sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port),
                "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
                "--artifacts-destination", str(folder / "artifacts"),
            ],
            cwd=folder,
            env={
                **os.environ,
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
            stdout=log,
            stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        wait_until(
            lambda: httpx.get(f"{uri}/health", timeout=2).is_success, what="MLflow", timeout=120
        )
        yield get_settings().model_copy(update={"mlflow_uri": uri})
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(20)


@pytest.fixture(params=BACKENDS)
def settings(request: pytest.FixtureRequest) -> Settings:
    name = "with_server" if request.param == "server" else "without_server"
    found: Settings = request.getfixturevalue(name)
    return found


@pytest.fixture
def model() -> str:
    return f"m{uuid.uuid4().hex[:8]}"


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    return sealed_folder(settings, tmp_path / "model")


def test_a_version_comes_back_as_it_was_registered(settings, model, folder):
    tags = {"weir/reason": "the data drifted", "weir/dagster_run": "0f3c"}
    plots = {"calibration.svg": b"<svg/>"}
    version = register(settings, model, folder, tags=tags, plots=plots)
    registry = Registry(settings)
    found = registry.get(model, 1)
    assert found == version
    assert (found.model, found.number, found.aliases) == (model, 1, ())
    assert found.params == {"depth": "3", "seed": "7"}
    assert found.metrics == {"f1": 0.5, "roc_auc": 0.75}
    assert found.dataset == DATASET
    assert found.code_version == "abc123"
    assert found.card.startswith("# Purchase")
    assert found.tags["weir/reason"] == "the data drifted"
    assert found.tags["weir/dagster_url"] == f"{settings.dagster_url}/runs/0f3c"
    assert json.loads(found.tags["weir/signature"])["inputs"][0]["name"] == "views_7d"
    assert found.artefact != folder
    artefact = open_artefact(found.artefact, artefact_key(settings))
    assert load_tensors(artefact)["weight"] == [1.0]
    assert model in registry.models()


def test_what_people_look_at_lies_beside_the_run(settings, model, folder):
    from mlflow import MlflowClient

    from ml.store.tracking import open_client

    version = register(settings, model, folder, plots={"calibration.svg": b"<svg/>"})
    client: MlflowClient = open_client(settings)
    names = {file.path for file in client.list_artifacts(version.run_id)}
    assert names == {"README.md", "model", "plots"}
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    (logged,) = run.inputs.dataset_inputs
    assert logged.dataset.name == DATASET.table
    assert json.loads(logged.dataset.source)["version"] == 7
    assert json.loads(logged.dataset.profile) == {"num_rows": 1200}


def test_versions_are_counted_up_and_listed_newest_first(settings, model, folder):
    registry = Registry(settings)
    assert registry.versions(model) == []
    for f1 in (0.1, 0.2, 0.3):
        register(settings, model, folder, metrics={"f1": f1})
    listed = registry.versions(model)
    assert [(v.number, v.metrics["f1"]) for v in listed] == [(3, 0.3), (2, 0.2), (1, 0.1)]


def test_an_alias_points_to_one_version(settings, model, folder):
    registry = Registry(settings)
    register(settings, model, folder)
    register(settings, model, folder)
    registry.set_alias(model, "champion", 1)
    registry.set_alias(model, "champion", 2)
    registry.set_alias(model, "challenger", 1)
    assert registry.get(model, "champion").number == 2
    assert registry.aliases(model) == {"champion": 2, "challenger": 1}
    assert [v.aliases for v in registry.versions(model)] == [("champion",), ("challenger",)]
    registry.drop_alias(model, "challenger")
    registry.drop_alias(model, "challenger")
    assert registry.find(model, "challenger") is None
    with pytest.raises(RegistryError):
        registry.set_alias(model, "champion", 9)
    assert registry.get(model, "champion").number == 2


def test_what_is_not_there_is_none_or_an_error_that_lists_what_is(settings, model, folder):
    registry = Registry(settings)
    assert registry.find(model, 1) is None
    assert registry.aliases(model) == {}
    registry.drop_alias(model, "champion")
    with pytest.raises(RegistryError, match=f"model '{model}' has no version 1"):
        registry.get(model, 1)
    register(settings, model, folder)
    registry.set_alias(model, "champion", 1)
    with pytest.raises(RegistryError, match="it has 1 champion"):
        registry.get(model, 2)


def test_a_long_card_comes_back_whole(settings, model, folder):
    card = "# Card\n\n" + "A long story. " * 2000
    register(settings, model, folder, card=card)
    registry = Registry(settings)
    assert registry.get(model, 1).card == card
    assert len(registry.versions(model)[0].card) < 5000


def test_more_parameters_than_one_request_takes_are_all_kept(settings, model, folder):
    params = {f"p{n}": n for n in range(250)}
    register(settings, model, folder, params=params)
    assert len(Registry(settings).get(model, 1).params) == 250


CRASH = """
import os, sys
from pathlib import Path
from mlflow import MlflowClient
from platform_assets.core.settings import get_settings
from tests.integration.sealed_model import register
MlflowClient.create_model_version = lambda *_, **__: os._exit(9)
register(get_settings(), sys.argv[1], Path(sys.argv[2]))
"""


def test_a_crash_before_the_entry_leaves_no_version(settings, model, folder):
    python(CRASH, settings, model, str(folder), code=9)
    registry = Registry(settings)
    assert registry.versions(model) == []
    assert model not in registry.models()
    assert register(settings, model, folder).number == 1


def test_versions_registered_at_once_are_all_there(settings, model, tmp_path):
    def one(n: int) -> Any:
        return register(settings, model, sealed_folder(settings, tmp_path / str(n), n))

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(one, range(4)))
    assert sorted(v.number for v in made) == [1, 2, 3, 4]
    for n, version in enumerate(made):
        again = Registry(settings).get(model, version.number)
        artefact = open_artefact(again.artefact, artefact_key(settings))
        assert load_tensors(artefact)["weight"] == [n]


def test_only_what_was_sealed_here_is_registered(settings, model, folder):
    (folder / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(ArtefactError):
        register(settings, model, folder)
    assert Registry(settings).versions(model) == []


@pytest.mark.parametrize("name", ["", "Purchase", "a/b", "../x", "a'b", "a b"])
def test_a_name_that_could_be_a_path_or_a_query_is_refused(settings, folder, name):
    with pytest.raises(RegistryError, match="not a valid model name"):
        register(settings, name, folder)


def test_files_that_were_changed_in_the_store_are_not_given(without_server, model, tmp_path):
    folder = sealed_folder(without_server, tmp_path / "model")
    version = register(without_server, model, folder)
    with (version.artefact / "model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ArtefactError, match="not the file that was sealed"):
        Registry(without_server).get(model, 1)
    assert [v.number for v in Registry(without_server).versions(model)] == [1]


def test_a_servers_files_come_once_and_again_where_the_copy_is_damaged(
    with_server, model, tmp_path
):
    version = register(with_server, model, sealed_folder(with_server, tmp_path / "model"))
    file = version.artefact / "model.safetensors"
    first = file.stat().st_ino
    registry = Registry(with_server)
    assert registry.get(model, 1).artefact == version.artefact
    assert file.stat().st_ino == first
    file.write_bytes(b"damaged")
    assert registry.get(model, 1).artefact == version.artefact
    assert file.stat().st_ino != first
    assert [path.name for path in version.artefact.parent.iterdir() if path.name[0] == "."] == []


def test_a_server_has_a_page_for_each_version(with_server, without_server, model, tmp_path):
    version = register(with_server, model, sealed_folder(with_server, tmp_path / "model"))
    page = Registry(with_server).link(version)
    assert page == f"{with_server.mlflow_uri}/#/models/{model}/versions/1"
    assert httpx.get(page, timeout=10).is_success
    assert Registry(without_server).link(version) == ""


def test_a_server_that_is_away_is_an_error_with_a_remedy(weir_home):
    uri = f"http://user:hidden@127.0.0.1:{free_port_base()}"
    settings = get_settings().model_copy(update={"mlflow_uri": uri})
    began = time.monotonic()
    with pytest.raises(RegistryError, match=r"WEIR_MLFLOW_URI") as caught:
        Registry(settings).versions("purchase")
    assert time.monotonic() - began < 30
    assert "hidden" not in str(caught.value)


def test_a_server_that_never_answers_is_given_up_after_the_timeout(weir_home, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = get_settings().model_copy(update={"mlflow_uri": uri})
        began = time.monotonic()
        with pytest.raises(RegistryError, match="did not answer in time"):
            Registry(settings).models()
        assert time.monotonic() - began < 15


def test_without_postgresql_the_error_names_it_and_no_password(weir_home, tmp_path):
    password = tmp_path / "password"
    password.write_text("hidden-word")
    changes = {"postgres_port": free_port_base(), "postgres_password_file": password}
    with pytest.raises(RegistryError, match="weir up") as caught:
        Registry(get_settings().model_copy(update=changes)).models()
    assert "hidden-word" not in str(caught.value)


def test_a_wrong_password_is_refused_also_after_a_right_one(without_server, tmp_path):
    Registry(without_server).models()
    password = tmp_path / "password"
    password.write_text("hidden-word")
    changed = without_server.model_copy(update={"postgres_password_file": password})
    with pytest.raises(RegistryError, match="model registry is unavailable") as caught:
        Registry(changed).models()
    assert "hidden-word" not in str(caught.value)


def test_an_address_that_is_no_servers_is_refused(weir_home):
    settings = get_settings().model_copy(update={"mlflow_uri": "sqlite:///models.db"})
    with pytest.raises(RegistryError, match="not the address of a server"):
        Registry(settings).models()


def test_mlflow_sends_no_telemetry(settings):
    Registry(settings).models()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
