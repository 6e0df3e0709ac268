"""``weir sql`` without a server: what it says when Trino is away, or asked nonsense."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from platform_assets.cli import sql as cli_sql
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import get_settings


@pytest.fixture
def app(monkeypatch, tmp_path):
    monkeypatch.setenv("WEIR_HOME", str(tmp_path))
    monkeypatch.setenv("WEIR_PORT_BASE", "1024")
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    get_settings.cache_clear()
    made = typer.Typer()
    made.callback()(lambda: None)
    cli_sql.register(made)
    yield made
    get_settings.cache_clear()


def test_unreachable_trino_says_what_to_do(app) -> None:
    result = CliRunner().invoke(app, ["sql", "select 1"])
    assert isinstance(result.exception, WeirError)
    assert "127.0.0.1:1029 does not answer" in result.exception.message
    assert "weir up" in result.exception.hint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sql", " ; "], "nothing to run"),
        (["sql", "select 1", "--json", "--csv"], "cannot be combined"),
    ],
)
def test_bad_use_is_refused(app, arguments, message) -> None:
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, WeirError)
    assert message in result.exception.message
