"""What a person is told before a run starts, and which addresses afterwards."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from platform_assets.cli.links import answers
from platform_assets.cli.preflight import told
from platform_assets.graph.gold import cause_of
from platform_assets.local import doctor
from platform_assets.local.doctor import Finding

FOUND = [
    Finding("Python 3.11 or 3.12", True, "3.11.2", "apt-get install python3"),
    Finding("5 GB free", False, "0.3 GB", "free some space"),
    Finding("Chromium", False, "none on PATH", "apt-get ...", needed=False, package="chromium"),
    Finding("a font", False, "none", "apt-get ...", needed=False, package="fonts-noto-cjk"),
    Finding("trino in the cache", False, "not fetched yet", "weir up", needed=False),
]


def test_what_a_run_would_use_is_named_with_one_command() -> None:
    assert told(FOUND, root=False) == [
        "missing: 5 GB free (0.3 GB); fix: free some space",
        "missing: Chromium (none on PATH)",
        "missing: a font (none)",
        (
            "to install it: sudo apt-get update && sudo apt-get install -y --no-install-recommends "
            "chromium fonts-noto-cjk"
        ),
    ]
    assert told(FOUND, root=True)[-1].startswith("to install it: apt-get update && apt-get ")


def test_a_machine_that_lacks_nothing_is_told_nothing() -> None:
    assert told([FOUND[0], FOUND[-1]], root=True) == []


def test_a_driver_without_its_library_is_named_with_debians_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "driver" / "node"
    node.parent.mkdir()
    node.write_text(
        "#!/bin/sh\necho 'node: error while loading shared libraries: libatomic.so.1: cannot open'"
        " >&2\nexit 127\n"
    )
    node.chmod(0o755)
    monkeypatch.setattr(doctor, "package_folder", lambda _: tmp_path)
    assert told([doctor._driver()], root=True) == [
        "missing: Playwright's driver for PDFs (libatomic.so.1: cannot open)",
        "to install it: apt-get update && apt-get install -y --no-install-recommends libatomic1",
    ]


def test_an_address_is_for_a_server_that_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/reports/x"
        assert answers(url)
    assert not answers(url)
    assert not answers("")


def test_the_root_cause_of_a_build_is_what_dbt_blames() -> None:
    said = (
        "The dbt CLI process with command\n\n`dbt build`\n\nfailed with exit code `1`. Check the "
        "stdout in the Dagster compute logs for the full information about the error, or view the "
        "dbt debug log: /home/x/dbt.log.\n\nErrors parsed from dbt logs:\n\n"
        "Database Error in model sessions\n  TrinoUserError: line 3: Column 'x' is not there"
    )
    assert cause_of(said) == (
        (
            "dbt build failed: Database Error in model sessions TrinoUserError: line 3: "
            "Column 'x' is not there"
        ),
        "dbt's log: /home/x/dbt.log",
    )
    assert cause_of("exit code 2")[0] == "dbt build failed: exit code 2"
