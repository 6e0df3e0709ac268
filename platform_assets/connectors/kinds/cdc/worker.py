"""Kafka Connect by its REST interface: a connector registered, watched, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from platform_assets.connectors.seam.reader import (
    ConnectorError,
    SourceAwayError,
    SourceRefusedError,
)
from platform_assets.core.errors import WeirError
from platform_assets.core.files import write_file
from platform_assets.core.locks import LockedError
from platform_assets.core.properties import java_properties
from platform_assets.core.retry import HTTP_MAY_PASS, Retry
from platform_assets.core.settings import Profile, Settings
from platform_assets.local import connect

_RETRY = Retry(attempts=None, seconds=20, pause=0.2, longest=2)
_STARTING = Retry(attempts=None, seconds=240, pause=0.2, longest=2)
_NOT_FOUND, _CONFLICT = 404, 409
_REFUSED = (
    "password authentication failed", "authentication failed", "access denied", "no pg_hba.conf",
    "permission denied", "must be superuser or replication role", "login failed", "ora-01017",
    "must be owner",
)  # fmt: skip
_AWAY = (
    "connection refused", "connection attempt failed", "timed out", "timeout",
    "communications link failure", "unknownhost", "unknown host", "unable to connect",
    "connection reset", "i/o error", "has been terminated", "the connection is closed",
)  # fmt: skip


class _PassingError(Exception):
    """An answer after which Connect may be asked again."""


@dataclass(frozen=True)
class State:
    """How a connector fares.

    Attributes:
        running: it and its task run.
        failed: why one of them does not, the whole trace; empty: it has not failed.
    """

    running: bool
    failed: str = ""


class Worker:
    """Connect, as one source sees it.

    Args:
        settings: where it is.
        source: the connector's name.
    """

    def __init__(self, settings: Settings, source: str) -> None:
        self._settings, self._source = settings, source
        self._client = httpx.Client(
            base_url=settings.connect_url, timeout=settings.request_timeout_seconds
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def ensure_up(self) -> None:
        """Start the local worker where it does not run.

        Raises:
            SourceAwayError: it does not come up, or a cluster's does not answer.
        """
        if not self._settings.connect_url:
            raise ConnectorError(
                f"source {self._source}: no Kafka Connect", "set WEIR_CONNECT_URL to its address"
            )
        try:
            _STARTING.on(LockedError)(self._start)
        except SourceAwayError:
            raise
        except WeirError as error:
            raise SourceAwayError(
                f"source {self._source}: Kafka Connect does not start: {error.message}",
                error.hint or "see `weir logs connect`",
            ) from error

    def _start(self) -> None:
        """Start it unless it answers.

        Raises:
            SourceAwayError: a cluster's does not answer.
            LockedError: another command is starting servers, this one among them perhaps.
            WeirError: it does not come up.
        """
        try:
            self._client.get("/connectors", timeout=5).raise_for_status()
        except httpx.HTTPError as error:
            if self._settings.profile is not Profile.LOCAL:
                raise self._away(error) from error
        else:
            return
        from platform_assets.local import supervise

        supervise.start(self._settings, (connect.NAME,))

    def secret(self, name: str, value: str) -> str:
        """How a configuration names a secret so that only the worker reads it.

        In the local profile a file of the worker's folder; a changed secret gets a new file, so
        that the connector is configured anew. On a cluster the worker has the same variable.
        """
        if self._settings.profile is not Profile.LOCAL:
            return f"${{env:{name}}}"
        folder = connect.secrets_dir(self._settings)
        text = java_properties({"value": value})
        numbered = self._secret_files()
        number, path = numbered[-1] if numbered else (0, None)
        if path is None or path.read_text() != text:
            path = write_file(folder / f"{self._source}.{number + 1}.properties", text)
        return f"${{file:{path}:value}}"

    def _secret_files(self) -> list[tuple[int, Any]]:
        found = connect.secrets_dir(self._settings).glob(f"{self._source}.*.properties")
        return sorted((int(path.name.split(".")[1]), path) for path in found)

    def register(self, properties: Mapping[str, str], tables: str) -> bool:
        """Have the connector run with this configuration; whether anything was changed.

        Args:
            properties: the whole configuration.
            tables: which of them lists the tables.

        Raises:
            SourceRefusedError, SourceAwayError: as the database answers Debezium.
            ConnectorError: the configuration cannot be; names each entry. Or it has tables that
                the running one has not: a snapshot is taken at the beginning alone, so the rows
                that such a table holds by now would be missing.
        """
        there = self._ask("GET", f"/connectors/{self._source}/config", absent={})
        if there == properties:
            return False
        if there and (new := _listed(properties[tables]) - _listed(there.get(tables, ""))):
            names = ", ".join(sorted(new)).replace("\\", "")
            raise ConnectorError(
                f"source {self._source}: {names}: added to a source that is being read; the rows "
                "that it holds by now would be missing",
                "make a second source for it, or drop the source's connector to read all anew",
            )
        self.validate(properties)
        self._ask("PUT", f"/connectors/{self._source}/config", dict(properties))
        for _, path in self._secret_files()[:-1]:
            path.unlink(missing_ok=True)
        return True

    def validate(self, properties: Mapping[str, str]) -> None:
        """Have Connect and Debezium look at a configuration; Debezium also reaches the database.

        Raises:
            ConnectorError: as :meth:`register`.
        """
        name = properties["connector.class"]
        answer = self._ask("PUT", f"/connector-plugins/{name}/config/validate", dict(properties))
        wrong = {
            one["value"]["name"]: one["value"]["errors"]
            for one in answer["configs"]
            if one["value"]["errors"]
        }
        if wrong:
            told = "; ".join(f"{name}: {' '.join(errors)}" for name, errors in wrong.items())
            raise self.explained(told)

    def state(self) -> State:
        """How the connector fares."""
        answer = self._ask("GET", f"/connectors/{self._source}/status", absent={})
        parts = [answer["connector"], *answer["tasks"]] if answer else []
        failed = [one.get("trace", one["state"]) for one in parts if one["state"] == "FAILED"]
        running = len(parts) > 1 and all(one["state"] == "RUNNING" for one in parts)
        return State(running, "\n".join(failed))

    def restart(self) -> None:
        """Start what has failed again."""
        path = f"/connectors/{self._source}/restart?includeTasks=true&onlyFailed=true"
        self._ask("POST", path, absent={})

    def delete(self) -> bool:
        """Forget the connector and how far it read; whether it was there."""
        path = f"/connectors/{self._source}"
        if not self._ask("GET", f"{path}/config", absent={}):
            return False
        self._ask("PUT", f"{path}/stop")
        # Refused until its task has ended.
        self._ask("DELETE", f"{path}/offsets", retry_on=(_CONFLICT, 400))
        self._ask("DELETE", path)
        for _, file in self._secret_files():
            file.unlink(missing_ok=True)
        return True

    def explained(self, trace: str) -> ConnectorError:
        """The error that Debezium's words mean."""
        lowered = trace.lower()
        reason = _reason(trace)
        where = f"source {self._source}: Debezium says: {reason}"
        if any(words in lowered for words in _REFUSED):
            return SourceRefusedError(where, "check the user, the secret and its rights")
        if any(words in lowered for words in _AWAY):
            return SourceAwayError(where, "it is tried again at the next read")
        return ConnectorError(where, "see `weir logs connect`")

    def _away(self, error: Exception) -> SourceAwayError:
        return SourceAwayError(
            f"source {self._source}: Kafka Connect at {self._settings.connect_url} does not "
            f"answer: {error or type(error).__name__}",
            "see `weir status` and `weir logs connect`",
        )

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        absent: Any = None,
        retry_on: tuple[int, ...] = (_CONFLICT,),
    ) -> Any:
        """An answer's JSON; ``absent`` where there is no such thing."""

        def once() -> Any:
            answer = self._client.request(method, path, json=body)
            code = answer.status_code
            if code == _NOT_FOUND and absent is not None:
                return absent
            # 409: the worker is between two assignments.
            if code in retry_on or code in HTTP_MAY_PASS:
                raise _PassingError(_words(answer))
            if answer.is_error:
                raise ConnectorError(
                    f"source {self._source}: Kafka Connect refuses {method} {path}: "
                    f"{_words(answer)}",
                    "see `weir logs connect`",
                )
            return answer.json() if answer.content else None

        try:
            return _RETRY.on((_PassingError, httpx.TransportError))(once)
        except (_PassingError, httpx.TransportError) as error:
            raise self._away(error) from error


def _listed(tables: str) -> set[str]:
    return set(filter(None, tables.split(",")))


def _words(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])[:600]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"


def _reason(trace: str) -> str:
    """The cause nearest to the root, in one line."""
    causes = [line for line in trace.splitlines() if line.startswith("Caused by: ")]
    line = (causes[-1].removeprefix("Caused by: ") if causes else trace.splitlines()[0]).strip()
    return line[:600]
