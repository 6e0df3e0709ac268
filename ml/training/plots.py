"""Pictures of a model's scores, as PNG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ml.training.evaluate import Array, reliability

SIZE = 320
COLOURS = ("#0072B2", "#D55E00")
"""Of Okabe and Ito, which the colour-blind tell apart."""
_POINTS = 200

Sides = Mapping[str, tuple[Array, Array]]
"""Name of a model -> labels and scores."""


def calibration_png(sides: Sides) -> bytes:
    """Share of positives against mean score, ten bins of equally many rows, and the diagonal."""
    points: list[dict[str, Any]] = [
        {"model": name, "x": score, "y": share, "rows": rows}
        for name, (labels, scores) in sides.items()
        for score, share, rows in reliability(labels, scores)
    ]
    top = max(max(p["x"], p["y"]) for p in points) or 1.0
    diagonal = {
        "data": {"values": [{"x": 0, "y": 0}, {"x": top, "y": top}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": "#A9B4BF"},
        "encoding": _axes("mean score", "share of positives"),
    }
    return _png(
        [diagonal, _line(points, "mean score", "share of positives", "linear")], list(sides)
    )


def precision_recall_png(sides: Sides) -> bytes:
    """Precision over recall."""
    from sklearn.metrics import precision_recall_curve

    points: list[dict[str, Any]] = []
    for name, (labels, scores) in sides.items():
        precision, recall, _ = precision_recall_curve(labels, scores)
        # Enough for the eye: a point each half per cent of recall.
        last = np.searchsorted(-recall, -np.linspace(1, 0, _POINTS), side="right") - 1
        points += [
            {"model": name, "x": float(recall[i]), "y": float(precision[i])}
            for i in np.unique(last)
        ]
    return _png([_line(points, "recall", "precision", "step-after")], list(sides))


def _line(points: list[dict[str, Any]], x: str, y: str, how: str) -> dict[str, Any]:
    return {
        "data": {"values": points},
        "mark": {"type": "line", "interpolate": how, "point": how == "linear"},
        "encoding": {**_axes(x, y), "color": {"field": "model", "type": "nominal"}},
    }


def _axes(x: str, y: str) -> dict[str, Any]:
    return {
        "x": {"field": "x", "type": "quantitative", "title": x},
        "y": {"field": "y", "type": "quantitative", "title": y},
    }


def _png(layers: list[dict[str, Any]], names: list[str]) -> bytes:
    import vl_convert

    scale = {"domain": names, "range": list(COLOURS[: len(names)])}
    for layer in layers:
        if "color" in layer["encoding"]:
            layer["encoding"]["color"]["scale"] = scale
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": SIZE,
        "height": SIZE,
        "background": "white",
        "layer": layers,
    }
    picture: bytes = vl_convert.vegalite_to_png(spec, scale=2, allowed_base_urls=[])
    return picture
