"""An exported embedding model in ONNX Runtime."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from reports.knowledge.model import Vectors

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""Inputs of the graph: int64, a row a text, padded with 0 to the longest."""
OUTPUT = "vectors"
"""Its output: float32, a row of length 1 a text."""
BATCH = 8
"""Texts of like length that run together: more do not fit the caches of a core."""


class OnnxEmbedder:
    """A model from a graph that pools and normalises; loaded at the first text.

    Safe for threads. A call of up to :data:`BATCH` texts runs on one thread: on busy cores,
    threads that share one query wait for each other longer than they work.
    """

    def __init__(
        self,
        name: str,
        folder: Callable[[], Path],
        graph: Callable[[], Path],
        threads: int,
    ) -> None:
        """Say where the model comes from; nothing is read yet.

        Args:
            name: of the model.
            folder: finds its ``tokenizer.json`` and ``sentence_bert_config.json``.
            graph: finds or makes the ONNX file.
            threads: batches that run side by side, each on a thread of its own.
        """
        self._name = name
        self._folder, self._graph, self._threads = folder, graph, threads
        self._lock = Lock()
        self._loaded: tuple[Tokenizer, InferenceSession] | None = None

    @property
    def name(self) -> str:
        """As configured."""
        return self._name

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts; what is beyond the model's longest text is cut off, as it was trained.

        Raises:
            KnowledgeError: the model is not on this machine, or its graph cannot be kept.
        """
        tokenizer, session = self._load()
        read = tokenizer.encode_batch_fast(list(texts))
        # A batch is as long as its longest text: like beside like pads least.
        order = sorted(range(len(read)), key=lambda at: -len(read[at].ids))
        batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]

        def run(batch: list[int]) -> Vectors:
            return _run(session, [read[at] for at in batch])

        if len(batches) < 2 or self._threads < 2:
            found = [run(batch) for batch in batches]
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                found = list(pool.map(run, batches))
        width = session.get_outputs()[0].shape[-1]
        vectors = np.empty((len(read), width), dtype=np.float32)
        for batch, rows in zip(batches, found, strict=True):
            vectors[batch] = rows
        return vectors

    def _load(self) -> tuple[Tokenizer, InferenceSession]:
        with self._lock:
            if self._loaded is None:
                folder = self._folder()
                self._loaded = _tokenizer(folder), _session(self._graph())
            return self._loaded


def _run(session: InferenceSession, texts: Sequence[Encoding]) -> Vectors:
    longest = max(len(text.ids) for text in texts)
    ids = np.zeros((len(texts), longest), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text.ids)] = text.ids
        mask[row, : len(text.ids)] = 1
    inputs = (ids, mask, np.zeros_like(ids))
    vectors: Vectors = session.run([OUTPUT], dict(zip(INPUTS, inputs, strict=True)))[0]
    return vectors


def _tokenizer(folder: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    config = json.loads((folder / "sentence_bert_config.json").read_text())
    # The file's own bounds are those of its training.
    tokenizer.no_padding()
    tokenizer.enable_truncation(config["max_seq_length"])
    return tokenizer


def _session(graph: Path) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Batches run side by side instead: threads inside one batch wait more than they gain.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Warnings speak of the graph's shape, which no reader can change.
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
