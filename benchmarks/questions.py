"""How many questions in words are answered right, refused and wrong, and how fast.

Belongs here: comparing answers with those of SQL, and their times. Does not belong here: the
questions (``questions.yaml``, ``questions_later.yaml``) and the rows (:mod:`.question_lake`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.figures import Figure, Options
from benchmarks.question_lake import AS_OF, question_lake
from benchmarks.stack import private_stack
from platform_assets.core.settings import Settings
from platform_assets.core.trino import execute
from reports.questions.ask import Asker, clock_of
from reports.questions.outcomes import AmbiguousError, NotUnderstoodError

ROOM = Path(__file__).resolve().parent
SEEN = ROOM / "questions.yaml"
LATER = ROOM / "questions_later.yaml"
THIRD = ROOM / "questions_third.yaml"
"""Questions that were written after the grammar was fixed, and again after that."""

GOAL = 2.0
_PLACES = Decimal("0.0001")


@dataclass(frozen=True)
class Asked:
    """A question and what became of it.

    Attributes:
        text: the question.
        outcome: ``right``, ``refused`` (asked back, too) or ``wrong``.
        detail: why.
        seconds: from the words to the answer.
    """

    text: str
    outcome: str
    detail: str
    seconds: float


def ask_all(settings: Settings, path: Path, as_of: datetime, step: int = 1) -> Iterator[Asked]:
    """Ask every ``step``-th question of a file, and compare with the answer of its SQL."""
    asker, clock = Asker(settings), clock_of(as_of)
    number = 0
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
        expected: list[tuple[Any, ...]] | None = None
        for text in entry["ask"]:
            number += 1
            if number % step:
                continue
            began = time.monotonic()
            try:
                answer = asker.answer(text, clock)
            except (AmbiguousError, NotUnderstoodError) as error:
                yield Asked(text, "refused", error.message, time.monotonic() - began)
                continue
            seconds = time.monotonic() - began
            if expected is None:
                expected = execute(settings, entry["sql"]).rows if entry.get("sql") else []
            same = alike(answer.result.rows, expected) if entry.get("sql") else False
            detail = "" if same else f"{answer.interpretation}: {answer.result.rows[:2]}"
            yield Asked(text, "right" if same else "wrong", detail, seconds)


def alike(rows: Sequence[tuple[Any, ...]], expected: Sequence[tuple[Any, ...]]) -> bool:
    """Whether two results hold the same rows; numbers to four places, in any order."""
    return sorted(map(_plain, rows), key=str) == sorted(map(_plain, expected), key=str)


def _plain(row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(_value(value) for value in row)


def _value(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return Decimal(str(value)).quantize(_PLACES).normalize() + 0
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def run(options: Options) -> list[Figure]:
    """The figures ``questions`` and ``ask``; a scale below 1 asks but a share of the questions."""
    step = max(1, round(1 / options.scale))
    with private_stack(("postgres", "trino")) as settings, question_lake(settings):
        options.say("once, so that Trino is warm")
        for _ in ask_all(settings, SEEN, AS_OF, 4 * step):
            pass
        found = {
            path.stem: list(ask_all(settings, path, AS_OF, step)) for path in (SEEN, LATER, THIRD)
        }
    counts = {name: Counter(one.outcome for one in asked) for name, asked in found.items()}
    for asked in found.values():
        for one in asked:
            if one.outcome != "right":
                options.say(f"{one.outcome}: {one.text}: {one.detail}")
    every = [one for asked in found.values() for one in asked]
    seconds = np.array([one.seconds for one in every])
    p50, p95 = (float(value) for value in np.percentile(seconds, (50, 95)))
    wrong = sum(one.outcome == "wrong" for one in every)
    extra = {
        f"{name}_{outcome}": count[outcome]
        for name, count in counts.items()
        for outcome in ("right", "refused", "wrong")
    }
    return [
        Figure("questions", wrong, "wrong", goal="0 wrong", met=not wrong, extra=extra),
        Figure(
            "ask", p95, "s", goal=f"p95 under {GOAL:.0f} s", met=p95 < GOAL,
            extra={"p50": p50, "questions": len(every)},
        ),
    ]  # fmt: skip
