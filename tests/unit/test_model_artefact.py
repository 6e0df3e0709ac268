"""A model's folder is opened as it was sealed, by who has the key, or not at all."""

from __future__ import annotations

import io
import pickle
import shutil
import stat
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ml.store.artefact import (
    ArtefactError,
    Field,
    Signature,
    artefact_key,
    load_tensors,
    open_artefact,
    seal,
    write_tensors,
)
from platform_assets.core.settings import Settings

KEY = b"k" * 64
SIGNATURE = Signature(
    (Field("views_7d", "double"), Field("country", "string", required=False)),
    (Field("score", "double"), Field("label", "long")),
)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    (folder / "more").mkdir()
    write_tensors({"weights": np.arange(6.0).reshape(2, 3)}, folder / "model.safetensors")
    (folder / "more" / "classes.json").write_text('["no", "yes"]')
    seal(folder, "safetensors", SIGNATURE, {"threshold": 0.31, "metric": "f1"}, KEY)
    return folder


def copy(sealed: Path, to: Path) -> Path:
    return Path(shutil.copytree(sealed, to / "copy"))


def test_what_was_sealed_is_what_is_opened(sealed):
    artefact = open_artefact(sealed, KEY)
    assert artefact.kind == "safetensors"
    assert artefact.signature == SIGNATURE
    assert artefact.metadata == {"threshold": 0.31, "metric": "f1"}
    assert artefact.file("more/classes.json").read_text() == '["no", "yes"]'
    assert load_tensors(artefact)["weights"].tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ArtefactError, match="no sealed file"):
        artefact.file("../model.safetensors")


def test_sealing_the_same_files_again_gives_the_same_manifest(sealed):
    before = (sealed / "manifest.json").read_bytes()
    seal(sealed, "safetensors", SIGNATURE, {"metric": "f1", "threshold": 0.31}, KEY)
    assert (sealed / "manifest.json").read_bytes() == before


FILES = ("manifest.json", "model.safetensors", "more/classes.json")


@hypothesis_settings(max_examples=150)
@given(name=st.sampled_from(FILES), place=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_any_changed_byte_of_any_file_is_refused(sealed, name, place, flip):
    path = sealed / name
    whole = path.read_bytes()
    place %= len(whole)
    path.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
    try:
        with pytest.raises(ArtefactError):
            open_artefact(sealed, KEY)
    finally:
        path.write_bytes(whole)
    open_artefact(sealed, KEY)


@hypothesis_settings(max_examples=30)
@given(name=st.sampled_from(FILES), length=st.integers(0, 10_000))
def test_a_file_cut_short_is_refused(sealed, name, length):
    path = sealed / name
    whole = path.read_bytes()
    path.write_bytes(whole[: length % len(whole)])
    try:
        with pytest.raises(ArtefactError):
            open_artefact(sealed, KEY)
    finally:
        path.write_bytes(whole)


@hypothesis_settings(max_examples=30)
@given(key=st.binary(min_size=0, max_size=64).filter(lambda key: key != KEY))
def test_another_key_is_refused(sealed, key):
    with pytest.raises(ArtefactError, match="unknown origin"):
        open_artefact(sealed, key)


def test_a_file_added_removed_or_renamed_is_refused(sealed, tmp_path):
    folder = copy(sealed, tmp_path)
    (folder / "note.txt").write_text("hello")
    with pytest.raises(ArtefactError, match=r"'note\.txt' was not there"):
        open_artefact(folder, KEY)
    (folder / "note.txt").unlink()
    (folder / "more" / "classes.json").rename(folder / "classes.json")
    with pytest.raises(ArtefactError, match="was not there"):
        open_artefact(folder, KEY)
    (folder / "classes.json").unlink()
    with pytest.raises(ArtefactError, match=r"'more/classes\.json' is missing"):
        open_artefact(folder, KEY)


def test_a_link_is_refused_even_to_the_same_bytes(sealed, tmp_path):
    folder = copy(sealed, tmp_path)
    (folder / "more" / "classes.json").rename(tmp_path / "classes.json")
    (folder / "more" / "classes.json").symlink_to(tmp_path / "classes.json")
    with pytest.raises(ArtefactError, match="link"):
        open_artefact(folder, KEY)
    shutil.rmtree(folder / "more")
    (folder / "more").symlink_to(sealed / "more")
    with pytest.raises(ArtefactError, match="link"):
        open_artefact(folder, KEY)


def test_a_folder_without_a_manifest_is_of_unknown_origin(sealed, tmp_path):
    folder = copy(sealed, tmp_path)
    (folder / "manifest.json").unlink()
    with pytest.raises(ArtefactError, match="unknown origin"):
        open_artefact(folder, KEY)
    with pytest.raises(ArtefactError, match="is not a folder"):
        open_artefact(tmp_path / "nothing", KEY)


def test_a_file_that_changes_after_opening_is_not_loaded(sealed, tmp_path):
    artefact = open_artefact(copy(sealed, tmp_path), KEY)
    write_tensors({"weights": np.zeros(6)}, artefact.path / "model.safetensors")
    with pytest.raises(ArtefactError, match="not the file that was sealed"):
        load_tensors(artefact)


def object_array() -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return out.getvalue()


def archive(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "."), content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.pkl", pickle.dumps([1])),
        ("model.joblib", pickle.dumps([1])),
        ("model.pt", archive(data__pkl=pickle.dumps([1]))),
        ("model.onnx", pickle.dumps([1])),
        ("model.skops", pickle.dumps([1])),
        ("model.skops", archive(data__pkl=pickle.dumps([1]))),
        ("model.skops", archive(schema__json=b"{}", data__pkl=pickle.dumps([1]))),
        ("model.skops", archive(schema__json=b"{}", a__npy=object_array())),
        ("model.safetensors", pickle.dumps([1])),
        ("classes.json", pickle.dumps([1])),
        ("notes.txt", pickle.dumps([1])),
        ("model.bin", b"anything"),
        ("model", b"anything"),
        (".hidden", b"anything"),
    ],
)
def test_what_could_run_code_is_never_sealed(sealed, tmp_path, name, content):
    folder = copy(sealed, tmp_path)
    (folder / name).write_bytes(content)
    with pytest.raises(ArtefactError, match="refused"):
        seal(folder, "safetensors", SIGNATURE, {}, KEY)


