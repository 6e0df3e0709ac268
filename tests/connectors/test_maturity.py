"""What each type of connector claims is what its tests prove."""

from __future__ import annotations

import importlib
import pkgutil

from platform_assets.connectors.seam.types import Maturity, connector_types
from tests import connectors


def test_a_type_claims_what_its_tests_prove() -> None:
    proven: dict[str, Maturity] = {}
    for module in pkgutil.iter_modules(connectors.__path__):
        if module.name.startswith("test_"):
            loaded = importlib.import_module(f"{connectors.__name__}.{module.name}")
            proven.update(getattr(loaded, "PROVES", {}))
    claimed = {name: one.maturity for name, one in connector_types().items()}
    assert claimed == {name: proven.get(name, Maturity.CONFIGURED) for name in claimed}
    assert set(proven) <= set(claimed), "tests of a type that is not there"
