"""The laws of the cache in front of the metrics: nothing old is given, whatever gets lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import DatabaseAwayError
from platform_assets.processors.hot.answers import BOUND_SECONDS, Answers
from platform_assets.processors.hot.cache import FIRST_PAUSE, LONGEST_PAUSE, Breaker
from platform_assets.processors.hot.metrics import Answer, By, MetricsError, Of, question


class World:
    """A hot path that counts its writes, what is heard of them, and a cache that never forgets."""

    def __init__(self) -> None:
        self.now, self.writes = 1000.0, list[float]()
        self.version: str | None = "0"
        self.kept: dict[str, Answer] = {}
        self.gone = self.deaf = False
        self.asked = 0
        self.answers = Answers(self, lambda: self.version, lambda: self.now)

    async def get(self, key: str) -> Answer | None:
        await asyncio.sleep(0)
        return None if self.gone else self.kept.get(key)

    async def put(self, key: str, answer: Answer) -> None:
        await asyncio.sleep(0)
        if not self.gone:
            self.kept[key] = answer

    def write(self) -> None:
        self.writes.append(self.now)
        if not self.deaf:
            self.version = str(len(self.writes))

    def heard_all(self) -> bool:
        return self.version == str(len(self.writes))

    def maker(
        self, during: Callable[[], None] = lambda: None
    ) -> Callable[[], Coroutine[Any, Any, Answer]]:
        async def make() -> Answer:
            self.asked += 1
            made = Answer(self.now, b"%d" % len(self.writes))
            during()
            await asyncio.sleep(0)
            return made

        return make


_STEPS = st.lists(
    st.one_of(
        st.sampled_from(["write", "lose a write", "ask", "ask while one writes", "fall", "rise"]),
        st.floats(0.01, 3.0),
    ),
    max_size=40,
)


@given(_STEPS)
def test_no_answer_is_older_than_the_bound_and_none_from_before_an_event_that_was_heard(
    steps: list[str | float],
) -> None:
    async def play() -> None:
        world = World()
        for step in steps:
            if isinstance(step, float):
                world.now += step
            elif step in ("write", "lose a write"):
                world.deaf = step == "lose a write"
                world.write()
                world.deaf = False
            elif step in ("fall", "rise"):
                world.gone = step == "fall"
            else:
                during = world.write if "writes" in step else lambda: None
                before, heard = len(world.writes), world.heard_all()
                found = await world.answers.give("q", world.maker(during))
                count = int(found.answer.body)
                assert world.now - found.answer.as_of <= BOUND_SECONDS
                assert count >= sum(at < world.now - BOUND_SECONDS for at in world.writes)
                assert count >= before or not heard

    asyncio.run(play())


def test_many_who_ask_at_once_cost_one_question_and_later_ones_none() -> None:
    async def play() -> World:
        world = World()
        found = await asyncio.gather(*(world.answers.give("q", world.maker()) for _ in range(50)))
        assert not any(one.found for one in found)
        assert (await world.answers.give("q", world.maker())).found
        world.version = None  # nobody can tell: PostgreSQL is asked
        assert not (await world.answers.give("q", world.maker())).found
        return world

    assert asyncio.run(play()).asked == 2


def test_an_answer_that_took_too_long_is_not_given() -> None:
    async def play() -> None:
        world = World()

        def late() -> None:
            world.now += BOUND_SECONDS + 0.1

        with pytest.raises(DatabaseAwayError, match="took too long"):
            await world.answers.give("q", world.maker(late))

    asyncio.run(play())


def test_a_breaker_lets_one_try_after_each_pause_and_all_when_it_worked() -> None:
    now = 0.0
    breaker = Breaker(lambda: now)
    assert breaker.failed()
    assert not breaker.failed()  # another call, begun before: it says nothing new
    tries = []
    for _ in range(2000):
        now += 0.05
        if breaker.may_try():
            assert not breaker.may_try()
            breaker.failed()
            tries.append(now)
    pauses = [after - before for before, after in pairwise(tries)]
    assert min(pauses) >= FIRST_PAUSE / 2
    assert max(pauses) <= LONGEST_PAUSE + 0.1
    assert len(tries) < 30
    now += LONGEST_PAUSE
    assert breaker.may_try()
    assert breaker.worked()
    assert breaker.may_try()
    assert breaker.may_try()


NOW = datetime(2026, 11, 29, 23, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("by", "first", "end"),
    [
        (By.MINUTE, NOW.replace(hour=22, minute=31, second=0), NOW.replace(minute=31, second=0)),
        (By.HOUR, datetime(2026, 11, 29, 0, tzinfo=UTC), datetime(2026, 11, 30, 0, tzinfo=UTC)),
        (By.DAY, datetime(2026, 10, 31, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)),
    ],
)
def test_what_runs_now_is_part_of_the_answer(by: By, first: datetime, end: datetime) -> None:
    asked = question(Of.SENTIMENT, by, None, None, NOW)
    assert (asked.since, asked.until) == (first, end)


def test_a_question_without_time_or_for_too_much_is_refused() -> None:
    with pytest.raises(MetricsError, match="nothing lies"):
        question(Of.TOPIC, By.HOUR, NOW, NOW, NOW)
    with pytest.raises(MetricsError, match="more than 1440 minutes"):
        question(Of.TOPIC, By.MINUTE, NOW - timedelta(days=2), None, NOW)