@pytest.mark.parametrize("metadata", [{"x": float("nan")}, {"x": object()}])
def test_metadata_that_is_no_json_is_refused_and_the_seal_stays(sealed, metadata):
    with pytest.raises(ArtefactError, match="JSON"):
        seal(sealed, "safetensors", SIGNATURE, metadata, KEY)
    open_artefact(sealed, KEY)


def test_a_kind_must_be_known_and_there(sealed):
    with pytest.raises(ArtefactError, match="unknown"):
        seal(sealed, "pickle", SIGNATURE, {}, KEY)
    with pytest.raises(ArtefactError, match=r"no file ends in \.onnx"):
        seal(sealed, "onnx", SIGNATURE, {}, KEY)


def test_a_signature_survives_json_and_a_foreign_one_is_refused():
    assert Signature.from_json(SIGNATURE.to_json()) == SIGNATURE
    for wrong in ({}, {"inputs": [{"name": "x"}], "outputs": []}, {"inputs": 1, "outputs": 1}):
        with pytest.raises(ArtefactError):
            Signature.from_json(wrong)
    with pytest.raises(ArtefactError, match="'float'"):
        Signature.from_json({"inputs": [{"name": "x", "type": "float"}], "outputs": []})


def home(path: Path) -> Settings:
    return Settings(home=path)


def key_in(path: Path) -> bytes:
    return artefact_key(home(path))


def test_processes_that_race_for_the_key_get_the_same_one(tmp_path):
    with ProcessPoolExecutor(4) as pool:
        keys = set(pool.map(key_in, [tmp_path] * 16))
    assert len(keys) == 1
    path = tmp_path / "secrets" / "model_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["model_key"]


def test_a_key_that_others_may_read_is_refused(tmp_path):
    artefact_key(home(tmp_path))
    path = tmp_path / "secrets" / "model_key"
    path.chmod(0o640)
    with pytest.raises(ArtefactError, match="chmod 600"):
        artefact_key(home(tmp_path))


def test_the_environments_key_goes_first_and_a_cluster_needs_it(tmp_path, monkeypatch):
    made = artefact_key(home(tmp_path))
    file = tmp_path / "mounted"
    file.write_text("f" * 64 + "\n")
    monkeypatch.setenv("WEIR_MODEL_KEY_FILE", str(file))
    assert artefact_key(home(tmp_path)) == b"f" * 64
    monkeypatch.setenv("WEIR_MODEL_KEY", "e" * 64)
    assert artefact_key(home(tmp_path)) == b"e" * 64 != made
    monkeypatch.setenv("WEIR_MODEL_KEY", "short")
    with pytest.raises(ArtefactError, match="shorter"):
        artefact_key(home(tmp_path))
    monkeypatch.delenv("WEIR_MODEL_KEY")
    monkeypatch.setenv("WEIR_MODEL_KEY_FILE", str(tmp_path / "nothing"))
    with pytest.raises(ArtefactError, match="cannot be read"):
        artefact_key(home(tmp_path))
    monkeypatch.delenv("WEIR_MODEL_KEY_FILE")
    cluster = home(tmp_path).model_copy(update={"profile": "cluster"})
    with pytest.raises(ArtefactError, match="no key"):
        artefact_key(cluster)
