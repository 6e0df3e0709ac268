"""Fixtures over the real servers.

Belongs here: one stack of servers a test session, in a home and on ports of its own, and new homes
where that does not do. Does not belong here: data or topics (each test makes its own, under names
of its own).
"""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from platform_assets.core.settings import Settings, get_settings
from platform_assets.core.trino import execute
from platform_assets.engines.spark.session import open_session, release
from platform_assets.local import supervise
from platform_assets.local.wait import wait_until
from tests.ports import free_port_base
from tests.shared import Shared

hypothesis.settings.register_profile(
    "weir", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
# A full machine makes no law false: nothing here is a test of time.
hypothesis.settings.load_profile("weir")


def pytest_configure() -> None:
    """A terminated run ends as after Ctrl-C: its fixtures stop the servers that they started."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


LONG_FILES = (
    "test_run_once.py",
    "test_dagster_ui.py",
    "test_survive_kills.py",
    "test_survive_kill_matrix.py",
    "test_sources_run.py",
    "test_models_loop.py",
    "test_docs_readme.py",
    "test_gold_zones.py",
    "test_gold_live.py",
    "test_gold_lake.py",
    "test_engine_equality.py",
    "test_engine_spark_log.py",
    "test_engine_spark_connect.py",
    "test_registry_mlflow.py",
    "test_local_servers.py",
    "test_serving_load.py",
)
"""Files of minutes, longest first. Begun early, none of them keeps one worker busy at the end.

The one on zones is short, and reads the lake that the one after it changes."""


TOGETHER = {
    "test_run_once.py": "Dagster",
    "test_dagster_ui.py": "Dagster",
    "test_survive_kills.py": "Dagster",
    "test_survive_kill_matrix.py": "Dagster",
    "test_sources_run.py": "Dagster",
    "test_engine_equality.py": "Spark",
    "test_engine_spark_log.py": "Spark",
    "test_docs_readme.py": "Trino",
    "test_gold_zones.py": "Trino",
    "test_gold_live.py": "Trino",
    "test_gold_lake.py": "Trino",
    "test_portal_trino.py": "Trino",
    "test_report_facts.py": "Trino",
    "test_report_make.py": "Trino",
    "test_weir_ask.py": "Trino",
    "test_cdc_postgresql.py": "Connect",
    "test_cdc_mariadb.py": "Connect",
    "test_docs_database_changes.py": "Connect",
    "test_outside_changes.py": "Connect",
}
"""Files that one worker runs: two of Dagster's daemons starve each other on two cores, a second
Spark session or Trino costs half a minute, and a second Kafka Connect half a gigabyte."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, then those on servers, then the unit tests; within each as collected."""
    order = {name: place for place, name in enumerate(LONG_FILES)}

    def place(item: pytest.Item) -> tuple[int, bool]:
        return order.get(item.path.name, len(order)), "unit" in item.path.parts

    items.sort(key=place)


class _FilesTogether(LoadFileScheduling):
    """A file's tests run in one worker; the files of a group in :data:`TOGETHER` all in one."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return TOGETHER.get(Path(file).name, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """The order in which ``--dist loadfile`` hands out files."""
    return _FilesTogether(config, log) if config.getvalue("dist") == "loadfile" else None


@contextmanager
def new_home() -> Iterator[Settings]:
    """A home and ports that nobody uses; this process and its children mean them from now on.

    Whatever was started there is stopped at the end, also after a failure; then what was meant
    before is meant again.
    """
    with ExitStack() as stack:
        home = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="weir-test-", ignore_cleanup_errors=True)
        )
        stack.callback(get_settings.cache_clear)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("WEIR_HOME", home)
        patch.setenv("WEIR_PORT_BASE", str(free_port_base()))
        # Peers of the tests are on this machine.
        patch.setenv("WEIR_SOURCE_NETWORKS", "127.0.0.0/8")
        get_settings.cache_clear()
        settings = get_settings()
        stack.callback(supervise.stop, settings)
        yield settings


@pytest.fixture(scope="session")
def weir_home() -> Iterator[Settings]:
    """Settings of a home of this session's own."""
    with new_home() as settings:
        yield settings


@pytest.fixture(scope="session")
def settings(weir_home: Settings) -> Settings:
    """Settings of a running PostgreSQL; what a module needs besides, it adds to them."""
    supervise.start(weir_home, ("postgres",))
    return weir_home


@pytest.fixture(scope="session")
def stack(weir_home: Settings) -> Settings:
    """Settings of running Kafka, schema registry and PostgreSQL."""
    supervise.start(weir_home, ("postgres", "kafka", "registry"))
    return weir_home


@pytest.fixture(scope="session")
def trino_stack(stack: Settings) -> Settings:
    """Settings of the stack with Trino."""
    supervise.start(stack, ("trino",))
    return stack


@contextmanager
def _spark() -> Iterator[Any]:
    # A JVM that lives for a minute spends more on its second compiler than it gains by it.
    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
        session, own = open_session(Settings(home=Path(home)))
        yield session
        if own:
            release(session)


@pytest.fixture(scope="session")
def spark_sessions(request: pytest.FixtureRequest) -> Iterator[Shared[Any]]:
    """The one classic Spark session of this process; a Connect session cannot open beside it."""
    shared = Shared(_spark, request.session, "spark_sessions")
    yield shared
    shared.end()


@pytest.fixture(scope="module")
def spark_session(request: pytest.FixtureRequest, spark_sessions: Shared[Any]) -> Iterator[Any]:
    """The Spark session that all tests of the Spark engine share; their last module ends it."""
    yield from spark_sessions.used_by(request)


@pytest.fixture(scope="module")
def servers_restored(weir_home: Settings) -> Iterator[None]:
    """For a module that kills shared servers: at its end, all that run answer again.

    Trino keeps connections to PostgreSQL that a kill has broken; each is dropped when it fails.
    """
    yield
    running = [row.name for row in supervise.status(weir_home) if row.state == "RUNNING"]

    def answer() -> bool:
        return all(row.health == "ready" for row in supervise.status(weir_home, running))

    def catalogs_answer() -> bool:
        for _ in range(3):
            for (name,) in execute(weir_home, "show catalogs").rows:
                execute(weir_home, f'show schemas from "{name}"')
        return True

    wait_until(answer, what="the servers ready again", timeout=180)
    if "trino" in running:
        wait_until(catalogs_answer, what="Trino's catalogs answering again", timeout=180, every=1)


@pytest.fixture(scope="module")
def quick_hashes() -> Iterator[None]:
    """For a module of many sign-ins at the portal: each takes half a second of CPU by default."""
    from argon2 import PasswordHasher

    from reports.portal import users

    with pytest.MonkeyPatch.context() as patch:
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(users, "_hasher", quick)
        yield


@contextmanager
def _with_dagster() -> Iterator[Settings]:
    """A running stack with Dagster in a home of its own.

    Its daemon's sensors act on all that they find, and would on what other tests look at.
    """
    with new_home() as settings:
        names = ("postgres", "kafka", "registry", "dagster-webserver", "dagster-daemon")
        # Servers have the variables of their start: sources that a test adds are looked for there.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WEIR_SOURCES", str(settings.home / "sources"))
            supervise.start(settings, names)
        yield settings


@pytest.fixture(scope="session")
def dagster_stacks(
    request: pytest.FixtureRequest, weir_home: Settings
) -> Iterator[Shared[Settings]]:
    """The one stack with Dagster of this process; idle, it would take a quarter of a core."""
    del weir_home  # the session's stays in the background
    shared = Shared(_with_dagster, request.session, "dagster_stacks")
    yield shared
    shared.end()


@pytest.fixture(scope="module")
def dagster_stack(
    request: pytest.FixtureRequest, dagster_stacks: Shared[Settings]
) -> Iterator[Settings]:
    """Settings of a running stack with Dagster; :data:`TOGETHER` keeps its modules in a row."""
    yield from dagster_stacks.used_by(request)
