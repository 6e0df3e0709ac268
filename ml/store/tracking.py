"""MLflow: one client for both ways it is kept, quiet, with timeouts, and its errors in our words.

Without ``WEIR_MLFLOW_URI`` MLflow runs inside this process over Weir's PostgreSQL (database
``mlflow``) and files under ``<models_root>/mlflow``. With it, everything goes to that server,
files too; credentials are MLflow's own variables (``MLFLOW_TRACKING_TOKEN``, or ``_USERNAME`` and
``_PASSWORD``).
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urlsplit

import psycopg

from platform_assets.core.databases import connect, ensure_database, unusable
from platform_assets.core.errors import WeirError
from platform_assets.core.retry import Retry
from platform_assets.core.secrets import SecretError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    from platform_assets.core.settings import Settings

DATABASE = "mlflow"
Item = TypeVar("Item")

_MIGRATION_SECONDS = 300
_MIGRATION_LOCK = 0x6D6C666C  # "mlfl"
_DIGEST = 36  # characters that MLflow keeps
_AWAY_CODES = {"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"}
_AWAY_STATUS = {429, 502, 503, 504}


class RegistryError(WeirError):
    """MLflow is out of reach, refuses, or does not hold what was asked for."""


class Input(NamedTuple):
    """A data set as MLflow shows it beside a run: a name, a digest, and two JSON texts."""

    name: str
    digest: str
    source: str
    profile: str


class AwayError(RegistryError):
    """Nobody answered, or another process was in the way; asking again may help."""


class TakenError(RegistryError):
    """What should be made is already there."""


class MissingError(RegistryError):
    """There is no such model or version."""


retry_away = Retry(3, pause=0.3, longest=3).on(AwayError).wraps
"""Bounded retries with jitter, for what may be done twice. An answer that timed out is not asked
for again: the caller has waited long enough."""

_opening = threading.Lock()
_clients: dict[str, MlflowClient] = {}


def open_client(settings: Settings) -> MlflowClient:
    """MLflow's client, one a process and place; the first one locally makes database and tables.

    Raises:
        RegistryError: the address is no server's, or PostgreSQL does not answer.
    """
    _switches(settings)
    with _opening:
        where = settings.mlflow_uri or _address(settings)
        if where not in _clients:
            _clients[where] = _server(settings) if settings.mlflow_uri else _local(settings, where)
        return _clients[where]


@contextmanager
def explained(settings: Settings, doing: str) -> Iterator[None]:
    """Turn whatever MLflow raises into an error that names the place, the act and the remedy.

    Raises:
        AwayError: nobody answered.
        TakenError: what should be made is there.
        MissingError: what was asked for is not there.
        RegistryError: anything else that MLflow refused.
    """
    _switches(settings)
    import requests
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MlflowException as error:
        raise _meaning(settings, doing, error) from error
    except (SQLAlchemyError, requests.RequestException) as error:
        raise AwayError(f"{doing}: {_where(settings)}: {_brief(error)}", _hint(settings)) from error
    except OSError as error:
        raise RegistryError(
            f"{doing}: {error}", f"check space and permissions of {settings.models_root}"
        ) from error


@retry_away
def log_run(
    settings: Settings,
    model: str,
    *,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    dataset: Input,
    folders: Mapping[str, Path],
) -> tuple[str, str]:
    """Log one finished run; a second try after a failure makes another, and the first is unused.

    Args:
        settings: where MLflow is.
        model: its experiment; made where it is missing.
        params: by name, at most 6,000 characters each.
        metrics: by name.
        tags: by name.
        dataset: what was read.
        folders: copied among the run's files, by the folder's name there.

    Returns:
        The run's id, and the address of its files.

    Raises:
        RegistryError: MLflow is away or refuses.
    """
    from mlflow.entities import Metric, Param

    client, now = open_client(settings), round(time.time() * 1000)
    with explained(settings, f"logging a run of {model!r}"):
        run = client.create_run(_experiment(settings, client, model), tags=dict(tags))
        run_id: str = run.info.run_id
        for texts in _batches(params):
            client.log_batch(run_id, params=[Param(name, value) for name, value in texts])
        for numbers in _batches(metrics):
            client.log_batch(run_id, metrics=[Metric(n, value, now, 0) for n, value in numbers])
        _log_input(settings, client, run_id, dataset)
        for place, folder in folders.items():
            client.log_artifacts(run_id, str(folder), place or None)
        client.set_terminated(run_id)
    return run_id, str(run.info.artifact_uri)


@retry_away
def _log_input(settings: Settings, client: MlflowClient, run_id: str, dataset: Input) -> None:
    """On its own: two runs that name the same new data set at once are in each other's way."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = Dataset(
        name=dataset.name,
        digest=dataset.digest[:_DIGEST],
        source_type="delta",
        source=dataset.source,
        profile=dataset.profile,
    )
    context = InputTag("mlflow.data.context", "training")
    with explained(settings, f"logging data set {dataset.name!r}"):
        client.log_inputs(run_id, [DatasetInput(data, [context])])


