"""What Weir takes from Dagster's private modules; nobody else imports them.

A release of Dagster may move any of these names without notice. So there is one place to look, and
a test that names the version they were checked with.
"""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Any

from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster import DagsterInstance, EventLogRecord
    from dagster._core.definitions.freshness import FreshnessStateRecord
    from dagster._core.definitions.metadata import RawMetadataValue
    from dagster._serdes import ConfigurableClassData

__all__ = [
    "CHECKED_WITH",
    "NOT_FINISHED_STATUSES",
    "AssetCheckExecutionRecordStatus",
    "ConfigurableClassData",
    "FreshnessStateRecord",
    "RawMetadataValue",
    "UnsupportedStorageError",
    "disown",
    "code_server",
]

CHECKED_WITH = "1.13.27"
"""The version of Dagster that these names were checked with."""


class UnsupportedStorageError(RuntimeError):
    """The event log is not in SQL, so events cannot outlive their run."""


def disown(instance: DagsterInstance, records: Sequence[EventLogRecord]) -> None:
    """Hand events to the id that Dagster uses for events without a run; their places stay.

    Raises:
        UnsupportedStorageError: the event log is not in SQL.
    """
    from dagster._core.instance.utils import RUNLESS_RUN_ID
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
    from dagster_shared.serdes import serialize_value

    if not records:
        return
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise UnsupportedStorageError(
            f"run retention needs an event log in SQL, not {type(storage).__name__}: "
            "switch the schedule run_retention off and delete runs by other means"
        )
    table = SqlEventLogStorageTable
    with storage.index_connection() as connection:
        for record in records:
            entry = record.event_log_entry._replace(run_id=RUNLESS_RUN_ID)
            connection.execute(
                table.update()
                .where(table.c.id == record.storage_id)
                .values(run_id=RUNLESS_RUN_ID, event=serialize_value(entry))
            )


def code_server(*, forking: bool) -> None:
    """Dagster's command ``api grpc``.

    Args:
        forking: runs are forked from this process' fork server; each is a new interpreter
            otherwise.
    """
    from dagster._cli.api import grpc_command
    from dagster._grpc import server

    class ForkingApiServer(server.DagsterApiServer):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            forking: Any = multiprocessing.get_context("forkserver")
            self._mp_ctx = forking

    if forking:
        server.DagsterApiServer = ForkingApiServer  # type: ignore[misc]
    grpc_command()
