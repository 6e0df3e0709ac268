"""The servers themselves: who listens where, what a kill does, what a stop leaves."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.local import fetch, processes, starting, supervise, supervisord
from platform_assets.local.artifacts import manifest
from platform_assets.local.model import run_dir
from platform_assets.local.servers import catalogue
from platform_assets.local.wait import wait_until
from tests.ports import free_port_base

pytestmark = pytest.mark.usefixtures("servers_restored")

WEIR = Path(sys.executable).with_name("weir")


def row(settings: Settings, name: str) -> supervise.Status:
    (found,) = supervise.status(settings, [name])
    return found


@pytest.fixture(scope="module")
def with_postgres(tmp_path_factory):
    """A home in which PostgreSQL has run: its databases are made, which takes seconds."""
    settings = Settings(home=tmp_path_factory.mktemp("made"), port_base=free_port_base())
    supervise.start(settings, ["postgres"])
    supervise.stop(settings)
    return settings.home


@pytest.fixture
def own_home(with_postgres, tmp_path):
    """Settings of a home of this test's own; whatever it starts is stopped."""
    home = tmp_path / "home"
    for folder in ("data", "secrets"):
        shutil.copytree(with_postgres / folder, home / folder)
    settings = Settings(home=home, port_base=free_port_base())
    yield settings
    supervise.stop(settings)


def test_status_shows_each_server_as_it_is(stack):
    rows = {status.name: status for status in supervise.status(stack)}
    for name in ("postgres", "kafka", "registry"):
        assert rows[name].health == "ready", rows[name]
        assert rows[name].state == "RUNNING"
        assert rows[name].memory_bytes > 10 * 2**20
        assert rows[name].version
    assert rows["kafka"].address == stack.kafka_bootstrap
    assert {status.health for status in rows.values()} <= {"ready", "stopped"}


def test_what_servers_write_is_their_owners_alone(stack):
    assert stack.home.stat().st_mode & 0o777 == 0o700
    logs = [stack.home / "logs" / f"{name}.log" for name in ("kafka", "postgres", "registry")]
    segments = list((stack.home / "data" / "kafka").rglob("*.log"))
    assert segments
    for path in (*logs, *segments):
        assert not path.stat().st_mode & 0o077, path


