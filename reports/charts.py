"""Charts of a report: one quiet style, drawn to SVG on this machine.

A chart's title is a sentence beside it, with its numbers as links, so it is not drawn. Names and
values stand at the marks instead of in a legend; where a chart is live, a mark that is pointed at
says both. The same input gives the same bytes.
"""

from __future__ import annotations

import json
import unicodedata
from calendar import timegm
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

from babel.dates import format_skeleton

from reports.chart_style import BLUE, INK, MUTED, QUIET, VERMILLION, WIDTH, Layered, drawn
from reports.document import Chart, Span
from reports.language import direction, locale_of
from reports.page.labels import labels
from reports.wording import format_period, format_value

if TYPE_CHECKING:
    import altair as alt

LEAST = 3
"""Values below which a sentence says more than a chart."""

_BAR = 22
_NAME = 220
"""Pixels: a bar with its gap, and the longest name."""
_HIT = 400
"""Square pixels around a point that belong to it when it is pointed at."""


@dataclass(frozen=True)
class Point:
    """A period's value: its key, its first day, and None where there is a gap."""

    key: str
    start: date
    value: Decimal | None


@dataclass(frozen=True)
class Bar:
    """A member's value."""

    label: str
    value: Decimal


def trend(
    id: str,  # noqa: A002 - the name that it has in the document
    title: str,
    alt: str,
    unit: str,
    points: Sequence[Point],
    target: Decimal | None = None,
    highlight: str = "",
    language: str = "en",
    *,
    decimals: int = 0,
    facts: tuple[str, ...] = (),
    spans: tuple[Span, ...] = (),
) -> Chart | None:
    """A line in time. The last value, and the highlighted one, stand at their points.

    Args:
        id: unique in the report.
        title: the finding, as a sentence.
        alt: what is to be seen.
        unit: of the values, as in a fact.
        points: oldest first; a gap breaks the line and is named.
        target: drawn as a dashed line.
        highlight: key of the report's period.
        language: of figures and dates.
        decimals: digits after the point at the marks.
        facts: ids of the facts that the title states.
        spans: the title's numbers.

    Returns:
        The chart, or None for fewer than three values.
    """
    known = [(point, point.value) for point in points if point.value is not None]
    if len(known) < LEAST:
        return None
    import altair

    values = [value for _, value in known]
    ticks = _ticks([*values, *([] if target is None else [target])])
    first, last = points[0].start, points[-1].start
    # Room after the last point for its value.
    final = _written(known[-1][1], unit, decimals, language)
    end = last + timedelta(days=max(1, round((last - first).days * _room(final, ["1,000,000"]))))
    marked = {known[-1][0].key, highlight}
    rows = [
        {
            "start": point.start.isoformat(),
            "value": None if point.value is None else float(point.value),
            "shown": _written(point.value, unit, decimals, language)
            if point.key in marked and point.value is not None
            else "",
            "told": _told(
                format_period(point.key, language),
                format_value(point.value, unit, decimals, language),
                language,
            ),
        }
        for point in points
    ]
    x = altair.X("start:T", title=None, axis=_dates(points, language)).scale(
        type="utc", domain=[first.isoformat(), end.isoformat()], nice=False
    )
    y = altair.Y("value:Q", title=None, axis=_numbers(ticks, unit, language)).scale(
        domain=[float(ticks[0]), float(ticks[-1])], nice=False, zero=False
    )
    base = _chart(rows).encode(x=x, y=y)
    some = base.transform_filter("datum.value !== null")
    labelled = base.transform_filter("datum.shown !== ''")
    # The last label stands in the free room to its right, another above its point.
    text = "time(datum.start) == " + str(_moment(known[-1][0].start))
    layers = [
        base.mark_line(color=BLUE, strokeWidth=2, invalid="break-paths-show-path-domains"),
        # A value between two gaps has no line: its dot alone shows it.
        some.mark_circle(color=BLUE, size=14, opacity=1),
        labelled.mark_circle(color=BLUE, size=56, opacity=1),
        *(
            labelled.mark_text(
                **look,
                fontWeight="bold",
                align=altair.expr(f"{text} ? 'left' : 'center'"),
                dx=altair.expr(f"{text} ? 8 : 0"),
                dy=altair.expr(f"{text} ? 0 : -12"),
            ).encode(text="shown:N")
            # A white edge first: the text stays legible on a line.
            for look in ({"color": "white", "stroke": "white", "strokeWidth": 4}, {"color": INK})
        ),
    ]
    if gaps := _gaps(points, ticks[0], language):
        layers.append(
            _chart(gaps)
            .mark_text(color=MUTED, fontSize=9, baseline="bottom", dy=-4)
            .encode(x=x, y=y, text="shown:N")
        )
    if target is not None:
        name = f"{labels(language).target} {format_value(target, unit, decimals, language)}"
        row = {
            "start": first.isoformat(),
            "value": float(target),
            "shown": _isolated(name, language),
        }
        aim = _chart([row]).encode(y=y)
        layers.insert(0, aim.mark_rule(color=MUTED, strokeDash=[4, 3]))
        layers.append(
            aim.mark_text(color=MUTED, align="left", baseline="bottom", dx=2, dy=-3).encode(
                x=x, text="shown:N"
            )
        )
    # Last, so that nothing lies between a hand and a point; a dot alone is too small to hit.
    layers.append(some.mark_circle(size=_HIT, opacity=0, aria=False).encode(tooltip="told:N"))
    chart = altair.layer(*layers).properties(height=200)
    return drawn(chart, id, title, alt, facts, spans)


