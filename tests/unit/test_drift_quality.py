"""Counts of a day say all that the monitor needs, and a record of counts says it again."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.canary.outcomes import f1_credit, f1_level
from ml.drift.concept import Monitor
from ml.drift.quality import TOLERANCE, Counts, count, floor_of, health

ANSWERS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=60)


@settings(max_examples=30)
@given(st.lists(ANSWERS, min_size=1, max_size=6), st.floats(0.05, 0.95))
def test_a_monitor_fed_with_counts_is_one_fed_with_answers(days, floor: float) -> None:  # type: ignore[no-untyped-def]
    counts = []
    monitor = Monitor(f1_level(floor))
    for day in days:
        said, was = np.array(day, dtype=int).reshape(-1, 2).T
        counts.append(count(pl.DataFrame({"label": said, "actual": was})))
        monitor.add(f1_credit(said, was, floor))
    by_counts, by_answers = health(counts, floor), monitor.health
    assert by_counts.evidence == pytest.approx(by_answers.evidence, abs=1e-9)
    assert (by_counts.alarm, by_counts.n, by_counts.since) == (
        by_answers.alarm, by_answers.n, by_answers.since,
    )  # fmt: skip


def test_counts_and_f1_of_a_day() -> None:
    rows = pl.DataFrame({"label": [1, 1, 0, 0, 1], "actual": [1, 0, 1, 0, 1]})
    assert count(rows) == Counts(tp=2, fp=1, fn=1, tn=1)
    assert count(rows).f1 == pytest.approx(4 / 6)
    assert count(rows.head(0)) == Counts()
    assert Counts(tn=9).f1 is None


def test_a_floor_needs_a_validation_value_to_hold_to() -> None:
    assert floor_of(0.4) == pytest.approx(0.4 * (1 - TOLERANCE))
    assert floor_of(0.0) is None
    assert floor_of(1.0) is None
