"""Laws of planning: bounded, exact, fair, and loud about gaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.engines.base import MicroBatch, OffsetRange
from platform_assets.streaming.halts import Halt, Reason
from platform_assets.streaming.plan import Extent, LogGapError, LogShorterError, plan_ranges
from platform_assets.streaming.windows import window_at

extents = st.dictionaries(
    st.integers(0, 11),
    st.tuples(st.integers(0, 500), st.integers(0, 5000), st.integers(0, 5000)),
    max_size=12,
)


@given(extents, st.integers(1, 4000))
def test_ranges_start_where_the_ledger_ends_and_stay_in_the_log(
    drawn: dict[int, tuple[int, int, int]], bound: int
) -> None:
    logs = {p: Extent(low, low + seen + waits) for p, (low, seen, waits) in drawn.items()}
    following = {p: low + seen for p, (low, seen, _) in drawn.items()}
    ranges = plan_ranges("t.t", logs, following, bound)
    for item in ranges:
        assert item.start == following[item.partition]
        assert item.start < item.end <= logs[item.partition].high
    assert sum(item.offsets for item in ranges) <= bound
    assert len({item.partition for item in ranges}) == len(ranges)


@given(
    st.dictionaries(
        st.integers(0, 5),
        st.tuples(st.integers(0, 500), st.just(0), st.integers(0, 60)),
        max_size=6,
    ),
    st.integers(1, 80),
)
def test_repeated_plans_take_everything_exactly_once(
    drawn: dict[int, tuple[int, int, int]], bound: int
) -> None:
    logs = {p: Extent(low, low + waits) for p, (low, _, waits) in drawn.items()}
    following = {p: extent.low for p, extent in logs.items()}
    for _ in range(1000):
        ranges = plan_ranges("t.t", logs, following, bound)
        if not ranges:
            break
        for item in ranges:
            assert item.start == following[item.partition]
            following[item.partition] = item.end
    assert following == {p: extent.high for p, extent in logs.items()}


@given(st.integers(2, 1000))
def test_no_partition_starves_while_the_bound_allows(bound: int) -> None:
    logs = {0: Extent(0, 10_000_000), 1: Extent(0, 1)}
    assert {item.partition for item in plan_ranges("t.t", logs, {}, bound)} == {0, 1}


def test_records_lost_to_retention_are_an_error_that_names_them() -> None:
    with pytest.raises(LogGapError, match=r"t\.t partition 1: offsets 5 to 9 were never taken"):
        plan_ranges("t.t", {0: Extent(0, 3), 1: Extent(10, 20)}, {0: 3, 1: 5}, 100)


def test_a_gap_names_the_lost_records_of_every_partition() -> None:
    logs = {0: Extent(4, 9), 1: Extent(10, 20), 2: Extent(0, 3)}
    with pytest.raises(LogGapError) as raised:
        plan_ranges("t.t", logs, {0: 3, 1: 5, 2: 1}, 100)
    assert raised.value.gaps == (OffsetRange(0, 3, 4), OffsetRange(1, 5, 10))
    assert "partition 0: offsets 3 to 3, partition 1: offsets 5 to 9" in str(raised.value)


ranges = st.lists(
    st.builds(lambda p, at, n: OffsetRange(p, at, at + n), st.integers(0, 3), st.integers(0, 9),
              st.integers(1, 9)),
    max_size=3, unique_by=lambda item: item.partition,
).map(tuple)  # fmt: skip


@given(st.sampled_from(Reason), st.integers(1, 3), ranges, st.integers(1, 3), ranges)
def test_an_acceptance_covers_the_records_that_were_halted_for_their_rows_and_no_others(
    reason: Reason, halted: int, its: tuple[OffsetRange, ...], other: int,
    others: tuple[OffsetRange, ...],
) -> None:  # fmt: skip
    accepted = Halt.parse(Halt(reason, halted, its).stored())
    assert accepted == Halt(reason, halted, its)
    same = reason is Reason.ROWS and halted == other and sorted(its) == sorted(others)
    assert accepted is not None
    assert accepted.covers(MicroBatch(other, others)) == same


def test_a_log_shorter_than_the_ledger_is_an_error() -> None:
    with pytest.raises(LogGapError, match="recorded up to offset 7, but the log ends at 3"):
        plan_ranges("t.t", {0: Extent(0, 3)}, {0: 7}, 100)


def test_a_log_that_lacks_a_partition_that_was_taken_from_is_an_error() -> None:
    with pytest.raises(LogShorterError, match=r"t\.t: partitions \[1\] were taken from"):
        plan_ranges("t.t", {0: Extent(0, 3)}, {0: 3, 1: 0}, 100)


def test_an_empty_topic_plans_nothing() -> None:
    assert plan_ranges("t.t", {0: Extent(0, 0), 1: Extent(4, 4)}, {}, 100) == ()


@given(st.integers(946_684_800, 4_102_444_800), st.integers(1, 86_400))
def test_a_window_holds_its_moment_and_meets_the_next(moment: int, seconds: int) -> None:
    at = datetime.fromtimestamp(moment, UTC)
    window = window_at(at, seconds)
    assert window.opened_at <= at < window.closes_at
    assert window.closes_at - window.opened_at == timedelta(seconds=seconds)
    assert window_at(window.closes_at, seconds).opened_at == window.closes_at
    assert window_at(window.opened_at, seconds).key == window.key