def ranking(
    id: str,  # noqa: A002
    title: str,
    alt: str,
    unit: str,
    bars: Sequence[Bar],
    highlight: str = "",
    language: str = "en",
    *,
    decimals: int = 0,
    facts: tuple[str, ...] = (),
    spans: tuple[Span, ...] = (),
) -> Chart | None:
    """Members by size, largest first, each with its value; the highlighted one stands out.

    Args as in :func:`trend`; ``highlight`` is a label. Returns None for fewer than three bars.
    """
    if len(bars) < LEAST:
        return None
    ordered = sorted(bars, key=lambda bar: -bar.value)
    rows = [
        {
            "label": bar.label,
            "value": float(bar.value),
            "shown": _written(bar.value, unit, decimals, language),
            "color": BLUE if highlight in {"", bar.label} else QUIET,
        }
        for bar in ordered
    ]
    return drawn(_bars(rows, language), id, title, alt, facts, spans)


def contributions(
    id: str,  # noqa: A002
    title: str,
    alt: str,
    unit: str,
    bars: Sequence[Bar],
    total: Bar | None = None,
    language: str = "en",
    *,
    decimals: int = 0,
    facts: tuple[str, ...] = (),
    spans: tuple[Span, ...] = (),
) -> Chart | None:
    """What each member adds to a change: to the right what adds, to the left what takes away.

    Args as in :func:`trend`; ``total`` is the whole change, drawn last. Returns None for fewer
    than three members.
    """
    if len(bars) < LEAST:
        return None
    ordered = sorted(bars, key=lambda bar: -bar.value)
    colors = [BLUE if bar.value >= 0 else VERMILLION for bar in ordered]
    shown = [*zip(ordered, colors, strict=True), *([(total, MUTED)] if total else [])]
    rows = [
        {
            "label": bar.label,
            "value": float(bar.value),
            "shown": _written(bar.value, unit, decimals, language, signed=True),
            "color": color,
        }
        for bar, color in shown
    ]
    return drawn(_bars(rows, language), id, title, alt, facts, spans)


def _bars(rows: list[dict[str, Any]], language: str) -> Layered:
    """Horizontal bars from zero, in the order of the rows, with their values at their ends."""
    import altair

    for number, row in enumerate(rows):
        row["order"] = number
        row["told"] = _told(row["label"], row["shown"], language)
    values = [row["value"] for row in rows]
    low, high = min(0.0, *values), max(0.0, *values)
    names = [row["label"] for row in rows]
    room = (high - low or 1) * max(_room(row["shown"], names) for row in rows)
    domain = [low - room if low < 0 else 0.0, high + room if high > 0 else 0.0]
    if domain == [0.0, 0.0]:
        domain = [0.0, 1.0]
    # Two members of one name stay two bars: the order is the position, the name its label.
    listed = json.dumps(names, ensure_ascii=False)
    axis = altair.Axis(
        labelExpr=f"{listed}[datum.value]", labelLimit=_NAME, labelColor=INK, labelPadding=8
    )
    base = _chart(rows).encode(
        y=altair.Y("order:O", title=None, axis=axis),
        x=altair.X("value:Q", title=None, axis=None).scale(domain=domain, nice=False),
        tooltip="told:N",
    )
    negative = "datum.value < 0"
    return altair.layer(
        base.mark_bar(height=14).encode(color=altair.Color("color:N", scale=None, legend=None)),
        base.mark_text(
            color=INK,
            align=altair.expr(f"{negative} ? 'right' : 'left'"),
            dx=altair.expr(f"{negative} ? -5 : 5"),
        ).encode(text="shown:N"),
        _chart([{}]).mark_rule(color=MUTED, strokeWidth=1).encode(x=altair.datum(0)),
    ).properties(height=altair.Step(_BAR))


