"""A trial's evidence over time, as PNG."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_LINES = {
    "better": "outcomes better",
    "worse": "outcomes worse",
    "failing": "errors above what is tolerated",
}
_COLOURS = ("#009E73", "#D55E00", "#CC79A7")
"""Of Okabe and Ito, which the colour-blind tell apart."""


def evidence_png(
    trace: Sequence[Mapping[str, Any]], promote_at: float, roll_back_at: float
) -> bytes:
    """Log evidence in nats over hours, with the bounds at which a verdict falls.

    Args:
        trace: points of :class:`ml.trials.replay.Point`, as JSON; at least one.
        promote_at: log evidence for a promotion.
        roll_back_at: log evidence for a roll-back.
    """
    import vl_convert

    values = [
        {"hours": point["at"] / 3600, "evidence": point[name], "what": said}
        for point in trace
        for name, said in _LINES.items()
    ]
    bounds = [
        {"evidence": promote_at, "label": "promotion"},
        {"evidence": roll_back_at, "label": "roll-back"},
    ]
    level = {"y": {"field": "evidence", "type": "quantitative"}}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 480,
        "height": 220,
        "background": "white",
        "layer": [
            {
                "data": {"values": values},
                "mark": {"type": "line", "point": len(trace) < 20},
                "encoding": {
                    "x": {"field": "hours", "type": "quantitative", "title": "hours of the trial"},
                    "y": {"field": "evidence", "type": "quantitative", "title": "evidence (nats)"},
                    "color": {
                        "field": "what",
                        "title": None,
                        "scale": {"domain": list(_LINES.values()), "range": list(_COLOURS)},
                    },
                },
            },
            {
                "data": {"values": bounds},
                "mark": {"type": "rule", "strokeDash": [4, 4], "color": "#55606B"},
                "encoding": level,
            },
            {
                "data": {"values": bounds},
                "mark": {"type": "text", "align": "left", "x": 4, "dy": -6, "color": "#55606B"},
                "encoding": {**level, "text": {"field": "label"}},
            },
        ],
    }
    return bytes(vl_convert.vegalite_to_png(json.dumps(spec), scale=2))
