"""Settings that no clock or comparison can use are refused where they are read."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from platform_assets.core.settings import Settings
from platform_assets.graph.components import SimulatorSource


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400"])
@pytest.mark.parametrize(
    "name", ["STREAM_PACE_SECONDS", "STREAM_MAX_HOURS", "REQUEST_TIMEOUT_SECONDS"]
)
def test_a_number_is_finite(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"WEIR_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


@pytest.mark.parametrize("wrong", [{"weeks": float("nan")}, {"weeks": float("inf")}, {"events": 0}])
def test_a_simulated_history_has_a_length(wrong: dict[str, float]) -> None:
    given = {"source": "web", "topics": ["a.b"], "owner": "a@weir.example", **wrong}
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        SimulatorSource.model_validate(given)
