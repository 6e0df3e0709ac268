"""The exported graph against sentence-transformers, its cache and its threads."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from platform_assets.core.settings import get_settings
from reports.knowledge.embed import (
    Embedder,
    SentenceEmbedder,
    exported,
    model_folder,
    shared_embedder,
)
from reports.knowledge.embed_onnx import OnnxEmbedder
from reports.knowledge.model import KnowledgeError

MODEL = "all-MiniLM-L6-v2"
TEXTS = (
    "",
    " \n\t ",
    "weir",
    "Net sales rose by 13.5 % in week 50, chiefly in Germany and France.",
    "The committee met. " * 200,
    "x" * 5_000,
    "東京の売上は増加した。大阪では横ばいだった。",
    "ارتفعت المبيعات الصافية في الأسبوع الماضي",
    "Zoë's café — naïve façade, ÅNGSTRÖM, ﬁ ligature",
    "👩‍👩‍👧‍👦 🎄 sold out 🚀🚀🚀",
    "a\u0000b\u200bc\ufeffd\u0301e",
    "[CLS] [SEP] [MASK] <b>now</b> {{ 7 * 7 }}",
    "1234567890 " * 40,
    "Was ist ein Wehr? Ein Bauwerk, das staut und misst.",
    "Что такое плотина?",
)  # fmt: skip
"""More than one batch, of all lengths."""
SHORT = [text for text in TEXTS if len(text) < 100]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return shared_embedder(MODEL, get_settings().cache)


def test_vectors_are_those_of_sentence_transformers(embedder: Embedder) -> None:
    ours = embedder.embed(TEXTS)
    theirs = SentenceEmbedder(MODEL).embed(TEXTS)
    assert isinstance(embedder, OnnxEmbedder)
    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape
    assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    cosines = (ours.astype(np.float64) * theirs).sum(axis=1)
    assert cosines.min() >= 0.99999, dict(zip(TEXTS, cosines, strict=True))
    # Texts that mean something else stay apart: the law above is not one of constants.
    assert (ours[6:] @ ours[3]).max() < 0.9


def test_a_vector_does_not_depend_on_company_or_threads(embedder: Embedder) -> None:
    assert isinstance(embedder, OnnxEmbedder)
    many = OnnxEmbedder(
        MODEL, lambda: model_folder(MODEL), lambda: exported(MODEL, get_settings().cache), 3
    )
    with ThreadPoolExecutor(3) as pool:
        told = list(pool.map(many.embed, [SHORT, SHORT[::-1], SHORT]))
    alone = np.concatenate([embedder.embed([text]) for text in SHORT])
    for vectors in (told[0], told[1][::-1], told[2]):
        assert np.abs(vectors - alone).max() < 1e-5
    assert embedder.embed([]).shape == (0, alone.shape[1])


def test_the_graph_is_made_once_and_needs_no_torch_after() -> None:
    cache = get_settings().cache
    path = exported(MODEL, cache)
    written = path.stat().st_mtime_ns
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from reports.knowledge.embed import shared_embedder\n"
        f"shared_embedder({MODEL!r}, Path({str(cache)!r})).embed(['text'])\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"
    assert path.stat().st_mtime_ns == written
    assert [file.name for file in path.parent.iterdir() if file.is_dir()] == []


def test_an_export_that_died_leaves_no_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(_folder: Path, path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("reports.knowledge.embed._export", dies)
    with pytest.raises(KeyboardInterrupt):
        exported(MODEL, tmp_path)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_an_error_that_names_the_variable(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KnowledgeError, match="WEIR_CACHE"):
        exported(MODEL, tmp_path / "file")
