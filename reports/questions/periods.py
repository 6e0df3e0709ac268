"""The period of a query, and the one that it is compared with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reports.questions.collect import Found
from reports.questions.outcomes import AmbiguousError, NotUnderstoodError
from reports.questions.query import Comparison, Query
from reports.questions.reading import Kind
from reports.questions.windows import Window


def timed(query: Query, found: Found) -> Query:
    """The query with its period and the one that it is compared with."""
    windows = found.windows
    _check(found)
    window = windows[0] if windows else query.window
    other, comparison = query.other, query.comparison
    if windows and not other:
        comparison = ""
    if len(windows) == 2:
        compared = found.versus or Kind.CHANGE in found.flags
        if not compared or found.earlier:
            raise NotUnderstoodError(
                "two periods, and no word that compares them", "write: against, versus"
            )
        other, comparison = windows[1], "window"
        _check_alike(window, other)
    changing = found.flags & {Kind.WHY, Kind.UP, Kind.DOWN, Kind.CHANGE}
    if changing and not found.earlier and not other and window is not None and not window.unit:
        # From January to February: the change between them, or of both against what was before?
        raise AmbiguousError(
            "the change against which period?", ("against the period before", "versus and a period")
        )
    if found.earlier or (changing and not other):
        if window is None:
            raise AmbiguousError("in which period?", ("yesterday", "last week", "last month"))
        comparison = _comparison(found.earlier, window)
        other = _earlier(window, comparison)
    elif windows and other and len(windows) == 1:
        # Another period, compared as the one before was.
        assert window is not None  # noqa: S101
        if comparison == "window":
            raise AmbiguousError(
                "compared with which period?", ("the week before", "a year before")
            )
        other = _earlier(window, comparison)
    if other and query.grain:
        raise NotUnderstoodError(
            f"a comparison by {query.grain} is not understood", "leave one of them out"
        )
    if window is not None and window.first is None and query.model.finest == "day":
        raise NotUnderstoodError(f"{query.metrics[0].label} is known by day, not by hour")
    why = Kind.WHY in found.flags
    direction: Any = "up" if Kind.UP in found.flags else "down" if Kind.DOWN in found.flags else ""
    if (why or direction) and len(query.metrics) > 1:
        raise AmbiguousError("the change of which?", [metric.label for metric in query.metrics])
    return replace(
        query,
        window=window,
        other=other,
        comparison=comparison,
        why=why or query.why,
        direction=direction or query.direction,
    )


def _earlier(window: Window, comparison: Comparison) -> Window:
    if comparison == "weekday":
        return window.shift(-7)
    return window.year_before if comparison == "year" else window.before


def _check(found: Found) -> None:
    """Refuse what has no one meaning, whatever it is asked of."""
    if len(found.windows) > 2:
        raise NotUnderstoodError("more than two periods at once are not understood")
    if {Kind.UP, Kind.DOWN} <= found.flags:
        raise NotUnderstoodError("up and down at once is not understood")
    if found.versus and not found.earlier and len(found.windows) < 2:
        raise NotUnderstoodError(
            "compared with what? Two periods can be compared",
            "for example: last week against the week before",
        )


def _comparison(unit: str, window: Window) -> Comparison:
    if unit == "weekday" and (window.unit, window.count) == ("day", 1):
        return "weekday"
    if unit in ("", "period", window.unit):
        return "before"
    if unit == "year" and window.unit:
        return "year"
    raise AmbiguousError(
        f"the {unit} before a period of {window.count} {window.unit or 'day'}s is not clear",
        ("the period before", "a year before"),
    )


def _check_alike(window: Window | None, other: Window) -> None:
    if window is None or (window.unit, window.count) == (other.unit, other.count):
        return
    days = [one.after - one.first for one in (window, other) if one.first and one.after]
    if len(days) == 2 and days[0] == days[1]:
        return
    raise AmbiguousError(
        "the two periods differ in length", ("periods of one length", "the week before")
    )
