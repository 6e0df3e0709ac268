"""Laws of what a request may be, of ids, and of which champion a roll-back returns to."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.rollout.deployment import before
from ml.serving.checks import InputCheck, InputError
from ml.serving.ids import Ids, first_id
from ml.store.artefact import Field, Signature

EVERY = Signature(
    (
        Field("a", "double"),
        Field("b", "double", required=False),
        Field("c", "long"),
        Field("d", "string"),
        Field("e", "boolean"),
    ),
    (),
)
CHECK = InputCheck(EVERY)
GOOD = {"a": 1.5, "b": None, "c": 3, "d": "x", "e": True}
doubles = st.floats(allow_nan=False, allow_infinity=False)
longs = st.integers(-(2**63), 2**63 - 1)
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    doubles | longs, st.none() | doubles, longs, st.text(alphabet="abü✓", max_size=9), st.booleans()
)
def test_what_fits_the_signature_is_taken_in_its_order(a, b, c, d, e):
    inputs = {"e": e, "d": d, "c": c, "a": a} | ({} if b is None else {"b": b})
    key, values = CHECK.row({"key": "k", "inputs": inputs})
    assert key == "k"
    assert values == [float(a), b, c, d, e]
    assert type(values[0]) is float


def refused(call: Callable[[], object]) -> list[dict[str, str]]:
    """The problems of a call; none where it goes through."""
    try:
        call()
    except InputError as error:
        return error.as_json()
    return []


@settings(max_examples=50)
@given(st.dictionaries(st.text() | st.sampled_from(["key", "inputs", "rows"]), json))
def test_any_object_is_taken_or_refused_with_problems(body):
    check = InputCheck(Signature((Field("a", "double"),), ()))
    for call in (lambda: check.row(body), lambda: check.rows(body, 10)):
        assert all(one["rule"] and one["got"] for one in refused(call))


@given(st.dictionaries(st.sampled_from("abcdex"), json))
def test_the_quick_way_and_the_thorough_way_agree(inputs):
    plain = InputCheck(Signature((Field("a", "double"), Field("b", "double")), ()))
    body = {"key": "k", "inputs": inputs}
    found: list[object] = []
    for call in (lambda: plain.row(body), lambda: plain.rows({"rows": [body]}, 1)[0]):
        try:
            found.append(call())
        except InputError as error:
            found.append({one.field.removeprefix("rows[0].") for one in error.problems})
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("a", math.nan, "a finite number"),
        ("a", math.inf, "a finite number"),
        ("a", 10**400, "a finite number"),
        ("a", True, "a finite number"),
        ("a", "1", "a finite number"),
        ("a", None, "required double"),
        ("b", "1", "a finite number"),
        ("c", 1.0, "a 64-bit integer"),
        ("c", 2**63, "a 64-bit integer"),
        ("c", False, "a 64-bit integer"),
        ("d", 1, "a text of at most 10000 characters"),
        ("d", "a\0b", "a text of at most 10000 characters"),
        ("e", 1, "true or false"),
        ("z", 1, "a field of the signature"),
    ],
)
def test_each_rule_is_named(field, value, rule):
    with pytest.raises(InputError) as caught:
        CHECK.row({"key": "k", "inputs": {**GOOD, field: value}})
    (problem,) = caught.value.problems
    assert (problem.field, problem.rule) == (f"inputs.{field}", rule)


def test_a_value_is_never_repeated():
    with pytest.raises(InputError) as caught:
        CHECK.row({"key": "k", "inputs": {**GOOD, "a": "secret"}})
    assert "secret" not in str(caught.value)
    assert "secret" not in str(caught.value.as_json())


@pytest.mark.parametrize("key", ["", "x" * 257, 1, None, "a\0"])
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(InputError, match="a text of 1 to 256"):
        CHECK.row({"key": key, "inputs": GOOD})


@pytest.mark.parametrize("rows", [[], [{}] * 4, None, "x", [1]])
def test_a_batch_that_is_none_is_refused(rows):
    with pytest.raises(InputError):
        CHECK.rows({"rows": rows}, 3)


def test_ids_grow_and_tell_their_time():
    start = datetime.now(UTC)
    ids = Ids()
    # More than the counter of a millisecond holds.
    made = [ids.next() for _ in range(10_000)]
    assert made == sorted(set(made))
    for text in (made[0], made[-1]):
        found = uuid.UUID(text)
        assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert uuid.UUID(made[0]) >= first_id(start)
    assert (
        first_id(datetime(2027, 1, 1, tzinfo=UTC))
        > uuid.UUID(made[-1])
        > first_id(datetime(2026, 1, 1, tzinfo=UTC))
    )


def test_ids_grow_when_the_clock_steps_back(monkeypatch):
    ids = Ids()
    clock = iter([5_000_000_000, 1_000_000_000, 5_000_000_000, 5_001_000_000])
    monkeypatch.setattr("time.time_ns", lambda: next(clock))
    made = [ids.next() for _ in range(4)]
    assert made == sorted(set(made))


@given(st.lists(st.integers(0, 6), max_size=25))
def test_rolling_back_undoes_promotions_one_by_one(steps):
    """A step of 0 rolls back, any other number is tried and promoted: as on a stack."""
    rows: list[tuple[int, int | None]] = [(1, None)]
    stack = [1]
    for step in steps:
        if step == 0:
            to = before(rows)
            assert to == (stack[-2] if len(stack) > 1 else None)
            if to is not None:
                stack.pop()
                rows.append((to, None))
        elif step != stack[-1]:
            rows += [(stack[-1], step), (step, None)]
            stack.append(step)
    assert before(rows) == (stack[-2] if len(stack) > 1 else None)
