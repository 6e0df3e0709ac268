"""Sums of the hot path for programs: texts by time and sentiment, language or topic.

Each grain of time has a table of its own, so that a year costs what an hour costs.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from platform_assets.core.databases import Database, Patience
from platform_assets.core.errors import WeirError
from platform_assets.core.retry import Retry
from platform_assets.processors.hot.rollups import ROLLUPS

PATIENCE = Patience(Retry(2, seconds=1, longest=0.2), connect_seconds=2, borrow_seconds=1.0)
"""A program that asks every second would rather hear that PostgreSQL is away than wait for it."""


class MetricsError(WeirError):
    """What was asked for is none of what there is."""


class By(StrEnum):
    """A grain of time."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Of(StrEnum):
    """What texts are told apart by."""

    SENTIMENT = "sentiment"
    LANGUAGE = "language"
    TOPIC = "topic"
    THROUGHPUT = "throughput"


_NAMES = {
    Of.SENTIMENT: "sentiment",
    Of.LANGUAGE: "language",
    Of.TOPIC: "source_topic",
    Of.THROUGHPUT: "'all'",
}
_STEPS = {By.MINUTE: timedelta(minutes=1), By.HOUR: timedelta(hours=1), By.DAY: timedelta(days=1)}
_USUAL = {By.MINUTE: 60, By.HOUR: 24, By.DAY: 30}
MOST_STEPS = {By.MINUTE: 1440, By.HOUR: 24 * 31, By.DAY: 367}
"""Of one answer."""


@dataclass(frozen=True)
class Question:
    """What is asked for.

    Attributes:
        of, by: see there.
        since: first moment; the beginning of a minute, hour or day (UTC).
        until: the moment after the last one, likewise.
    """

    of: Of
    by: By
    since: datetime
    until: datetime

    @property
    def key(self) -> str:
        """The same for the same question."""
        return f"{self.of}/{self.by}/{self.since:%Y%m%dT%H%M}/{self.until:%Y%m%dT%H%M}"


@dataclass(frozen=True)
class Answer:
    """An answer.

    Attributes:
        as_of: when PostgreSQL was asked, seconds since 1970: all that was stored before is in it.
        body: JSON.
    """

    as_of: float
    body: bytes


def question(
    of: Of, by: By, since: datetime | None, until: datetime | None, now: datetime
) -> Question:
    """What is asked for, cut to whole minutes, hours or days.

    Args:
        of: what texts are told apart by.
        by: the grain of time.
        since: None: an hour before the end by minute, a day by hour, thirty days by day.
        until: None: now.
        now: the moment of asking; what runs now is part of the answer.

    Raises:
        MetricsError: the end is not after the beginning, or the answer would have too many rows.
    """
    step = _STEPS[by]
    end = _start(until, by) if until else _start(now, by) + step
    begin = _start(since, by) if since else end - _USUAL[by] * step
    if begin >= end:
        raise MetricsError(f"nothing lies between {begin} and {end}", "give since before until")
    if (end - begin) / step > MOST_STEPS[by]:
        raise MetricsError(
            f"more than {MOST_STEPS[by]} {by}s between {begin} and {end}",
            "ask by hour or day, or for less time",
        )
    return Question(of, by, begin, end)


def _start(moment: datetime, by: By) -> datetime:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    found = aware.astimezone(UTC).replace(second=0, microsecond=0)
    if by is not By.MINUTE:
        found = found.replace(minute=0)
    return found.replace(hour=0) if by is By.DAY else found


@PATIENCE.retrying
def answer(database: Database, asked: Question, seconds: float) -> Answer:
    """Ask PostgreSQL.

    Args:
        database: the hot path.
        asked: what.
        seconds: after which it gives up.

    Returns:
        JSON of an object: ``of``, ``by``, ``since``, ``until``, and ``rows`` of ``at`` (beginning
        of the minute, hour or day, ISO 8601), ``name``, ``texts``, ``intensity`` (mean strength of
        the sentiment, 0 to 1). Without texts there is no row. For throughput also ``processors``,
        as table ``processor_state`` has them.

    Raises:
        DatabaseError: PostgreSQL does not answer, or not in time.
    """
    query = f"""SELECT {asked.by}, {_NAMES[asked.of]}, sum(texts)::bigint,
          sum(intensity) / sum(texts)
        FROM {ROLLUPS[asked.by]} WHERE {asked.by} >= %s AND {asked.by} < %s
        GROUP BY 1, 2 ORDER BY 1, 2"""  # noqa: S608 - names of this module alone
    with database.borrow() as connection, connection.transaction():
        as_of = time.time()
        connection.execute(
            "SELECT set_config('statement_timeout', %s, true)", (f"{seconds * 1000:.0f}",)
        )
        rows = connection.execute(query.encode(), (asked.since, asked.until)).fetchall()
        found: dict[str, Any] = {
            "of": asked.of,
            "by": asked.by,
            "since": _iso(asked.since),
            "until": _iso(asked.until),
            "rows": [
                {"at": _iso(at), "name": name, "texts": texts, "intensity": round(intensity, 4)}
                for at, name, texts, intensity in rows
            ],
        }
        if asked.of is Of.THROUGHPUT:
            found["processors"] = [
                row[0]
                for row in connection.execute(
                    "SELECT to_jsonb(processor_state) FROM processor_state ORDER BY processor"
                )
            ]
    return Answer(as_of, json.dumps(found, separators=(",", ":")).encode())


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
