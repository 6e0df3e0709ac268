"""What Debian lacks is installed where that is allowed, and named in one command where not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from platform_assets.core.settings import REPOSITORY

SCRIPT = REPOSITORY / ".ci" / "debian.sh"
LIST = """\
# a comment
run  there : true
run  browser : false
run  piped : yes | grep -q y
sources broker : false
test old-jdk new-jdk : command -v no-such-java
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of fakes in front of PATH: apt-get writes what it was asked to ``calls``."""
    (tmp_path / "list").write_text(LIST)
    (tmp_path / "calls").touch()
    fakes = {
        "apt-get": f'echo "$*" >> {tmp_path}/calls; echo "$SAYS"; exit ${{FAIL:-0}}',
        "apt-cache": 'test "$2" = old-jdk && echo "Candidate: (none)" || echo "Candidate: 1.0"',
        "id": 'echo "${FAKE_ID:-0}"',
        "sudo": 'test "${FAKE_SUDO:-no}" = yes || exit 1; shift; exec "$@"',
    }
    for name, body in fakes.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def ask(machine: Path, whom: str, **variables: str) -> tuple[str, list[str]]:
    """What the script says and asks apt-get for; it never fails."""
    path = f"{machine}:{os.environ['PATH']}"
    done = subprocess.run(
        [SCRIPT, *whom.split()],
        env={**os.environ, "PATH": path, "WEIR_DEBIAN_LIST": str(machine / "list"), **variables},
        cwd=machine,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""  # `make run ARGS=--json` owns it
    return done.stderr, (machine / "calls").read_text().splitlines()


@pytest.mark.parametrize("who", [{}, {"FAKE_ID": "1000", "FAKE_SUDO": "yes"}], ids=["root", "sudo"])
def test_what_is_missing_is_installed(machine: Path, who: dict[str, str]) -> None:
    _, calls = ask(machine, "test", **who)
    update, install = calls
    assert update.endswith(" update")
    assert install.endswith("install -y --no-install-recommends browser broker new-jdk")


def test_a_run_needs_less_than_the_tests(machine: Path) -> None:
    _, (_, install) = ask(machine, "run")
    assert install.endswith("--no-install-recommends browser")


def test_a_run_with_sources_needs_more(machine: Path) -> None:
    _, (_, install) = ask(machine, "run sources")
    assert install.endswith("--no-install-recommends browser broker")


def test_without_rights_the_one_command_is_printed(machine: Path) -> None:
    said, calls = ask(machine, "test", FAKE_ID="1000")
    assert calls == []
    assert said.startswith(
        "this machine lacks browser, broker, old-jdk or new-jdk; to install it:\n"
    )
    assert (
        "  sudo apt-get update && sudo apt-get install -y --no-install-recommends browser broker "
        "new-jdk\n"
    ) in said


def test_what_weir_run_says_by_itself_is_said_once(machine: Path) -> None:
    (machine / ".venv").mkdir()
    (machine / ".venv" / ".weir-stamp").touch()
    assert ask(machine, "run", FAKE_ID="1000") == ("", [])
    assert "to install it" in ask(machine, "test", FAKE_ID="1000")[0]


def test_a_mirror_that_is_away_stops_nothing(machine: Path) -> None:
    said, calls = ask(machine, "run", FAIL="100")
    assert [call.split()[-1] for call in calls] == ["update"]
    assert "apt-get update failed" in said
    assert "  apt-get update && apt-get install -y --no-install-recommends browser\n" in said


def test_apt_tells_how_far_it_is_and_hides_the_rest(machine: Path) -> None:
    says = """Need to get 271 MB of archives.
dlstatus:1:0.2500:Retrieving file 1 of 2
dlstatus:2:19.99:Retrieving file 2 of 2
dlstatus:2:45.3:Retrieving file 2 of 2
pmstatus:browser:100.0000:Installed browser
Setting up browser (1.0) ..."""
    said, _ = ask(machine, "run", SAYS=says)
    told = "  Need to get 271 MB of archives.\n"
    told += "  downloaded 40 %\n  installed 100 %\n"
    assert said.endswith(told)
    assert "Setting up" not in said


def test_a_failure_of_apt_is_shown(machine: Path) -> None:
    says = "\n".join(["dlstatus:1:0.25:x", *map(str, range(100, 120)), "E: no room"])
    said, _ = ask(machine, "run", SAYS=says, FAIL="100")
    assert "119\nE: no room\napt-get update failed" in said
    assert "100\n" not in said
    assert "dlstatus" not in said


def test_where_nothing_is_missing_nothing_is_said(machine: Path) -> None:
    (machine / "list").write_text("run there : true\n")
    assert ask(machine, "test") == ("", [])


def test_no_other_place_names_what_is_installed() -> None:
    """Every line of the list is well-formed, and the scripts name no package themselves."""
    lines = (SCRIPT.parent / "debian.txt").read_text().splitlines()
    rows = [line for line in lines if line and not line.startswith("#")]
    packages: set[str] = set()
    for row in rows:
        names, _, probe = row.partition(" : ")
        whom, *alternatives = names.split()
        assert whom in {"run", "sources", "test"}, row
        assert alternatives, row
        done = subprocess.run(["bash", "-n", "-c", probe], check=False, capture_output=True)
        assert done.returncode == 0, (row, done.stderr)
        packages |= set(alternatives)
    scripts = (SCRIPT.parent / "run").read_text() + SCRIPT.read_text()
    assert [name for name in packages - {"make"} if name in scripts] == []
