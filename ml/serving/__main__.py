"""``python -m ml.serving``: serve the deployed models until stopped."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from ml.rollout.deployment import Deployment, Deployments
from ml.serving.app import create_app
from ml.serving.http import JSON
from ml.serving.journal import Journal
from ml.serving.log import PredictionLog
from ml.serving.server import Server
from ml.serving.state import Fleet, Follower
from ml.serving.texts import TextModels
from ml.store.artefact import artefact_key
from platform_assets.core.gate import LOCAL_HOSTS, Gate
from platform_assets.core.settings import LOOPBACK, Settings, get_settings
from platform_assets.metrics import LakeMetrics


def build(
    settings: Settings, port: int, fixed: Deployment | None = None, gate: Gate | None = None
) -> ASGIApp:
    """The application over PostgreSQL and the journal's folder of this port.

    Args:
        settings: where things are.
        port: names the journal's folder: one for each server of a machine.
        fixed: served instead of what the deployments say.
        gate: which requests are let in; see :func:`create_app`.

    Raises:
        ArtefactError: there is no key for the models' seals.
        JournalError: another server has this port's journal.
    """
    log = PredictionLog(settings)
    journal = Journal(settings.home / "data" / "models" / f"journal-{port}", log)
    deployments = Deployments(settings)
    read: Callable[[], Sequence[Deployment]] = deployments.in_force
    if fixed is not None:
        only = fixed
        read = lambda: [only]  # noqa: E731 - shorter than a name for it
    fleet = Fleet(artefact_key(settings))
    follower = Follower(fleet, read, deployments.close)
    server, texts = Server(fleet, journal, log), TextModels(settings)
    return create_app(server, follower, gate, LakeMetrics(settings).text, texts)


def main(words: Sequence[str] | None = None) -> None:
    """Read the options and serve."""
    settings = get_settings()
    parser = argparse.ArgumentParser(prog="python -m ml.serving", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on")
    parser.add_argument("--port", type=int, default=settings.models_port)
    parser.add_argument("--model", default="model", help="name, with --folder")
    parser.add_argument("--version", type=int, default=1, help="its version, with --folder")
    parser.add_argument(
        "--folder", type=Path, help="serve this sealed folder, whatever is deployed"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="name by which clients may address the server, besides localhost; may be repeated; "
        "* for any, where a gateway in front looks at names",
    )
    given = parser.parse_args(words)
    if not given.port:
        parser.error("on a cluster no port is derived: set WEIR_MODELS_PORT or give --port")
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # One line when PostgreSQL goes is enough; the pool says so for every attempt.
    logging.getLogger("psycopg.pool").setLevel("ERROR")
    fixed = None
    if given.folder is not None:
        fixed = Deployment(
            model=given.model,
            champion=given.version,
            challenger=None,
            share=0.0,
            shadow=False,
            trial="",
            revision=1,
            changed_at=datetime.now(UTC),
            reason="given on the command line",
            actor="command line",
            artefacts={given.version: given.folder},
        )
    # Probes and peers on a network address a server by its IP address.
    gate = Gate((JSON,), (*LOCAL_HOSTS, *given.allow_host), addresses=given.host != LOOPBACK)
    uvicorn.run(
        build(settings, given.port, fixed, gate),
        host=given.host,
        port=given.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        log_level="warning",
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    main()
