"""The shell around the commands: help, one-line errors, exit codes."""

import os
import subprocess
import sys
from pathlib import Path

WEIR = Path(sys.executable).with_name("weir")


def weir(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [WEIR, *arguments],
        env=os.environ | {"COLUMNS": "120"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_lists_the_commands_with_examples():
    done = weir("--help")
    assert done.returncode == 0
    assert "weir up" in done.stdout
    for command in ("up", "down", "status", "doctor", "logs"):
        assert command in done.stdout


def test_help_imports_nothing_heavy():
    script = (
        "import sys; from platform_assets.cli.app import build; build(); "
        "print(sorted({'dagster', 'polars', 'pyspark'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_an_error_is_one_line_and_its_way_out(tmp_path):
    done = weir("logs", "kafak", WEIR_HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first == "weir: no server 'kafak'"
    assert "kafka" in second


def test_a_missing_cluster_address_is_named(tmp_path):
    done = weir("status", WEIR_PROFILE="cluster", WEIR_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "WEIR_KAFKA_BOOTSTRAP" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_training_that_cannot_be_launched_says_what_to_do(tmp_path):
    done = weir("models", "train", "purchase", WEIR_HOME=str(tmp_path), WEIR_PORT_BASE="19600")
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first == "weir: silver.commerce.clickstream: the table does not exist"
    assert second.strip() == "start the servers and send data: weir up, weir simulate"
    done = weir("models", "train", "weather", WEIR_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "known: purchase" in done.stderr


def test_down_with_nothing_running_is_well(tmp_path):
    done = weir("down", WEIR_HOME=str(tmp_path / "none"))
    assert done.returncode == 0
    assert "Nothing was running" in done.stdout
