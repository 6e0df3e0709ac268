"""A topic without records is asked for less often, and never much later for it."""

from __future__ import annotations

from itertools import pairwise

from platform_assets.streaming.loop import IDLE_SLOWEST, quietly


def test_the_pause_of_a_quiet_topic_grows_and_is_bounded() -> None:
    pauses = [quietly(turns) for turns in range(1, 200)]
    assert pauses[0] < 1.2
    assert all(earlier <= later for earlier, later in pairwise(pauses))
    assert pauses[-1] == IDLE_SLOWEST
