"""Run worker, daemon and Kafka killed again and again, at random points and in random order."""

from __future__ import annotations

import random

import pytest

from platform_assets.core.settings import Settings
from tests.integration.kills import SEED, quiet_stream, survive

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

TWICE = ["run worker", "kafka"]
ONCE = ["run worker and daemon", "daemon"]


def test_kills_at_random_points_change_nothing(dagster_stack: Settings) -> None:
    names = [*TWICE, *TWICE, *ONCE]
    random.Random(SEED).shuffle(names)
    survive(quiet_stream(dagster_stack), names)
