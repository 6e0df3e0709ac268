"""Is the model in service well? Four findings for people, from the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from ml.drift.log import Entry
from ml.drift.quality import NAMES, floor_of, health
from ml.drift.watch import evidence
from ml.spec import Metric


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        well: whether it is as it should be.
        reason: in words, either way.
        figures: numbers behind it.
    """

    well: bool
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)


def data_state(entries: Sequence[Entry]) -> Finding:
    """What the newest period said about the features.

    Args:
        entries: of one version, oldest first.
    """
    if not entries:
        return Finding(True, "no period has been judged yet")
    decision = entries[-1].decision
    moved = len(decision.streaks)
    return Finding(
        not decision.retrain, f"{decision.period}: {decision.reason}", {"features_moved": moved}
    )


def metric_state(
    entries: Sequence[Entry], validated: float | None, metric: Metric = "f1"
) -> Finding:
    """What all labels say about the metric, from the counts of every period."""
    name, floor = NAMES[metric], floor_of(validated) if validated is not None else None
    if floor is None:
        return Finding(True, f"not watched: the version tells no {name} of its validation")
    periods = evidence(entries)
    labels = sum(each.counts.n for each in periods)
    if not labels:
        return Finding(
            True, "no label has arrived since it was trained", {f"floor_{metric}": floor}
        )
    found = health([each.counts for each in periods], floor, metric=metric)
    figures: dict[str, float] = {
        f"floor_{metric}": floor,
        "labels": labels,
        "evidence": found.evidence,
        "needed": found.needed,
    }
    values = (each.counts.value(metric) for each in reversed(periods))
    recent = next((value for value in values if value is not None), None)
    if recent is not None:
        figures[f"{metric}_of_last_period"] = recent
    if not found.alarm:
        return Finding(
            True, f"{name} is not shown to be below {floor:.3f} ({labels} labels)", figures
        )
    since = [each for each in periods if each.counts.n][found.since - 1].decision.period
    reason = f"{name} is shown to be below {floor:.3f}, likely since {since} ({labels} labels)"
    return Finding(False, reason, figures)


def age_state(trained_until: datetime, now: datetime, most: timedelta) -> Finding:
    """Whether the training data are recent enough."""
    age = now - trained_until
    days = age / timedelta(days=1)
    reason = f"trained on data until {trained_until:%Y-%m-%d}, {days:.0f} days ago"
    if age > most:
        reason += f"; the limit is {most.days} days"
    return Finding(age <= most, reason, {"days": days})


def gap_state(entries: Sequence[Entry], trained_until: datetime, last: date) -> Finding:
    """Whether every day from the end of the training data to ``last`` was judged.

    A gap breaks the persistence: a feature that moved before and after it counts from one again.
    """
    there = {entry.day for entry in entries}
    first = trained_until.date()
    wanted = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    missing = [day for day in wanted if day not in there]
    if not missing:
        return Finding(True, f"every day from {first} to {last} was judged", {"missing": 0})
    told = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
    reason = f"{len(missing)} day(s) not judged: {told}; backfill the model's asset drift"
    return Finding(False, reason, {"missing": len(missing)})
