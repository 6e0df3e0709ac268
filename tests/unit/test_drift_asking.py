"""When a training is asked for: each reason once, never within the cool-down, never in a loop."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from ml.drift.asking import RETRY_AFTER, Ask, Request, Wait, next_request, tags_of
from ml.drift.compare import Move
from ml.drift.decide import Decision
from ml.drift.log import Entry, moves_from, moves_to_json

START = date(2026, 3, 1)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def entry(day: int, *, retrain: bool = True, alarm: bool = False, version: int = 1) -> Entry:
    moves = (
        Move("price", "numeric", 0.0, 0.4, 1.234),
        Move("recency_hours", "missing", 0.0, 0.2, -0.12),
        Move("events", "numeric", 0.9, 0.01, 0.02),
    )
    decision = Decision(
        (START + day * DAY).isoformat(), retrain, "moved: price" if retrain else "no feature moved",
        moves, {"price": 2, "recency_hours:missing": 3}, str(version), "f",
    )  # fmt: skip
    return Entry(
        "purchase", version, decision, datetime(2026, 3, 1, tzinfo=UTC),
        alarm=alarm, alarm_reason="metric below floor: F1" if alarm else "",
    )  # fmt: skip


def asked(day: int, version: int = 1, *, failed: bool = False, retry: bool = False,
          ended: bool = True, hours: float = 100) -> Request:  # fmt: skip
    return Request(
        version, START + day * DAY, retry, NOW - timedelta(hours=hours) if ended else None, failed,
        {"weir/model": "purchase", "weir/attempt": "1"},
    )  # fmt: skip


def ask(
    entries: list[Entry], past: list[Request] | None = None, champion: int | None = 1,
    trial: int | None = None, cooldown: timedelta = DAY,
) -> Ask | Wait:  # fmt: skip
    return next_request(entries, past or [], champion, trial, cooldown=cooldown, now=NOW)


def test_the_run_is_told_which_feature_moved_by_how_much() -> None:
    found = ask([entry(5)])
    assert isinstance(found, Ask)
    assert found.key == "purchase/1/2026-03-06"
    assert found.tags == {
        "weir/model": "purchase", "weir/version": "1", "weir/period": "2026-03-06",
        "weir/reason": "moved: price", "weir/feature": "price, recency_hours",
        "weir/shift": "+1.23 sd, -12.0 points empty", "weir/attempt": "1",
    }  # fmt: skip


def test_labels_that_turn_are_a_reason_without_a_feature() -> None:
    found = ask([entry(5, retrain=False, alarm=True)])
    assert isinstance(found, Ask)
    assert found.tags["weir/reason"].startswith("metric below floor")
    assert found.tags["weir/feature"] == found.tags["weir/shift"] == ""


@pytest.mark.parametrize(
    ("why", "arguments"),
    [
        ("no new period", ([],)),
        ("none of them a reason", ([entry(5, retrain=False)],)),
        ("no version is in service", ([entry(5)], [], None)),
        ("version 2 is on trial", ([entry(5)], [], 1, 2)),
        ("training is running", ([entry(9)], [asked(5, ended=False)])),
        ("other versions than 2", ([entry(5)], [], 2)),
        ("before the end of the training data", ([entry(-1)],)),
        ("cooling down", ([entry(5)], [asked(5)])),
        ("cooling down", ([entry(4)], [asked(5)])),
        ("cooling down", ([entry(6)], [asked(3), asked(5)])),
        ("tried again after", ([entry(9)], [asked(5, failed=True, hours=0.5)])),
    ],
)
def test_it_waits_and_says_why(why: str, arguments: tuple[list[Entry]]) -> None:
    found = ask(*arguments)
    assert isinstance(found, Wait)
    assert why in found.reason


def test_a_failed_training_is_tried_once_more_then_a_person_is_called() -> None:
    failed = asked(5, failed=True, hours=RETRY_AFTER / timedelta(hours=1))
    found = ask([], [failed])
    assert isinstance(found, Ask)
    assert found.key == "purchase/1/2026-03-06/2"
    assert found.tags["weir/attempt"] == "2"
    twice = [failed, asked(5, failed=True, retry=True)]
    found = ask([], twice)
    assert isinstance(found, Wait)
    assert found.gave_up == twice[1]
    assert isinstance(ask([entry(6)], twice), Ask), "a later day may ask anew"
    assert isinstance(ask([], twice, champion=2), Wait)


def test_a_reason_found_among_several_new_periods_is_not_lost() -> None:
    found = ask([entry(5), entry(6, retrain=False), entry(7, retrain=False)])
    assert isinstance(found, Ask)
    assert found.tags["weir/period"] == "2026-03-06"


@effort(max_examples=150)
@given(
    ticks=st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(-3, 40), st.integers(1, 3), st.booleans()), max_size=4),
            st.sampled_from(["succeeds", "fails", "runs on"]),
            st.sampled_from(["stays", "champion changes", "trial begins", "trial ends"]),
        ),
        max_size=40,
    ),
    cooldown=st.integers(1, 5),
)
def test_never_twice_for_a_period_and_never_within_the_cool_down(ticks, cooldown) -> None:  # type: ignore[no-untyped-def]
    past: list[Request] = []
    champion, trial = 1, None
    seen: set[str] = set()
    for news, end, change in ticks:
        if change == "champion changes":
            champion, trial = champion % 3 + 1, None
        elif change == "trial begins":
            trial = champion + 10
        elif change == "trial ends":
            trial = None
        past = [r if r.ended_at else asked_like(r, failed=end == "fails", runs=end == "runs on")
                for r in past]  # fmt: skip
        entries = [entry(day, version=version, retrain=yes) for day, version, yes in news]
        found = next_request(
            entries, past, champion, trial, cooldown=cooldown * DAY, now=NOW
        )  # fmt: skip
        if isinstance(found, Wait):
            continue
        assert trial is None
        assert found.key not in seen, "no reason twice"
        seen.add(found.key)
        assert int(found.tags["weir/version"]) == champion
        day = date.fromisoformat(found.tags["weir/period"])
        first = [r.period for r in past if not r.retry]
        if found.tags["weir/attempt"] == "1":
            assert all(day - period >= cooldown * DAY for period in first)
            same = [r.period for r in past if r.version == champion and not r.retry]
            if same:
                assert day - max(first) >= cooldown * DAY * 2 ** (len(same) - 1)
        else:
            assert sum(r.period == day and r.version == champion for r in past) == 1
        past.append(
            Request(champion, day, found.tags["weir/attempt"] == "2", None, False, found.tags)
        )


def asked_like(request: Request, *, failed: bool, runs: bool) -> Request:
    ended = None if runs else NOW - timedelta(hours=2)
    return Request(
        request.version, request.period, request.retry, ended, failed and not runs, request.tags
    )


@given(st.floats(allow_nan=False), st.text())
def test_moves_survive_the_record(shift: float, level: str) -> None:
    moves = (Move("a", "numeric", 0.5, 0.1, shift), Move("b", "categorical", 0, 1, -1.0, level))
    assert moves_from(json.loads(moves_to_json(moves))) == moves


def test_tags_stay_short() -> None:
    assert all(len(value) <= 500 for value in tags_of(entry(1)).values())
