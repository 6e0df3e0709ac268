"""The picture in an anomaly's alert: values above, score and threshold below."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from reports.chart_style import BLUE, FONT, GRID, MUTED, VERMILLION, WIDTH

_VEGA_LITE = "6.4"
_HEIGHTS = (150, 90)

Point = tuple[float, float, float, float | None]
"""Seconds since 1970, value, score, threshold (None during the warm-up)."""


def incident_chart(points: Sequence[Point], opened_at: float, title: str, unit: str) -> bytes:
    """A PNG of a signal's last points; the same points give the same picture.

    Args:
        points: oldest first; at least one.
        opened_at: where the incident began, marked in both panes.
        title: signal and series.
        unit: of the values.
    """
    import altair
    import vl_convert

    rows: list[dict[str, Any]] = [
        {
            "at": _iso(at),
            "value": value,
            "score": score,
            "threshold": threshold,
            "strange": threshold is not None and score > threshold,
        }
        for at, value, score, threshold in points
    ]
    x = altair.X("at:T", title=None, axis=altair.Axis(format="%d %b %H:%M")).scale(type="utc")
    base = altair.Chart(altair.InlineData(rows)).encode(x=x)
    began = (
        altair.Chart(altair.InlineData([{"at": _iso(opened_at)}]))
        .mark_rule(color=VERMILLION, strokeDash=[4, 3])
        .encode(x=x)
    )
    values = base.mark_line(color=BLUE, strokeWidth=1.2).encode(
        y=altair.Y("value:Q", title=unit or "value").scale(zero=False)
    )
    strange = (
        base.transform_filter("datum.strange")
        .mark_circle(color=VERMILLION, size=28, opacity=1)
        .encode(y="value:Q")
    )
    scores = base.mark_line(color=MUTED, strokeWidth=1.2).encode(
        y=altair.Y("score:Q", title="score")
    )
    limit = base.mark_line(color=VERMILLION, strokeWidth=1).encode(y="threshold:Q")
    panes = [altair.layer(began, values, strange), altair.layer(began, scores, limit)]
    chart = (
        altair.vconcat(
            *(
                pane.properties(width=WIDTH, height=height)
                for pane, height in zip(panes, _HEIGHTS, strict=True)
            )
        )
        .properties(title=title)
        .configure(font=FONT, background="white")
        .configure_axis(gridColor=GRID, labelColor=MUTED, titleColor=MUTED)
        .configure_view(stroke=None)
    )
    # Nothing is read from an address: the data lie inside.
    picture: bytes = vl_convert.vegalite_to_png(
        chart.to_dict(), vl_version=_VEGA_LITE, scale=1.5, allowed_base_urls=[]
    )
    return picture


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
