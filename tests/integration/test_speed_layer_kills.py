"""Kills of the servers below the speed layer, while records come in: each still counts once."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from platform_assets.core.settings import Settings
from platform_assets.local.wait import wait_until
from tests.integration.kills import kill_server
from tests.integration.speed import RATE, Speed

pytestmark = pytest.mark.usefixtures("servers_restored")


@pytest.fixture
def speed(stack: Settings) -> Iterator[Speed]:
    made = Speed(stack)
    yield made
    made.store.close()


@pytest.mark.parametrize(
    ("server", "kills"),
    [
        ("postgres", 1),
        pytest.param("postgres", 5, marks=pytest.mark.soak),
        pytest.param("kafka", 3, marks=pytest.mark.soak),
    ],
)
def test_a_killed_server_loses_nothing_and_doubles_nothing(
    speed: Speed, server: str, kills: int
) -> None:
    dice = random.Random(7)
    with speed.process(), speed.stream(RATE * 4 * kills) as (sent, good, bad):
        for _ in range(kills):
            before = speed.stored()
            wait_until(lambda before=before: speed.stored() > before, what="rows", timeout=60)
            sent.wait(dice.uniform(0.05, 0.4))
            kill_server(speed.settings, server)
    speed.assert_exact(good, bad)
