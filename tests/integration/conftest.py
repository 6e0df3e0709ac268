"""Fixtures that several modules on the real servers share.

Belongs here: what is costly to make and read by more than one module. Does not belong here:
servers (tests/conftest.py), what one module needs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from platform_assets.core.settings import Settings
from platform_assets.gold.fresh import FreshGold
from tests.integration.gold_lake import Lake, built
from tests.shared import Shared

LakeWithGold = tuple[Lake, FreshGold]


@pytest.fixture(scope="session")
def gold_lakes(
    request: pytest.FixtureRequest,
    trino_stack: Settings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shared[LakeWithGold]]:
    """The one lake with gold of this process."""
    root = tmp_path_factory.mktemp("lake")
    shared = Shared(lambda: built(trino_stack, root), request.session, "gold_lakes")
    yield shared
    shared.end()


@pytest.fixture(scope="module")
def lake_with_gold(
    request: pytest.FixtureRequest, gold_lakes: Shared[LakeWithGold]
) -> Iterator[LakeWithGold]:
    """The lake and its gold. Whoever changes rows in it runs last: test_gold_lake.py."""
    yield from gold_lakes.used_by(request)


@pytest.fixture(scope="module")
def lake(lake_with_gold: LakeWithGold) -> Lake:
    """The lake of :func:`lake_with_gold`."""
    return lake_with_gold[0]


@pytest.fixture(scope="module")
def gold(lake_with_gold: LakeWithGold) -> FreshGold:
    """The gold of :func:`lake_with_gold`."""
    return lake_with_gold[1]
