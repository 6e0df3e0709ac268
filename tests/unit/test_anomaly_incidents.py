"""Incidents: the state machine, point by point, and its laws over any stream."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.anomaly.errors import AnomalyError
from ml.anomaly.incidents import Event, Kind, Rule, State, step

RULE = Rule(open_after=1, recover_after=30.0, update_every=10.0, worse_by=2.0)


def play(
    points: Iterable[tuple[float, float]], rule: Rule = RULE, state: State | None = None
) -> tuple[State, list[Event]]:
    state = state or State("s")
    told: list[Event] = []
    for time, score in points:
        state, events = step(state, time, score, 5.0, rule)
        told += events
    return state, told


def kinds(told: list[Event]) -> list[str]:
    return [event.kind.value for event in told]


def test_many_points_above_the_threshold_are_one_incident() -> None:
    points = [(float(at), 6.0) for at in range(100)] + [(float(at), 0.0) for at in range(100, 200)]
    _, told = play(points)
    assert kinds(told) == ["opened", "recovered"]
    assert told[1].incident.points == 100
    assert told[1].incident.last_at == 99.0
    assert told[1].at == 129.0
    assert told[0].incident.id == told[1].incident.id == "s@0.000"


def test_an_incident_that_gets_worse_is_told_again_but_not_at_once() -> None:
    _, told = play([(0, 6), (1, 100), (5, 100), (10, 7), (11, 150), (25, 250)])
    assert kinds(told) == ["opened", "updated", "updated"]
    assert [event.at for event in told] == [0, 10, 25]
    assert (told[1].incident.peak, told[1].incident.peak_at) == (100, 1)


def test_a_short_pause_belongs_to_the_incident() -> None:
    _, told = play([(0, 6), (10, 0), (29, 6), (40, 0), (58, 0), (59, 0)])
    assert kinds(told) == ["opened", "recovered"]
    assert told[1].at == 59


def test_after_recovery_the_next_is_another_incident() -> None:
    _, told = play([(0, 6), (40, 0), (50, 6)])
    assert kinds(told) == ["opened", "recovered", "opened"]
    assert told[2].incident.id == "s@50.000"


def test_after_a_silence_one_incident_ends_and_the_next_begins_with_the_same_point() -> None:
    state, told = play([(0, 6), (100, 6), (101, 0)])
    assert kinds(told) == ["opened", "recovered", "opened"]
    assert [event.incident.opened_at for event in told] == [0, 0, 100]
    assert state.opened


def test_a_rule_may_ask_for_several_strange_points_in_a_row() -> None:
    rule = Rule(open_after=3, recover_after=30.0)
    assert not play([(0, 6), (1, 6), (2, 0), (3, 6), (4, 6)], rule)[1]
    _, told = play([(0, 0), (1, 6), (2, 6), (3, 6)], rule)
    assert kinds(told) == ["opened"]
    assert (told[0].at, told[0].incident.opened_at) == (3, 1)


def test_points_on_either_side_of_a_silence_are_not_in_a_row() -> None:
    assert not play([(0, 6), (100, 6)], Rule(open_after=2, recover_after=30.0))[1]


def test_an_infinite_threshold_opens_nothing() -> None:
    assert step(State("s"), 0.0, 1e9, float("inf"), RULE)[1] == ()


def test_the_threshold_itself_is_not_strange() -> None:
    assert not play([(0, 5.0)])[1]


POINTS = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from([0.0, 4.0, 6.0, 20.0, 90.0])), max_size=60
).map(
    lambda steps: [(float(sum(s for s, _ in steps[: n + 1])), x) for n, (_, x) in enumerate(steps)]
)


@given(POINTS, st.integers(1, 3))
def test_every_incident_opens_once_then_is_updated_then_recovers_once(
    points: list[tuple[float, float]], open_after: int
) -> None:
    state, told = play(points, Rule(open_after, 30.0, 10.0, 2.0))
    open_id = None
    for event in told:
        if event.kind is Kind.OPENED:
            assert open_id is None
            open_id = event.incident.id
        else:
            assert event.incident.id == open_id
        if event.kind is Kind.RECOVERED:
            assert event.at - event.incident.last_at >= 30.0
            open_id = None
    assert state.opened == (open_id is not None)
    opened = [event.incident.id for event in told if event.kind is Kind.OPENED]
    assert len(opened) == len(set(opened))


@given(POINTS, st.integers(0, 60))
def test_a_replay_tells_nothing_twice(points: list[tuple[float, float]], cut: int) -> None:
    state, told = play(points[:cut])
    # After a crash the stream starts again somewhere before the point that was last seen.
    again, more = play(points[max(0, cut - 7) :], state=state)
    assert (again, told + more) == play(points)


@given(POINTS)
def test_with_one_point_to_open_no_strange_point_is_lost(
    points: list[tuple[float, float]],
) -> None:
    state, told = play(points)
    ended = [event.incident.points for event in told if event.kind is Kind.RECOVERED]
    still = state.incident.points if state.incident else 0
    assert sum(ended) + still == sum(score > 5.0 for _, score in points)


@pytest.mark.parametrize(
    "wrong", [{"open_after": 0}, {"recover_after": 0.0}, {"update_every": -1.0}, {"worse_by": 1.0}]
)
def test_rules_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(AnomalyError):
        Rule(**wrong)  # type: ignore[arg-type]


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(AnomalyError, match="nan"):
        step(State("s"), 0.0, float("nan"), 5.0, RULE)
