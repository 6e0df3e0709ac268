"""A kill of PostgreSQL below the speed layer, while records come in: each still counts once."""

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


def test_a_killed_postgresql_loses_nothing_and_doubles_nothing(speed: Speed) -> None:
    with speed.process(), speed.stream(RATE * 4) as (sent, good, bad):
        before = speed.stored()
        wait_until(lambda: speed.stored() > before, what="rows", timeout=60)
        sent.wait(random.Random(7).uniform(0.05, 0.4))
        kill_server(speed.settings, "postgres")
    speed.assert_exact(good, bad)
