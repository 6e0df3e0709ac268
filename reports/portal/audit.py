"""The record of who saw what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from platform_assets.core.databases import Database


class Action(StrEnum):
    """What somebody did."""

    SIGN_IN = "sign-in"
    SIGN_IN_FAILED = "sign-in-failed"
    SIGN_OUT = "sign-out"
    SEARCH = "search"
    READ = "read"
    COMPARE = "compare"
    FACT = "fact"
    EXPORT = "export"
    PDF = "pdf"
    SOURCE = "source"
    ASK = "ask"
    ALERT = "alert"
    REFUSED = "refused"


@dataclass(frozen=True)
class Entry:
    """One line of the record.

    Attributes:
        at: when.
        user: who; for a failed sign-in the name that was tried.
        address: from where.
        action: what.
        report: which report, or empty.
        period: which period, or empty.
        detail: the fact, the format of an export, the words searched for.
    """

    at: datetime
    user: str
    address: str
    action: str
    report: str
    period: str
    detail: str


class Audit:
    """The record in the portal's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(
        self,
        user: str,
        address: str,
        action: Action,
        report: str = "",
        period: str = "",
        detail: str = "",
    ) -> None:
        """Add a line.

        Raises:
            DatabaseError: it could not be kept; then nothing may be shown.
        """
        # PostgreSQL's text holds no NUL; lengths are bounded, since some of it is typed by anyone.
        values = [value.replace("\x00", "")[:300] for value in (user, report, period, detail)]
        with self._database.borrow() as connection:
            connection.execute(
                """INSERT INTO portal_audit (user_name, address, action, report, period, detail)
                   VALUES (%s, %s, %s, %s, %s, %s)""",
                (values[0], address, action.value, *values[1:]),
            )

    def read(self, *, user: str = "", limit: int = 100) -> list[Entry]:
        """Lines, newest first."""
        with self._database.borrow() as connection:
            rows = connection.execute(
                """SELECT at, user_name, address, action, report, period, detail
                   FROM portal_audit WHERE %s = '' OR user_name = %s ORDER BY id DESC LIMIT %s""",
                (user, user, limit),
            ).fetchall()
        return [Entry(*row) for row in rows]
