"""The model as ONNX, and the check that it answers as the model that was trained.

One input ``features`` (float, rows x features, NaN where missing), one output ``score`` (float,
rows): the calibrated probability of label 1. The same model gives the same bytes.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ml.training.candidates import Array
from ml.training.choice import Calibration
from ml.training.errors import TrainingError

INPUT, OUTPUT = "features", "score"
TOLERANCE = 1e-5
"""Of a score: single precision against double."""
_OPSETS = {"": 17, "ai.onnx.ml": 3}
_IR_VERSION = 8


def to_onnx(model: Any, calibration: Calibration, width: int, name: str) -> bytes:
    """The ONNX file of a fitted candidate of ``width`` features, its calibration included."""
    from onnx import TensorProto, helper, numpy_helper
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    last = model[-1] if hasattr(model, "steps") else model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        onnx_model = convert_sklearn(
            model,
            name=name,
            initial_types=[(INPUT, FloatTensorType([None, width]))],
            options={id(last): {"zipmap": False, "raw_scores": True}},
            target_opset=_OPSETS,
        )
    graph = onnx_model.graph
    odds = graph.output[1].name
    constants: dict[str, np.ndarray[Any, Any]] = {
        "one": np.array(1, dtype=np.int64),
        "slope": np.array(calibration.slope, dtype=np.float32),
        "intercept": np.array(calibration.intercept, dtype=np.float32),
    }
    graph.initializer.extend(numpy_helper.from_array(v, name) for name, v in constants.items())
    graph.node.extend(
        [
            helper.make_node("Gather", [odds, "one"], ["odds_of_one"], axis=1),
            helper.make_node("Mul", ["odds_of_one", "slope"], ["sloped"]),
            helper.make_node("Add", ["sloped", "intercept"], ["calibrated"]),
            helper.make_node("Sigmoid", ["calibrated"], [OUTPUT]),
        ]
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None]))
    # Nothing that depends on the versions of tools or on the day.
    onnx_model.ir_version = _IR_VERSION
    onnx_model.producer_name, onnx_model.producer_version = "weir", ""
    content: bytes = onnx_model.SerializeToString(deterministic=True)
    return content


def check(wanted: Array, answered: Array) -> None:
    """Compare the scores of the ONNX model with those of the trained one.

    Raises:
        TrainingError: a score differs by more than :data:`TOLERANCE`, or is none.
    """
    away = np.abs(answered - wanted)
    # Written so that NaN is refused too.
    wrong = np.flatnonzero(~(away <= TOLERANCE))
    if len(wrong):
        row = int(wrong[0])
        raise TrainingError(
            f"the ONNX model scores {len(wrong)} of {len(wanted)} rows differently from the "
            f"trained one, row {row} by {away[row]:.2g}; {TOLERANCE:.0e} is allowed",
            "features may need a smaller range: single precision has seven digits",
        )
