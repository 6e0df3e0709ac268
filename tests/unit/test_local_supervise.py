"""What the supervisor is told, and how its troubles are worded."""

import os
import socket
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from platform_assets.core.errors import DatabaseAwayError, WeirError
from platform_assets.core.locks import LockedError, file_lock
from platform_assets.core.settings import Settings
from platform_assets.local import doctor, processes, starting, supervisord
from platform_assets.local.model import socket_path, write_secret
from platform_assets.local.servers import DEFAULT, catalogue, with_needs
from platform_assets.local.wait import WaitTimeoutError, wait_until
from tests.ports import BLOCK


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    monkeypatch.delenv("WEIR_POSTGRES_PASSWORD", raising=False)
    return Settings(home=tmp_path, port_base=19_000)


def test_servers_start_after_what_they_need(settings):
    names = [server.name for server in with_needs(settings, ["dagster-daemon"])]
    assert names == ["postgres", "kafka", "dagster-code", "dagster-daemon"]


def test_work_begins_once_the_servers_it_needs_are_ready(settings, monkeypatch):
    done: list[str] = []
    begun = threading.Event()

    def bring_up(_settings, server, *_):
        if server.name == "trino":
            assert begun.wait(30), "the work waits for a server that it does not need"
        done.append(server.name)

    def work(_cancelled):
        assert "postgres" in done
        begun.set()

    monkeypatch.setattr(starting, "bring_up", bring_up)
    wanted = with_needs(settings, ["trino"])
    starting.bring_all_up(
        settings, wanted, [], lambda *_: None, [starting.Work(("postgres",), work)]
    )
    assert done == ["postgres", "trino"]


def test_work_that_fails_ends_the_start_and_one_under_way_is_told(settings, monkeypatch):
    told = threading.Event()

    def fails(_cancelled):
        raise WeirError("no topic")

    def lasts(cancelled):
        if cancelled.wait(30):
            told.set()

    monkeypatch.setattr(starting, "bring_up", lambda *_: None)
    beside = [starting.Work(("postgres",), lasts), starting.Work(("postgres",), fails)]
    with pytest.raises(WeirError, match="no topic"):
        starting.bring_all_up(
            settings, with_needs(settings, ["postgres"]), [], lambda *_: None, beside
        )
    assert told.is_set()


def test_an_unknown_server_lists_the_known_ones(settings):
    with pytest.raises(WeirError) as caught:
        with_needs(settings, ["kafak"])
    assert "'kafak'" in caught.value.message
    assert "registry" in caught.value.hint


def test_ports_do_not_collide_and_stay_in_one_block(settings):
    ports = [port for server in catalogue(settings).values() for port in server.ports]
    assert len(ports) == len(set(ports))
    assert all(19_000 <= port < 19_000 + BLOCK for port in ports)


def test_expected_memory_stays_under_six_gibibytes(settings):
    assert sum(catalogue(settings)[name].memory_mb for name in DEFAULT) < 6 * 1024


def test_the_configuration_holds_no_secret(settings):
    write_secret(settings.home / "secrets" / "postgres_password")
    text = supervisord.configuration(settings, list(catalogue(settings).values()))
    assert settings.postgres_password() not in text
    assert "password" not in text.lower()


def test_a_percent_sign_survives(tmp_path):
    # Settings refuse such a home; other values of the file may have one.
    settings = Settings(home=tmp_path).model_copy(update={"home": tmp_path / "50%"})
    text = supervisord.configuration(settings, [])
    assert f"{tmp_path}/50%%/run/supervisord.pid" in text


def test_a_secret_is_written_once_for_its_owner_only(tmp_path):
    path = tmp_path / "secrets" / "postgres_password"
    write_secret(path)
    first = path.read_text()
    write_secret(path)
    assert path.read_text() == first
    assert len(first) >= 32
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_long_home_gets_a_short_socket():
    deep = Settings(home=Path("/tmp") / ("deep" * 40))
    path = socket_path(deep)
    assert len(os.fsencode(path)) < 100
    assert path != socket_path(Settings(home=Path("/tmp") / ("keep" * 40)))


def test_a_taken_port_names_port_server_and_holder(settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = replace(catalogue(settings)["kafka"], ports=(port,))
        with pytest.raises(processes.PortTakenError) as caught:
            processes.require_ports(server)
    assert f"port {port}, which kafka needs, is taken by pid {os.getpid()}" in caught.value.message
    assert "WEIR_PORT_BASE" in caught.value.hint


def test_a_held_lock_names_its_holder(tmp_path):
    path = tmp_path / "lock"
    with (
        file_lock(path, what="starting servers", timeout=0),
        pytest.raises(LockedError) as caught,
        file_lock(path, what="stopping servers", timeout=0),
    ):
        pytest.fail("two holders")
    assert "stopping servers" in caught.value.message
    assert f"pid {os.getpid()}" in caught.value.message


def test_a_lock_whose_holder_was_killed_is_free(tmp_path):
    path = tmp_path / "lock"
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from platform_assets.core.locks import file_lock
        with file_lock(Path(sys.argv[1]), what="starting servers", timeout=0):
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False, timeout=60)
    assert done.returncode == -9
    assert "pid" in path.read_text(), "the killed holder left its name behind"
    with file_lock(path, what="starting servers", timeout=0):
        assert f"pid {os.getpid()}" in path.read_text()


def test_a_wait_that_ends_in_vain_tells_the_last_reason():
    def probe() -> bool:
        raise ConnectionRefusedError("nobody listens")

    with pytest.raises(WaitTimeoutError) as caught:
        wait_until(probe, what="kafka answering", timeout=0.05, every=0.01)
    assert "kafka answering did not happen" in caught.value.message
    assert "nobody listens" in caught.value.message


def test_a_database_that_is_away_is_waited_for():
    answers = iter([DatabaseAwayError("restarting"), True])

    def probe() -> bool:
        if isinstance(answer := next(answers), Exception):
            raise answer
        return answer

    assert wait_until(probe, what="a row", timeout=60, every=0.01)


def test_processes_end_even_if_they_will_not():
    import psutil

    script = (
        "import signal, sys; signal.signal(15, signal.SIG_IGN); print('on', flush=True); input()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout.readline() == b"on\n"
    assert processes.end([psutil.Process(child.pid)], grace=0.2) == []
    assert not psutil.pid_exists(child.pid)


def test_a_recorded_pid_that_is_another_process_now_is_let_be(settings):
    folder = settings.home / "run" / "pids"
    folder.mkdir(parents=True)
    (folder / "kafka.json").write_text(f'{{"pid": {os.getpid()}, "created": 1.0}}')
    (folder / "trino.json").write_text("cut sho")
    assert processes.recorded(settings) == []


def test_the_cluster_profile_starts_no_servers(monkeypatch, tmp_path):
    cluster = Settings(
        profile="cluster",
        kafka_bootstrap="k:9092",
        registry_url="http://r",
        lake_root="s3://lake",
        postgres_host="p",
        postgres_port=5432,
        trino_host="t",
        trino_port=8080,
    )
    with pytest.raises(WeirError, match="WEIR_PROFILE=cluster"):
        catalogue(cluster)


def test_doctor_names_the_command_that_mends(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = {finding.what: finding for finding in doctor.examine(settings) if not finding.ok}
    chromium = missing["Chromium for PDFs and browser tests"]
    assert chromium.fix == "apt-get install -y chromium"
    assert not chromium.needed