def _experiment(settings: Settings, client: MlflowClient, model: str) -> str:
    there = client.get_experiment_by_name(model)
    if there is None:
        # Without a server we say where files go; a server knows itself.
        folder = Path(settings.models_root) / "mlflow" / model
        place = None if settings.mlflow_uri else folder.resolve().as_uri()
        try:
            with explained(settings, f"experiment {model!r}"):
                return str(client.create_experiment(model, place))
        except TakenError:
            # Another process was quicker.
            there = client.get_experiment_by_name(model)
    if there is None:
        raise AwayError(f"MLflow does not show experiment {model!r} yet", "try again")
    return str(there.experiment_id)


def _batches(items: Mapping[str, Item]) -> Iterator[list[tuple[str, Item]]]:
    """As many at a time as MLflow takes."""
    rest = iter(items.items())
    while some := list(islice(rest, 100)):
        yield some


def _switches(settings: Settings) -> None:
    """MLflow reads these when it is imported or called; a value of the user's own stays."""
    seconds = str(max(1, round(settings.request_timeout_seconds)))
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_CONFIGURE_LOGGING": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": seconds,
        # MLflow would repeat any request, a version's making too; we repeat what may be repeated.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "5",
        "GIT_PYTHON_REFRESH": "quiet",
    }.items():
        os.environ.setdefault(name, value)
    # Errors are raised again in our words; a traceback on standard error would be a second one.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _server(settings: Settings) -> MlflowClient:
    from mlflow import MlflowClient

    if urlsplit(settings.mlflow_uri).scheme not in {"http", "https"}:
        raise RegistryError(
            "WEIR_MLFLOW_URI is not the address of a server",
            "give http(s)://host:port, or leave it empty to keep models in Weir's PostgreSQL",
        )
    return MlflowClient(settings.mlflow_uri, settings.mlflow_uri)


def _local(settings: Settings, address: str) -> MlflowClient:
    """A client without a server; MLflow's migrations run once, one process at a time."""
    from mlflow import MlflowClient

    try:
        ensure_database(settings, DATABASE)
        with connect(settings, DATABASE) as connection:
            # Two processes that both find no tables would both create them.
            connection.execute(
                "SELECT set_config('statement_timeout', %s, false)", (f"{_MIGRATION_SECONDS}s",)
            )
            connection.execute("SELECT pg_advisory_lock(%s)", (_MIGRATION_LOCK,))
            with explained(settings, "preparing the registry of models"):
                client = MlflowClient(address, address)
                client.search_registered_models(max_results=1)
    except psycopg.Error as error:
        raise _no_registry(settings, error) from error
    return client


def _no_registry(settings: Settings, error: Exception) -> AwayError:
    away = unusable(settings, DATABASE, error)
    return AwayError(f"the model registry is unavailable: {away.message}", away.hint)


def _address(settings: Settings) -> str:
    """With its password: after a change of it, a client with the one before serves nobody."""
    from sqlalchemy import URL

    try:
        password = settings.postgres_password()
    except SecretError as error:
        raise AwayError(f"the model registry is unavailable: {error.message}", error.hint) from None
    limit = round(settings.request_timeout_seconds * 1000)
    return URL.create(
        "postgresql+psycopg2",
        username=settings.postgres_user,
        password=password,
        host=settings.postgres_host,
        port=settings.postgres_port,
        database=DATABASE,
        query={
            "connect_timeout": "5",
            "application_name": f"weir-{DATABASE}",
            "options": f"-c statement_timeout={limit}",
        },
    ).render_as_string(hide_password=False)


def _meaning(settings: Settings, doing: str, error: MlflowException) -> RegistryError:
    import requests
    from sqlalchemy.exc import IntegrityError

    code, said = error.error_code, str(error)
    causes = [error.__cause__, error.__context__]
    place = f"{doing}: {_where(settings)}"
    if code == "RESOURCE_ALREADY_EXISTS":
        return TakenError(f"{place}: {_brief(error)}", "choose another name")
    if code == "RESOURCE_DOES_NOT_EXIST":
        return MissingError(f"{place}: {_brief(error)}", "see `weir models list` for what there is")
    if "ReadTimeout" in said or any(isinstance(cause, requests.Timeout) for cause in causes):
        return RegistryError(f"{place} did not answer in time", _hint(settings))
    if any(isinstance(cause, requests.ConnectionError) for cause in causes):
        return AwayError(f"{place} cannot be reached", _hint(settings))
    status = error.get_http_status_code()  # type: ignore[no-untyped-call]
    beaten = any(isinstance(cause, IntegrityError) for cause in causes) or "UNIQUE const" in said
    passing = beaten or code in _AWAY_CODES or status in _AWAY_STATUS
    return (AwayError if passing else RegistryError)(f"{place}: {_brief(error)}", _hint(settings))


def _where(settings: Settings) -> str:
    """The place for people, without a user or password that its address may hold."""
    if settings.mlflow_uri:
        parts = urlsplit(settings.mlflow_uri)
        return f"MLflow at {parts.scheme}://{parts.hostname}:{parts.port or ''}".rstrip(":")
    return f"MLflow on PostgreSQL {settings.postgres_host}:{settings.postgres_port}"


def _hint(settings: Settings) -> str:
    if settings.mlflow_uri:
        return "see that the server runs, and check WEIR_MLFLOW_URI and MLFLOW_TRACKING_*"
    return "start PostgreSQL (weir up), or check WEIR_POSTGRES_*"


def _brief(error: Exception) -> str:
    """The first words, without a user and password that an address among them may hold."""
    return re.sub(r"//[^/@\s]*@", "//", " ".join(str(error).split()))[:300]
