"""Watching one stream: from new rows of silver to scores and incidents, each point once.

A step takes the intervals that have become complete, scores them in time order, and stores scores,
memories, events and cursor in one transaction. So a process killed anywhere has done a step or has
not; its successor takes the same points from the same memories and comes to the same events.

A stream that is new, one whose model changed, and one whose memories are of another form than its
detectors, first learns its history: those steps score, and tell nobody.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, replace

import polars as pl

from ml.anomaly.definition import Stream
from ml.anomaly.errors import OtherFormError
from ml.anomaly.model import Choice
from ml.anomaly.points import Extent, Snapshot
from ml.anomaly.series import Happened, Reading, Series
from ml.anomaly.store import Cursor, Kept, Scored, StepConflictError, Store, Told
from platform_assets.core.settings import Settings

DAY = 86_400.0
STEP_SECONDS = 2 * DAY
"""Event time that one step takes in at most."""

LIVE_SECONDS = DAY
"""Of a new stream's history the end that is told of: older incidents help nobody."""

OTHERS_NAMED = 5


@dataclass(frozen=True)
class Step:
    """What a step did.

    Attributes:
        points: scored values.
        events: incidents opened, updated or recovered.
        late: rows that came after their interval was scored.
        through: end of the last scored interval, seconds since 1970.
        lag: seconds from there to the newest event.
        learning: whether it only taught a new model.
    """

    points: int
    events: int
    late: int
    through: float
    lag: float
    learning: bool


class Watch:
    """Steps through one stream; holds its series' memories between steps.

    Args:
        settings: where lake and database are.
        stream: its definition.
        choice: the model in use.
        store: the tables.
    """

    def __init__(self, settings: Settings, stream: Stream, choice: Choice, store: Store) -> None:
        self._settings = settings
        self._stream = stream
        self._choice = choice
        self._store = store
        self._series: dict[str, Series] = {}
        self._cursor: Cursor | None = None
        self._loaded = False

    def use(self, choice: Choice) -> None:
        """Change the model; takes effect with the next step if it is another version."""
        if choice.version != self._choice.version:
            self._choice = choice
            self._loaded = False

    def step(self, now: float | None = None) -> Step | None:
        """Take in what has become complete; None if there is nothing.

        Args:
            now: seconds since 1970; the clock's by default.

        Raises:
            AnomalyError: the table is not there or cannot be read.
            DatabaseError: PostgreSQL does not answer. Nothing was stored, or all of it; the next
                step finds out.
        """
        try:
            return self._step(time.time() if now is None else now)
        except StepConflictError:
            self._loaded = False
            return None
        except BaseException:
            # What is in memory may be ahead of what was stored.
            self._loaded = False
            raise

    def _step(self, now: float) -> Step | None:
        snapshot = Snapshot(self._settings, self._stream)
        if not self._loaded:
            self._load()
        stored = self._cursor
        extent = snapshot.extent(now, stored.through if stored else None)
        if extent is None:
            return None
        begin = self._begin(stored, extent)
        interval = self._stream.interval
        complete = _floor(extent.newest - self._stream.grace_minutes * 60.0, interval)
        end = min(complete, begin.through + max(_floor(STEP_SECONDS, interval), interval))
        if end <= begin.through:
            return None
        points = snapshot.points(begin.through, end, self._series)
        late = snapshot.late(stored.through, stored.batch) if stored else 0
        scored, told, touched = self._score(points, begin.live_from)
        after = replace(begin, through=end, batch=max(begin.batch, extent.batch))
        kept = [Kept(s.name, s.memory(), s.standing()) for s in touched]
        self._store.commit(self._stream.name, stored, after, kept, scored, told, late)
        self._cursor = after
        return Step(
            points=sum(len(one.readings) for one in scored),
            events=len(told),
            late=late,
            through=end,
            lag=max(0.0, extent.newest - end),
            learning=end <= begin.live_from,
        )

    def _load(self) -> None:
        try:
            self._restore()
        except OtherFormError:
            # An upgrade changed what a detector remembers.
            self._store.disown(self._stream.name)
            self._restore()
        self._loaded = True

    def _restore(self) -> None:
        name = self._stream.name
        self._cursor = self._store.cursor(name)
        current = self._cursor is not None and self._cursor.version == self._choice.version
        self._series = {}
        for kept in self._store.series(name):
            series = Series(self._stream, kept.series, self._choice.make)
            if current and kept.memory is not None:
                series.remember(kept.memory)
            series.stand(kept.standing)
            self._series[kept.series] = series

    def _begin(self, stored: Cursor | None, extent: Extent) -> Cursor:
        """The cursor that a step begins with: the stored one, or one set back to learn."""
        version, interval = self._choice.version, self._stream.interval
        history = self._stream.history_days * DAY
        if stored is None:
            newest = _floor(extent.newest, interval)
            first = max(_floor(extent.first, interval), newest - history)
            return Cursor(version, first, max(first, newest - LIVE_SECONDS), extent.batch)
        if stored.version == version:
            return stored
        back = _floor(stored.through - history, interval)
        return Cursor(version, back, max(stored.through, stored.live_from), stored.batch)

    def _score(
        self, points: pl.DataFrame, live_from: float
    ) -> tuple[list[Scored], list[Told], list[Series]]:
        names = [signal.name for signal in self._stream.signals]
        scored: list[Scored] = []
        told: list[Told] = []
        touched: dict[str, Series] = {}
        for (at,), together in points.group_by("at", maintain_order=True):
            moved: list[tuple[Series, Happened]] = []
            moment = float(str(at))
            for row in together.iter_rows(named=True):
                values = {
                    name: row[name]
                    for name in names
                    if row[name] is not None and math.isfinite(row[name])
                }
                if not values:
                    continue
                series = self._known(row["series"])
                touched[series.name] = series
                readings = series.score(moment, values)
                scored.append(Scored(series.name, moment, readings))
                if moment >= live_from:
                    moved += [(series, one) for one in series.tell(moment, readings)]
            told += [Told(s.name, one, self._details(s, one)) for s, one in moved]
        return scored, told, list(touched.values())

    def _known(self, name: str) -> Series:
        if name not in self._series:
            self._series[name] = Series(self._stream, name, self._choice.make)
        return self._series[name]

    def _details(self, series: Series, happened: Happened) -> dict[str, object]:
        """What an alert says, as JSON values; ``others`` are series with open incidents."""
        others = sorted(one.name for one in self._series.values() if one.open and one is not series)
        return {
            "incident": asdict(happened.event.incident),
            "readings": [_plain(one) for one in happened.readings],
            "others": others[:OTHERS_NAMED],
            "others_count": len(others),
            "detector": self._choice.detector,
            "version": self._choice.version,
        }


def _plain(reading: Reading) -> dict[str, object]:
    known = reading.threshold if math.isfinite(reading.threshold) else None
    return {**asdict(reading), "threshold": known, "strange": reading.ratio > 1.0}


def _floor(seconds: float, interval: float) -> float:
    return math.floor(seconds / interval) * interval
