"""The code server's fork server: where runs begin, what ends them, and what forbids the fork."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import yaml
from pydantic import BaseModel

from platform_assets.connectors.seam.types import ConnectorType, connector_types
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import REPOSITORY
from platform_assets.local.wait import wait_until
from platform_assets.sources import VARIABLE
from tests.connectors.scene import contract

SCRIPT = """
import json, multiprocessing, os, signal, time
from platform_assets.graph.codeserver import serve_forks

forks = serve_forks()
context = multiprocessing.get_context("forkserver")
seen = {"forks": forks, "me": os.getpid()}

told = context.Queue()
run = context.Process(target=told.put, args=("done",))
run.start()
seen["told"] = told.get(timeout=30)
run.join(30)
seen["ended"] = run.exitcode

run = context.Process(target=time.sleep, args=(60,))
run.start()
with open(f"/proc/{run.pid}/stat") as file:
    seen["parent"] = int(file.read().rpartition(") ")[2].split()[1])
os.kill(forks, signal.SIGTERM)
run.join(0.5)
seen["outlives"] = run.is_alive()
os.kill(run.pid, signal.SIGTERM)
run.join(30)
seen["killed"] = run.exitcode
print(json.dumps(seen))
"""


def test_runs_are_forked_and_their_end_is_known_after_a_sigterm_to_all() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["told"] == "done"
    assert seen["ended"] == 0
    assert seen["parent"] == seen["forks"] != seen["me"]
    assert seen["outlives"], "a draining run would be taken for one that died"
    assert seen["killed"] == -15
    wait_until(lambda: not _alive(seen["forks"]), what="the fork server ending", timeout=30)


DEFINITIONS = """
import json, sys
from platform_assets.graph.codeserver import THREADED, may_fork

may = may_fork("platform_assets.definitions")
from platform_assets.definitions import defs
print(json.dumps({
    "may": may,
    "connectors": sorted({str(node.metadata["connector"])
                          for node in defs.resolve_asset_graph().asset_nodes
                          if "connector" in node.metadata}),
}))
"""
SAMPLES: dict[str, Any] = {
    "base_url": "https://example.com",
    "url": "https://example.com/",
    "opcua.url": "opc.tcp://example.com",
    "mongodb.url": "mongodb://example.com",
    "sql.url": "postgresql+psycopg://weir@example.com/shop",
    "topics": ["a/b"],
    "nodes": ["ns=2;s=a"],
    "registers": [{"name": "a", "address": 1}],
    "secrets": ["A_SECRET"],
    "passwords": ["A_SECRET"],
    "token_url": "https://example.com",
    "sap_event_mesh.uri": "wss://example.com/amqp",
    "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA",
    "key": "id",
    "sql.key": ["id"],
    "sql.table": "orders",
    "instance": "https://example.com",
    "login": {"kind": "client_credentials", "client_id": "weir", "client_secret": "A_SECRET"},
    "salesforce_events.topic": "/event/Paid__e",
    "graphql.query": "query($first: Int) { a(first: $first) { id } }",
}
"""Entry, or type and entry -> a value that is taken."""


def sample(kind: ConnectorType, model: type[BaseModel]) -> dict[str, Any]:
    """What a type requires, filled in."""
    return {
        name: SAMPLES.get(f"{kind.name}.{name}", SAMPLES.get(name, "awordofsomelength"))
        for name, field in model.model_fields.items()
        if field.is_required() or f"{kind.name}.{name}" in SAMPLES
    }


def write_source(root: Path, kind: ConnectorType) -> None:
    """A source of a type, and its topic's contract."""
    home = root / f"one_{kind.name}"
    home.mkdir()
    topic = f"test.{home.name}"
    stream = {
        "stream": "rows",
        "topic": topic,
        "options": sample(kind, kind.stream),
        "columns": {"id": "id"},
        "identity": ["id"],
    }
    attributes = {
        "source": home.name,
        "connector": kind.name,
        "owner": "team:tests",
        "config": sample(kind, kind.config),
        "streams": [stream],
    }
    document = {"type": "platform_assets.graph.sources.Source", "attributes": attributes}
    (home / "defs.yaml").write_text(yaml.safe_dump(document))
    written = contract(TopicName.parse(topic), {"id": "integer"})
    (home / f"{topic}.yaml").write_text(yaml.safe_dump(written))


def test_sources_of_all_types_leave_runs_to_be_forked(tmp_path: Path) -> None:
    for kind in connector_types().values():
        write_source(tmp_path, kind)
    done = run(DEFINITIONS, tmp_path)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["connectors"] == sorted(connector_types()), "add to SAMPLES what it takes"
    assert seen["may"], done.stderr


def test_the_log_says_who_imported_what_forbids_the_fork(tmp_path: Path) -> None:
    (tmp_path / "polars.py").write_text("")
    (tmp_path / "acme_rows.py").write_text("import polars")
    (tmp_path / "acme_type.py").write_text("def load():\n    import acme_rows")
    (tmp_path / "acme_defs.py").write_text("import acme_type\nacme_type.load()")
    script = "from platform_assets.graph.codeserver import may_fork; print(may_fork('acme_defs'))"
    done = run(script, tmp_path, PYTHONPATH=str(tmp_path))
    assert done.stdout.strip() == "False"
    chain = "polars, imported by acme_rows, imported by acme_type, imported by acme_defs"
    assert done.stderr.count("runs are not forked") == 1
    assert chain in done.stderr


def run(script: str, sources: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A script in a fresh interpreter."""
    path = os.pathsep.join([*filter(None, [environment.pop("PYTHONPATH", "")]), str(REPOSITORY)])
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, VARIABLE: str(sources), "PYTHONPATH": path, **environment},
        cwd=sources,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
