"""One model in memory: a sealed folder opened, checked against its signature, and run.

A model is served in one of two shapes: one input of shape (rows, fields) that holds all fields in
the signature's order, or one input for each field, of shape (rows, 1) or (rows,). A missing
``double`` is NaN. The score is the output that bears the name of the signature's first ``double``
output, else the only output of floats; of several columns the last counts (the probability of
class 1). The label is 1 where the score reaches ``metadata["threshold"]`` (0.5 without one).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ml.serving.checks import InputCheck, Value
from ml.store.artefact import Artefact, Field, open_artefact
from platform_assets.core.errors import WeirError

WARM_RUNS = 3
DEFAULT_THRESHOLD = 0.5
_TENSORS: dict[str, type[Any]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}
_TAKES = {
    "double": (np.float32, np.float64),
    "long": (np.int64, np.float32, np.float64),
    "boolean": (np.bool_,),
    "string": (np.object_,),
}
_NEUTRAL: dict[str, Value] = {"double": 0.0, "long": 0, "boolean": False, "string": ""}


class ModelError(WeirError):
    """A model that cannot be served, or that failed on an input."""


class OtherKindError(ModelError):
    """A version that is no ONNX model: it is not one to ask, a stream's detector for instance."""


class Model:
    """A version in memory; may be run from several threads.

    Attributes:
        name: of the model.
        version: its number.
        artefact: the folder that it came from.
        check: rules of its inputs.
        threshold: score from which the label is 1.
    """

    def __init__(self, name: str, version: int, artefact: Artefact) -> None:
        """Load and warm it.

        Raises:
            OtherKindError: it is of another kind than ONNX.
            ModelError: it does not fit its signature.
            ArtefactError: its file changed since the folder was opened.
        """
        self.name = name
        self.version = version
        self.artefact = artefact
        self.check = InputCheck(artefact.signature)
        self._fields = artefact.signature.inputs
        self.threshold = self._threshold()
        self._session = self._opened()
        self._inputs = self._feeds()
        self._score = self._score_output()
        self._warm()

    def scores(self, rows: Sequence[Sequence[Value]]) -> list[float]:
        """Scores of checked rows, in their order.

        Args:
            rows: values in the signature's order, None for a missing double.

        Raises:
            ModelError: the model fails, or a score is not finite.
        """
        try:
            (answer,) = self._session.run([self._score], self._tensors(rows))
            scores: list[float] = (
                np.asarray(answer, np.float64).reshape(len(rows), -1)[:, -1].tolist()
            )
        except Exception as error:
            # ONNX Runtime raises classes of its own, all of them plain Exceptions.
            raise self._broken(f"fails: {_short(error)}") from error
        for score in scores:
            if not math.isfinite(score):
                raise self._broken(f"gives the score {score}")
        return scores

    def label(self, score: float) -> int:
        """1 where the score reaches the threshold."""
        return int(score >= self.threshold)

    def _tensors(self, rows: Sequence[Sequence[Value]]) -> dict[str, Any]:
        name, kind, _ = self._inputs[0]
        if len(self._inputs) == 1 and len(self._fields) > 1:
            # numpy reads None as NaN where it is told to make floats.
            return {name: np.array(rows, dtype=kind)}
        columns = zip(*rows, strict=True)
        return {
            name: np.array(column, dtype=kind).reshape((-1, 1) if rank == 2 else (-1,))
            for (name, kind, rank), column in zip(self._inputs, columns, strict=True)
        }

    def _threshold(self) -> float:
        value = self.artefact.metadata.get("threshold", DEFAULT_THRESHOLD)
        if type(value) not in {int, float} or not math.isfinite(value):
            raise self._broken(f"has the threshold {value!r}, which is not a number")
        return float(value)

    def _opened(self) -> onnxruntime.InferenceSession:
        hint = "export it as one ONNX file (ml/training/export.py shows how)"
        if self.artefact.kind != "onnx":
            raise OtherKindError(
                f"model {self.name} version {self.version} is of kind {self.artefact.kind}", hint
            )
        files = [name for name in self.artefact.hashes if name.endswith(".onnx")]
        if len(files) != 1:
            raise self._broken(f"is a folder with {len(files)} ONNX files", hint)
        options = onnxruntime.SessionOptions()
        # Requests are small and many: threads would cost more than they give.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            return onnxruntime.InferenceSession(
                self.artefact.read(files[0]), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise self._broken(f"is not loaded by ONNX Runtime: {_short(error)}") from error

    def _feeds(self) -> list[tuple[str, type[Any], int]]:
        """Name, numpy type and rank of each input, in the order of the fields."""
        for field in self._fields:
            if not field.required and field.type != "double":
                raise self._broken(f"has the optional {field.type} {field.name!r}: no tensor can")
        inputs = {
            given.name: (given.name, _TENSORS.get(given.type, np.void), len(given.shape))
            for given in self._session.get_inputs()
        }
        if inputs.keys() == {field.name for field in self._fields}:
            for field in self._fields:
                self._fits(field, inputs[field.name][1])
            return [inputs[field.name] for field in self._fields]
        if len(inputs) != 1:
            raise self._broken(
                f"takes {', '.join(inputs)}, and its signature says "
                f"{', '.join(field.name for field in self._fields)}"
            )
        (only,) = inputs.values()
        width = self._session.get_inputs()[0].shape[-1]
        if only[2] != 2 or (isinstance(width, int) and width != len(self._fields)):
            raise self._broken(
                f"takes {width} columns in {only[2]} dimensions for {len(self._fields)} fields"
            )
        for field in self._fields:
            self._fits(field, only[1])
        return [only]

    def _fits(self, field: Field, kind: type[Any]) -> None:
        if kind not in _TAKES[field.type]:
            raise self._broken(f"takes {kind.__name__} for the {field.type} {field.name!r}")

    def _score_output(self) -> str:
        floats: list[str] = [
            given.name
            for given in self._session.get_outputs()
            if given.type in {"tensor(float)", "tensor(double)"}
        ]
        named = [field.name for field in self.artefact.signature.outputs if field.type == "double"]
        if named and named[0] in floats:
            return named[0]
        if len(floats) != 1:
            raise self._broken(f"has {len(floats)} outputs of numbers, none named {named[:1]}")
        return floats[0]

    def _warm(self) -> None:
        row = [_NEUTRAL[field.type] for field in self._fields]
        for _ in range(WARM_RUNS):
            self.scores([row])
        self.scores([row, row])

    def _broken(self, what: str, hint: str = "") -> ModelError:
        return ModelError(
            f"model {self.name} version {self.version} {what}",
            hint or "train and register it again, or go back: weir models rollback",
        )


def load(name: str, version: int, folder: Path, key: bytes) -> Model:
    """A version from its sealed folder, verified before anything is parsed.

    Raises:
        ArtefactError: unknown origin, a file changed, missing or added.
        ModelError: see :class:`Model`.
    """
    return Model(name, version, open_artefact(folder, key))


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
