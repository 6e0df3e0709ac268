"""Small sealed models for tests: sigmoid(sum of the fields + bias), made without any training.

Belongs here: making such a folder. Does not belong here: any test.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ml.store.artefact import Field, Signature, seal

FIELDS = ("recency", "views", "rate")
KEY = b"k" * 32
OUTPUTS = (Field("score", "double"), Field("label", "long"))


def signature(*optional: str, fields: tuple[str, ...] = FIELDS) -> Signature:
    return Signature(tuple(Field(name, "double", name not in optional) for name in fields), OUTPUTS)


def write_model(
    folder: Path,
    *,
    bias: float = 0.0,
    fields: tuple[str, ...] = FIELDS,
    optional: tuple[str, ...] = (),
    broken: bool = False,
    key: bytes = KEY,
    threshold: float = 0.5,
) -> Path:
    """Seal a folder whose score is sigmoid(sum + bias); a ``broken`` one gives NaN below 0."""
    last = "Sqrt" if broken else "Sigmoid"
    graph = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["features", "axis"], ["sum"], keepdims=1),
            helper.make_node("Add", ["sum", "bias"], ["raw"]),
            helper.make_node(last, ["raw"], ["score"]),
        ],
        "test",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(fields)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
        [
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
            numpy_helper.from_array(np.array([bias], np.float32), "bias"),
        ],
    )
    return write_graph(folder, graph, signature(*optional, fields=fields), key, threshold)


def write_graph(
    folder: Path,
    graph: onnx.GraphProto,
    described: Signature,
    key: bytes = KEY,
    threshold: float = 0.5,
) -> Path:
    """Seal a folder with any graph."""
    folder.mkdir(parents=True, exist_ok=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    seal(folder, "onnx", described, {"threshold": threshold, "metric": "f1"}, key)
    return folder