def test_status_as_json(stack):
    done = subprocess.run(
        [WEIR, "status", "--json"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    rows = {status["name"]: status for status in json.loads(done.stdout)}
    assert rows["kafka"]["health"] == "ready"


def test_everything_listens_on_loopback_only(stack):
    supervisor = supervisord.pid(stack)
    members = {process.pid for process in processes.family([psutil.Process(supervisor)])}
    members |= {process.pid for process in processes.marked(stack)}
    listening = [
        connection
        for connection in psutil.net_connections("inet")
        if connection.pid in members and connection.status == psutil.CONN_LISTEN
    ]
    ports = {connection.laddr.port for connection in listening}
    base = stack.port_base
    assert {base, base + 1, base + 2, base + 3, base + 4} <= ports
    elsewhere = [
        connection
        for connection in listening
        if connection.laddr.ip.removeprefix("::ffff:") not in {"127.0.0.1", "::1"}
    ]
    assert elsewhere == []


def test_postgres_wants_its_password_and_is_not_root(stack):
    with psycopg.connect(stack.postgres_dsn("ledger"), connect_timeout=10) as connection:
        assert connection.execute("show server_version_num").fetchone()[0].startswith("18")
        assert connection.execute("show wal_level").fetchone() == ("logical",)
    wrong = stack.postgres_dsn("ledger").replace(stack.postgres_password(), "guessed")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong, connect_timeout=10)
    data = stack.home / "data" / "postgres"
    assert data.stat().st_mode & 0o077 == 0


def test_the_registry_refuses_an_incompatible_schema(stack):
    def register(fields: list[dict[str, object]]) -> httpx.Response:
        schema = json.dumps({"type": "record", "name": "Probe", "fields": fields})
        return httpx.post(
            f"{stack.registry_url}/subjects/local-probe-value/versions",
            json={"schema": schema, "schemaType": "AVRO"},
            timeout=30,
        )

    assert register([{"name": "a", "type": "string"}]).status_code == 200
    refused = register([{"name": "a", "type": "string"}, {"name": "b", "type": "long"}])
    assert refused.status_code == 409, refused.text


def test_topics_are_not_made_by_chance(stack):
    admin = AdminClient({"bootstrap.servers": stack.kafka_bootstrap})
    admin.list_topics("never.created", timeout=10)
    assert "never.created" not in admin.list_topics(timeout=10).topics


def test_a_killed_kafka_comes_back_with_its_topics(stack):
    admin = AdminClient({"bootstrap.servers": stack.kafka_bootstrap})
    admin.create_topics([NewTopic("local.survivor", 2, 1)])["local.survivor"].result(30)
    before = row(stack, "kafka").pid
    os.kill(before, signal.SIGKILL)

    after = wait_until(
        lambda: (now := row(stack, "kafka")).pid != before and now.health == "ready" and now.pid,
        what="kafka serving again",
        timeout=120,
    )

    assert after != before
    topics = admin.list_topics(timeout=10).topics
    assert len(topics["local.survivor"].partitions) == 2
    config = (stack.home / "etc" / "kafka" / "server.properties").read_text()
    assert "log.message.timestamp.type=LogAppendTime" in config


def test_a_killed_postgres_comes_back_with_its_rows(stack):
    dsn = stack.postgres_dsn("ledger")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table if not exists local_survivor as select 42 as answer")
    before = row(stack, "postgres").pid
    os.kill(before, signal.SIGKILL)
    wait_until(
        lambda: (now := row(stack, "postgres")).pid != before and now.health == "ready",
        what="postgres serving again",
        timeout=120,
    )
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select answer from local_survivor").fetchone() == (42,)
    wait_until(
        lambda: row(stack, "registry").health == "ready",
        what="the registry reconnecting",
        timeout=120,
    )


def test_a_taken_port_is_one_clear_line(stack, tmp_path):
    done = subprocess.run(
        [WEIR, "up", "--only", "postgres"],
        env=os.environ | {"WEIR_HOME": str(tmp_path / "other")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("weir:")]
    assert len(lines) == 1, done.stderr
    pid = row(stack, "postgres").pid
    assert f"port {stack.postgres_port}, which postgres needs, is taken by pid {pid}" in lines[0]
    assert "Traceback" not in done.stderr
    assert processes.marked(Settings(home=tmp_path / "other")) == []


def test_a_server_that_cannot_start_shows_its_last_words(own_home):
    (own_home.home / "data" / "postgres" / "postgresql.conf").write_text(
        "include 'weir.conf'\nno = sense\n"
    )
    with pytest.raises(starting.ServerDiedError) as caught:
        supervise.start(own_home, ["postgres"])
    assert "postgres ended while it was starting" in caught.value.message
    assert 'unrecognized configuration parameter "no"' in caught.value.message
    assert caught.value.hint == "see `weir logs postgres`"
    assert not supervise.is_running(own_home)


def test_up_after_the_supervisor_was_killed(own_home):
    supervise.start(own_home, ["postgres"])
    with psycopg.connect(own_home.postgres_dsn("ledger"), autocommit=True) as connection:
        connection.execute("create table kept as select 1 as one")
    orphan = row(own_home, "postgres").pid
    supervisor = supervisord.pid(own_home)
    os.kill(supervisor, signal.SIGKILL)
    wait_until(
        lambda: (
            not psutil.pid_exists(supervisor) or not processes.alive(psutil.Process(supervisor))
        ),
        what="the supervisor being dead",
        timeout=10,
    )
    assert processes.alive(psutil.Process(orphan))

    supervise.start(own_home, ["postgres"])

    assert row(own_home, "postgres").pid != orphan
    assert not psutil.pid_exists(orphan) or not processes.alive(psutil.Process(orphan))
    with psycopg.connect(own_home.postgres_dsn("ledger")) as connection:
        assert connection.execute("select one from kept").fetchone() == (1,)


def test_a_supervisor_of_an_earlier_release_is_stopped_and_asked_for_nothing_new(
    own_home, monkeypatch
):
    earlier = {name: one for name, one in catalogue(own_home).items() if name != "models"}
    with monkeypatch.context() as then:
        then.setattr(supervise, "catalogue", lambda settings: earlier)
        supervise.start(own_home, ["postgres"])
    assert row(own_home, "models").state == "STOPPED"
    with pytest.raises(WeirError) as caught:
        supervise.start(own_home, ["models"])
    assert "knows no models" in caught.value.message
    assert caught.value.hint == "run `weir down`, then `weir up`"
    assert supervise.stop(own_home) > 3
    assert processes.marked(own_home) == []


def test_stop_leaves_no_process(own_home):
    supervise.start(own_home, ["postgres"])
    members = processes.family([psutil.Process(supervisord.pid(own_home))])
    assert len(members) > 3
    # A worker of PostgreSQL may end by itself in between: the count is of those found at the stop.
    assert supervise.stop(own_home) > 3
    assert [process for process in members if processes.alive(process)] == []
    assert processes.marked(own_home) == []
    assert supervise.stop(own_home) == 0


def test_ctrl_c_while_starting_stops_what_was_started(own_home):
    process = subprocess.Popen(
        [WEIR, "up", "--only", "registry"],
        env=os.environ
        | {"WEIR_HOME": str(own_home.home), "WEIR_PORT_BASE": str(own_home.port_base)},
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if "registry" in line and "starting" in line:
            break
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait(timeout=120) != 0
    assert "Traceback" not in rest
    assert not supervise.is_running(own_home)
    assert processes.marked(own_home) == []


def test_a_second_command_waits_its_turn(own_home):
    from platform_assets.core.locks import LockedError, file_lock

    lock = run_dir(own_home) / "lock"
    with file_lock(lock, what="a test", timeout=0), pytest.raises(LockedError) as caught:
        supervise.start(own_home, ["postgres"])
    assert str(lock) in caught.value.message
    assert f"pid {os.getpid()}" in caught.value.message


def test_a_real_download_is_verified(tmp_path):
    item = next(item for item in manifest()["kafka"] if item.file.startswith("slf4j-api"))
    told = []
    folder = fetch.ensure(
        ["one"],
        lambda what, done, total: told.append((what, done, total)),
        cache=tmp_path,
        bundles={"one": (item,)},
    )["one"]
    assert (folder / item.file).stat().st_size == item.size
    assert told[-1] == ("downloading one", item.size, item.size)
    assert list(tmp_path.glob("fetch-*")) == []


def test_what_is_not_there_says_so(tmp_path, monkeypatch):
    item = next(item for item in manifest()["kafka"] if item.file.startswith("slf4j-api"))
    gone = type(item)("slf4j-api-0.0.0.jar", "org.slf4j:slf4j-api:0.0.0", 10, "0" * 64)
    monkeypatch.setattr(fetch, "ATTEMPTS", 1)
    with pytest.raises(WeirError) as caught:
        fetch.ensure(["one"], cache=tmp_path, bundles={"one": (gone,)})
    assert "slf4j-api" in caught.value.message
