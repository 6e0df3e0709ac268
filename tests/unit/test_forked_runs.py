"""The code server's fork server: where runs begin, and what a signal to all of them ends."""

from __future__ import annotations

import json
import subprocess
import sys

import psutil

from platform_assets.local.wait import wait_until

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


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
