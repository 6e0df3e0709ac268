"""Connections to Trino with timeouts, bounded retries and errors that say what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.core.errors import WeirError
from platform_assets.core.retry import HTTP_MAY_PASS, Retry
from platform_assets.core.settings import Settings

if TYPE_CHECKING:
    from trino.dbapi import Connection


ADMIN_MAX_EXECUTION = "2h"
"""How long a statement of Weir's own user may run; other users get less."""

_CATALOG_AWAY = "Cannot check and eventually update SQL schema"
"""What the Iceberg catalog says when its pooled connections are dead: nothing has run yet."""


class TrinoUnreachableError(WeirError):
    """Trino does not answer, or is still starting."""


class TrinoQueryError(WeirError):
    """Trino refused or failed a statement; carries Trino's own words.

    Attributes:
        name: Trino's error name, e.g. ``TABLE_NOT_FOUND``.
    """

    def __init__(self, message: str, name: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.name = name


@dataclass(frozen=True)
class Result:
    """Rows of a statement.

    Attributes:
        columns: names, in order.
        types: Trino type names, in order.
        rows: values.
        more: whether rows were left unread because of a limit.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    more: bool = False


def connect(
    settings: Settings,
    user: str | None = None,
    catalog: str = "gold",
    session: Mapping[str, str] | None = None,
) -> Connection:
    """A connection (no socket is opened before the first statement)."""
    from trino.dbapi import connect as trino_connect

    # An empty name is somebody's mistake: it must not become the user who may do everything.
    name = settings.trino_user if user is None else user
    connection: Connection = trino_connect(  # type: ignore[no-untyped-call]
        host=settings.trino_host,
        port=settings.trino_port,
        user=name,
        session_properties={
            **(
                {"query_max_execution_time": ADMIN_MAX_EXECUTION}
                if name == settings.trino_user
                else {}
            ),
            **(session or {}),
        },
        catalog=catalog,
        source="weir",
        request_timeout=settings.request_timeout_seconds,
        max_attempts=1,
        timezone="UTC",
    )
    return connection


def execute(
    settings: Settings,
    sql: str,
    user: str | None = None,
    *,
    limit: int | None = None,
    attempts: int = 4,
    session: Mapping[str, str] | None = None,
) -> Result:
    """Run one statement and read its rows (at most ``limit``).

    Only connection failures are retried, so a statement that Trino took is not sent twice.
    ``session`` are session properties for this statement.

    Raises:
        TrinoUnreachableError: no answer after the retries.
        TrinoQueryError: Trino refused the statement.
    """
    retrying = Retry(attempts, pause=0.3, longest=4).on(TrinoUnreachableError)
    return retrying(_run, settings, sql, user, limit, session)


def _run(
    settings: Settings,
    sql: str,
    user: str | None,
    limit: int | None,
    session: Mapping[str, str] | None,
) -> Result:
    from requests.exceptions import ConnectionError as NoConnectionError
    from requests.exceptions import RequestException
    from trino.exceptions import Error, HttpError, TrinoConnectionError
    from trino.exceptions import TrinoQueryError as ServerError

    connection = connect(settings, user, session=session)
    try:
        cursor = connection.cursor()
        cursor.execute(sql)
        rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit + 1)
        described = cursor.description or []
        more = limit is not None and len(rows) > limit
        if more:
            cursor.cancel()
        return Result(
            columns=tuple(column[0] for column in described),
            types=tuple(str(column[1]) for column in described),
            rows=[tuple(row) for row in rows[:limit]],
            more=more,
        )
    except ServerError as error:
        if error.error_name == "SERVER_STARTING_UP":
            raise _unreachable(settings, "is still starting") from error
        if _CATALOG_AWAY in str(error.message):
            raise _unreachable(settings, "has lost the database of its catalog") from error
        raise TrinoQueryError(str(error.message), str(error.error_name)) from error
    except (NoConnectionError, HttpError, TrinoConnectionError) as error:
        if isinstance(error, HttpError) and _is_answer(str(error)):
            raise TrinoQueryError(
                f"Trino at {settings.trino_host}:{settings.trino_port} refuses: {error}",
                type(error).__name__,
                "see WEIR_TRINO_* and what this user may do",
            ) from error
        raise _unreachable(settings, "does not answer") from error
    except (RequestException, Error) as error:
        raise TrinoQueryError(str(error), type(error).__name__) from error
    finally:
        connection.close()  # type: ignore[no-untyped-call]


def _is_answer(text: str) -> bool:
    """Whether an HTTP error (``error 401: ...``) would be the same next time."""
    found = re.match(r"error (\d{3})", text)
    return found is not None and found[1] < "500" and int(found[1]) not in HTTP_MAY_PASS


def _unreachable(settings: Settings, what: str) -> TrinoUnreachableError:
    return TrinoUnreachableError(
        f"Trino at {settings.trino_host}:{settings.trino_port} {what}",
        "check `weir status`, start it with `weir up`, read `weir logs trino`",
    )