def _ticks(values: Sequence[Decimal]) -> list[Decimal]:
    """Round values that hold all of ``values``: three to seven of them, from zero if it is near."""
    low, high = min(values), max(values)
    if low > 0 and low < (high - low) * 2:
        low = Decimal(0)
    if high < 0 and -high < (high - low) * 2:
        high = Decimal(0)
    wide = high - low or abs(high) or Decimal(1)
    unit = Decimal(1).scaleb((wide / 5).adjusted())
    step = next(unit * many for many in (1, 2, 5, 10) if unit * many * 5 >= wide)
    start = (low / step).to_integral_value(ROUND_FLOOR)
    stop = max(start + 2, (high / step).to_integral_value(ROUND_CEILING))
    return [step * number for number in range(int(start), int(stop) + 1)]


def _numbers(ticks: Sequence[Decimal], unit: str, language: str) -> alt.Axis:
    """An axis of round values; the topmost says the unit."""
    import altair

    exponent = (ticks[1] - ticks[0]).normalize().as_tuple().exponent
    decimals = max(0, -int(exponent))
    shown = [
        _written(tick, unit if tick == ticks[-1] else "", decimals, language) for tick in ticks
    ]
    return altair.Axis(
        values=[float(tick) for tick in ticks],
        labelExpr=_lookup([float(tick) for tick in ticks], shown, "datum.value"),
        grid=True,
        labelPadding=6,
        domain=False,
        ticks=False,
    )


def _dates(points: Sequence[Point], language: str) -> alt.Axis:
    """An axis with up to six of the points' dates, the last among them."""
    import altair

    locale = locale_of(language)
    every = max(1, -(-len(points) // 6))
    chosen = list(points)[::-1][::every][::-1]
    shown: list[str] = []
    year = 0
    for point in chosen:
        month = point.key.count("-") == 1 and "-W" not in point.key
        parts = ("y" if point.start.year != year else "") + ("MMM" if month else "MMMd")
        shown.append(_isolated(format_skeleton(parts, point.start, locale=locale), language))
        year = point.start.year
    return altair.Axis(
        values=[point.start.isoformat() for point in chosen],
        labelExpr=_lookup([_moment(point.start) for point in chosen], shown, "time(datum.value)"),
        grid=False,
        labelOverlap=False,
        labelFlush=False,
    )


def _gaps(points: Sequence[Point], low: Decimal, language: str) -> list[dict[str, Any]]:
    """Where to say that there is no value: above the axis, amid each run of gaps."""
    runs: list[list[Point]] = []
    for before, point in zip([None, *points], points, strict=False):
        if point.value is None:
            if before is None or before.value is not None:
                runs.append([])
            runs[-1].append(point)
    said = _isolated(labels(language).no_data, language)
    return [
        {"start": run[len(run) // 2].start.isoformat(), "value": float(low), "shown": said}
        for run in runs
    ]


def _room(text: str, names: Sequence[str]) -> float:
    """Share of the marks' width that a text at their end takes beside an axis of names."""
    wide = _pixels(text) + 10
    rest = WIDTH - min(_NAME, max(map(_pixels, names))) - wide
    return wide / max(rest, wide)


def _pixels(text: str) -> float:
    """About how wide a text is drawn: a full-width letter is as wide as it is high."""
    return sum(11.0 if unicodedata.east_asian_width(letter) in "WF" else 6.6 for letter in text)


def _written(
    value: Decimal, unit: str, decimals: int, language: str, *, signed: bool = False
) -> str:
    return _isolated(format_value(value, unit, decimals, language, signed=signed), language)


def _told(name: str, value: str, language: str) -> str:
    """What a live chart says of a mark that is pointed at."""
    return _isolated(f"{name}: {value}", language)


def _isolated(text: str, language: str) -> str:
    """A text that runs from right to left in an Arabic chart, whose own sides do not turn."""
    if direction(language) == "ltr":
        return text
    return f"\u2067{text}\u2069"


def _lookup(values: Sequence[float], shown: Sequence[str], of: str) -> str:
    """A Vega expression that gives a value's text: wording is Babel's, as everywhere else."""
    return f"{json.dumps(shown, ensure_ascii=False)}[indexof({json.dumps(values)}, {of})]"


def _moment(day: date) -> int:
    """Milliseconds since 1970 of a day's start, UTC: what Vega makes of a date."""
    return timegm(day.timetuple()) * 1000


def _chart(rows: list[dict[str, Any]]) -> alt.Chart:
    import altair

    return altair.Chart(altair.InlineData(values=rows))
