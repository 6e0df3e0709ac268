"""Who may sign in, and which reports each may read."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import lru_cache

import psycopg
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from platform_assets.core.databases import Connection, Database
from platform_assets.core.errors import WeirError
from platform_assets.gold.access import ADMIN, ANALYST

_PASSWORD_BYTES = 15
"""120 random bits: twenty letters."""

_hasher = PasswordHasher()


class UserError(WeirError):
    """A user already exists, is missing, or may not be as asked."""


@dataclass(frozen=True)
class User:
    """Somebody who may sign in.

    Attributes:
        name: what they sign in as; with OpenID the verified e-mail address.
        admin: reads every report, held ones too, and the record of who saw what.
        reports: names of the reports that they may read.
        trino_user: the Trino user under whose permissions their rows are read.
        local: whether they have a password here.
    """

    name: str
    admin: bool = False
    reports: frozenset[str] = field(default_factory=frozenset)
    trino_user: str = ANALYST
    local: bool = True

    def may_read(self, report: str) -> bool:
        """Whether a report of that name is theirs to read."""
        return self.admin or report in self.reports


class Users:
    """Users in the portal's database.

    Args:
        database: the portal's.
        writer: the Trino user that Weir itself writes as; nobody reads rows as this one.
    """

    def __init__(self, database: Database, writer: str = ADMIN) -> None:
        self._database, self._writers = database, {ADMIN, writer}

    def add(self, user: User) -> str:
        """Add a user; returns the generated password, which is kept nowhere (empty: OpenID).

        Raises:
            UserError: the name is taken or malformed, or the Trino user may write or is none.
        """
        if not user.name or len(user.name) > 200 or not user.name.isprintable():
            raise UserError(f"user {user.name!r}: a name is 1 to 200 printable characters")
        if user.trino_user.strip() in {"", *self._writers}:
            raise UserError(
                f"user {user.name}: the portal reads rows as a read-only Trino user, "
                f"{user.trino_user!r} is none",
                f"use --trino-user {ANALYST}",
            )
        password = secrets.token_urlsafe(_PASSWORD_BYTES) if user.local else ""
        hashed = _hasher.hash(password) if user.local else None
        try:
            with self._database.borrow() as connection, connection.transaction():
                connection.execute(
                    """INSERT INTO portal_user (name, password_hash, trino_user, admin)
                       VALUES (%s, %s, %s, %s)""",
                    (user.name, hashed, user.trino_user, user.admin),
                )
                for report in sorted(user.reports):
                    connection.execute(
                        "INSERT INTO portal_reader (user_name, report) VALUES (%s, %s)",
                        (user.name, report),
                    )
        except psycopg.errors.UniqueViolation:
            raise UserError(
                f"user {user.name} already exists",
                f"remove first: weir portal users remove {user.name}",
            ) from None
        return password

    def remove(self, name: str) -> None:
        """Remove a user with their sessions; what they saw stays on record.

        Raises:
            UserError: there is none of that name.
        """
        with self._database.borrow() as connection:
            if not connection.execute("DELETE FROM portal_user WHERE name = %s", (name,)).rowcount:
                raise UserError(f"no user {name}", "see: weir portal users list")

    def all(self) -> list[User]:
        """Every user, by name."""
        with self._database.borrow() as connection:
            names = connection.execute("SELECT name FROM portal_user ORDER BY name").fetchall()
            found = [load_user(connection, row[0]) for row in names]
        return [user for user in found if user is not None]

    def verify(self, name: str, password: str) -> User | None:
        """The user, if the password is theirs; takes equally long where there is no such user."""
        # No user has such a name, and PostgreSQL takes no NUL.
        asked = name if name.isprintable() else ""
        with self._database.borrow() as connection:
            row = connection.execute(
                "SELECT password_hash FROM portal_user WHERE name = %s", (asked,)
            ).fetchone()
        # The connection is given back before the slow part.
        hashed = row[0] if row and row[0] else None
        try:
            _hasher.verify(hashed or _nobody(), password)
        except (VerificationError, InvalidHashError):
            return None
        if hashed is None:
            return None
        with self._database.borrow() as connection:
            return load_user(connection, name)

    def of_openid(self, subject: str, verified_email: str) -> User | None:
        """The user of an OpenID subject; binds a user waiting under the verified address.

        Args:
            subject: issuer and subject, which together name a person for ever.
            verified_email: the address that the provider vouches for, or empty.
        """
        with self._database.borrow() as connection, connection.transaction():
            row = connection.execute(
                "SELECT name FROM portal_user WHERE subject = %s", (subject,)
            ).fetchone()
            if row is None and verified_email:
                row = connection.execute(
                    """UPDATE portal_user SET subject = %s
                       WHERE name = %s AND subject IS NULL AND password_hash IS NULL
                       RETURNING name""",
                    (subject, verified_email),
                ).fetchone()
            return load_user(connection, row[0]) if row else None


def load_user(connection: Connection, name: str) -> User | None:
    """A user with their roles, as they are now."""
    row = connection.execute(
        """SELECT admin, trino_user, password_hash IS NOT NULL,
                  array(SELECT report FROM portal_reader WHERE user_name = name)
           FROM portal_user WHERE name = %s""",
        (name,),
    ).fetchone()
    if row is None:
        return None
    return User(name, row[0], frozenset(row[3]), row[1], local=row[2])


@lru_cache(maxsize=1)
def _nobody() -> str:
    """A hash that nobody knows the password of."""
    return _hasher.hash(secrets.token_urlsafe())
