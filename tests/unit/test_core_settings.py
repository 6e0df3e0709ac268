"""Settings that no clock or comparison can use are refused where they are read."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
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


@pytest.mark.parametrize("folder", ["my lake", "50%", "été", "a#b", "[x]", "a:b", "x?"])
@pytest.mark.parametrize("name", ["WEIR_HOME", "WEIR_LAKE_ROOT"])
def test_a_folder_whose_tables_could_not_be_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, folder: str
) -> None:
    monkeypatch.setenv(name, str(tmp_path / folder))
    with pytest.raises(ValidationError, match=f"{name}.*set {name} to a folder"):
        Settings()


@pytest.mark.parametrize("folder", ["a-b_c.d+e=f@g~h"])
def test_tables_are_read_in_a_folder_that_is_accepted(tmp_path: Path, folder: str) -> None:
    settings = Settings(home=tmp_path / folder)
    frame = pl.DataFrame({"a": [1, 2]})
    path = f"{settings.lake_root}/bronze/t"
    frame.write_delta(path)
    assert pl.scan_delta(path).collect().equals(frame)
    assert DeltaTable(path).count() == 2
