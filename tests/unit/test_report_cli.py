"""``weir report``: what is refused before anything is begun."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from platform_assets.cli.app import build
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import get_settings
from tests.ports import free_port_base


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEIR_HOME", str(tmp_path))
    # Somebody's servers may listen on the ports that are usual.
    monkeypatch.setenv("WEIR_PORT_BASE", str(free_port_base()))
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()


def run(*words: str):
    return CliRunner().invoke(build(), ["report", *words])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["weekly"], "no report 'weekly'; one of daily-energy, weekly-commerce"),
        (
            ["weekly-commerce", "--period", "2010-12"],
            "'2010-12' is not a week; write it as 2010-W50",
        ),
        (["daily-energy", "--period", "2010-W50"], "'2010-W50' is not a day"),
        (
            ["weekly-commerce", "--period", "2101-W01"],
            "has no period 2101-W01; the first is 2010-W48",
        ),
        (["weekly-commerce", "--period", "1999-W01"], "the first is 2010-W48"),
        (["weekly-commerce", "--period", "2010-W50"], "start the servers: weir up"),
    ],
)
def test_wrong_input_says_what_to_do(home: Path, words: list[str], said: str) -> None:
    done = run(*words)
    assert isinstance(done.exception, WeirError)
    assert said in str(done.exception)
    assert not (home / "reports").exists()


def test_without_a_name_reports_are_listed(home: Path) -> None:
    done = run()
    assert done.exit_code == 0
    assert "weekly-commerce" in done.output
    assert "daily-energy" in done.output
