"""The model as ONNX, held row by row against the one that was trained.

Belongs here: conversion (the only importer of skl2onnx) and the comparison. Does not belong here:
serving it (``ml/serving/runtime.py``).

One input ``features`` (float, rows x features, NaN where missing), one output ``score`` (float,
rows): the calibrated probability of label 1. The same model gives the same bytes.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ml.purchase.candidates import Array, Matrix, log_odds
from ml.purchase.choice import Calibration
from ml.purchase.errors import PurchaseError

INPUT, OUTPUT = "features", "score"
TOLERANCE = 1e-5
"""Of a score: single precision against double."""
_OPSETS = {"": 17, "ai.onnx.ml": 3}
_IR_VERSION = 8


def to_onnx(model: Any, calibration: Calibration, matrix: Matrix) -> bytes:
    """Convert a fitted candidate, its calibration included, and compare it.

    Args:
        model: fitted; gives log-odds.
        calibration: of its log-odds.
        matrix: rows to compare on.

    Returns:
        The ONNX file.

    Raises:
        PurchaseError: a score differs by more than :data:`TOLERANCE`.
    """
    content = _converted(model, calibration, matrix.shape[1])
    wanted = calibration.scores(log_odds(model, matrix))
    away = np.abs(score(content, matrix) - wanted)
    worst = int(away.argmax())
    # Written so that NaN is refused too.
    if not away.max() <= TOLERANCE:
        raise PurchaseError(
            f"the ONNX model scores row {worst} {away[worst]:.2g} away from the trained one "
            f"({TOLERANCE:.0e} is allowed)",
            "features may need a smaller range: single precision has seven digits",
        )
    return content


def score(content: bytes, matrix: Matrix) -> Array:
    """Scores of rows by an ONNX file as :func:`to_onnx` makes them."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (scores,) = session.run([OUTPUT], {INPUT: matrix})
    return np.asarray(scores, dtype=np.float64)


def _converted(model: Any, calibration: Calibration, width: int) -> bytes:
    from onnx import TensorProto, helper, numpy_helper
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    last = model[-1] if hasattr(model, "steps") else model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        onnx_model = convert_sklearn(
            model,
            name="purchase",
            initial_types=[(INPUT, FloatTensorType([None, width]))],
            options={id(last): {"zipmap": False, "raw_scores": True}},
            target_opset=_OPSETS,
        )
    graph = onnx_model.graph
    odds = graph.output[1].name
    constants = {
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
