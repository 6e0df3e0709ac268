"""One day of one model: compare, decide, draw, write down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.drift import pages
from ml.drift.compare import DriftError
from ml.drift.decide import Reference, Rules, judge
from ml.drift.log import DriftLog, Entry
from ml.drift.quality import NAMES, Counts, count, floor_of, health
from ml.spec import Metric, Retraining
from platform_assets.core.settings import Settings

if TYPE_CHECKING:
    import polars as pl

    from ml.drift.report import Page

RULES = Rules()
"""For features of users: amounts, counts and rates; none is a code."""


@dataclass(frozen=True)
class Champion:
    """What a period is compared with.

    Attributes:
        model: its name.
        version: its number.
        reference: features of rows it was trained on.
        trained_until: end of its training data (UTC).
        validated: its metric at validation; None where it is not known: then labels are counted,
            not judged.
        artefact: its sealed folder; None where it is only compared, never asked.
        metric: that must not fall.
    """

    model: str
    version: int
    reference: pl.DataFrame
    trained_until: datetime
    validated: float | None = None
    artefact: Path | None = None
    metric: Metric = "f1"


@dataclass(frozen=True)
class Answers:
    """What the champion says.

    Attributes:
        reference: its scores on rows that it had not seen at training, shape (m,); may be empty.
        scores: its scores on the day's rows, shape (n,).
        labelled: ``label`` (the answer) and ``actual``, each 0 or 1, of those rows whose labels
            became known that day; rows of an earlier day.
    """

    reference: pl.Series
    scores: pl.Series
    labelled: pl.DataFrame


@dataclass(frozen=True)
class Watched:
    """What came out.

    Attributes:
        entry: as written to the log.
        page: the drawn page; None where there is none.
        distances: what Evidently measured, by name.
        notes: what was left out, and why.
    """

    entry: Entry
    page: Path | None
    distances: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def watch(
    settings: Settings,
    log: DriftLog,
    champion: Champion,
    day: date,
    rows: pl.DataFrame,
    answers: Answers | None = None,
    rules: Rules = RULES,
    *,
    retraining: Retraining = Retraining(),  # noqa: B008 (frozen)
) -> Watched:
    """Judge a day, write its pages and its row in the log; again, it is replaced.

    Args:
        settings: where pages go.
        log: the record; holds the day before, on which persistence rests.
        champion: what the day is compared with.
        day: the period, UTC.
        rows: the day's rows; at least the columns of the reference.
        answers: what the champion says; None where it is not asked.
        rules: when a feature counts as moved.
        retraining: what is a reason to train again, for the page.

    Raises:
        DriftError: rows lack a feature, or the reference is not that of the version.
        DatabaseError: PostgreSQL does not answer.
    """
    notes: list[str] = []
    reference = Reference(str(champion.version), champion.reference)
    before = log.find(champion.model, champion.version, day - timedelta(days=1))
    decision = judge(reference, rows, day.isoformat(), before.decision if before else None, rules)
    counts = count(answers.labelled) if answers else Counts()
    if not counts.n:
        notes.append("no label became known that day")
    alarm, alarm_reason = _alarm(log, champion, day, counts)
    entry = Entry(
        champion.model, champion.version, decision, champion.trained_until, counts, alarm,
        alarm_reason,
    )  # fmt: skip
    data = _data_page(champion, rows, answers, rules, notes) if decision.moves else None
    labels = _label_page(answers, notes) if answers and counts.n else None
    distances = {**(labels.results if labels else {}), **(data.results if data else {})}
    path = pages.write(
        settings, champion.model, day, _summary(entry, retraining, len(rows), distances, notes),
        data=data.html if data else None, labels=labels.html if labels else None,
    )  # fmt: skip
    # The log comes last: what it holds has its pages.
    log.put(entry)
    return Watched(entry, path if data else None, distances, tuple(notes))


def evidence(entries: Sequence[Entry]) -> list[Entry]:
    """The periods after the training data ended: earlier ones are what the model learnt from."""
    return [entry for entry in entries if entry.day >= entry.trained_until.date()]


def _alarm(log: DriftLog, champion: Champion, day: date, counts: Counts) -> tuple[bool, str]:
    floor = floor_of(champion.validated) if champion.validated is not None else None
    if floor is None or day < champion.trained_until.date():
        return False, ""
    known = evidence(log.of(champion.model, champion.version, limit=10_000))
    periods = [*(each.counts for each in known if each.day < day), counts]
    found = health(periods, floor, metric=champion.metric)
    if not found.alarm:
        return False, ""
    name = NAMES[champion.metric]
    return True, f"metric below floor: {name} is shown to be below {floor:.3f}; {found.n} labels"


def _data_page(
    champion: Champion,
    rows: pl.DataFrame,
    answers: Answers | None,
    rules: Rules,
    notes: list[str],
) -> Page | None:
    from ml.drift.report import data_page

    scores = None
    if answers is None or not len(answers.scores) or not len(answers.reference):
        notes.append("no drift of scores: one side has none")
    else:
        scores = (answers.reference, answers.scores)
    return _drawn(notes, lambda: data_page(champion.reference, rows, scores, rules.categorical))


def _label_page(answers: Answers, notes: list[str]) -> Page | None:
    from ml.drift.report import label_page

    return _drawn(notes, lambda: label_page(answers.labelled))


def _drawn(notes: list[str], draw: Any) -> Page | None:
    """A page is for looking: one that cannot be drawn does not keep the day from being judged."""
    try:
        page: Page = draw()
    except DriftError as error:
        notes.append(f"no page: {error}")
        return None
    return page


def _summary(
    entry: Entry,
    retraining: Retraining,
    rows: int,
    distances: dict[str, float],
    notes: Sequence[str],
) -> dict[str, Any]:
    decision = entry.decision
    return {
        "model": entry.model,
        "version": entry.version,
        "period": decision.period,
        "rows": rows,
        "retrain": bool(entry.reason_for(retraining)),
        "reason": "; ".join(filter(None, (decision.reason, entry.alarm_reason))),
        "labels": entry.counts.n,
        "f1": entry.counts.f1,
        "distances": distances,
        "notes": list(notes),
    }
