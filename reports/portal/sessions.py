"""Who is signed in: sessions kept on the server, an opaque cookie in the browser."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from platform_assets.core.databases import Database
from reports.portal.users import User, load_user

IDLE = timedelta(minutes=30)
"""A session ends when it was not used for so long."""
LONGEST = timedelta(hours=12)
"""A session ends at this age, used or not."""
_ATTEMPT = timedelta(minutes=10)
"""Time to sign in at the OpenID provider."""


@dataclass(frozen=True)
class Session:
    """A signed-in browser.

    Attributes:
        user: with their roles as they are now.
        csrf: what each form must send back.
    """

    user: User
    csrf: str


@dataclass(frozen=True)
class Attempt:
    """What an OpenID sign-in must remember.

    Attributes:
        nonce: must come back in the ID token.
        verifier: of PKCE.
        next_path: where to go afterwards.
    """

    nonce: str
    verifier: str
    next_path: str


class Sessions:
    """Sessions in the portal's database; only digests of tokens are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, user: User, replaces: str = "") -> str:
        """Start a session and return its token; the one that the browser held before ends."""
        token = secrets.token_urlsafe(32)
        with self._database.borrow() as connection, connection.transaction():
            connection.execute("DELETE FROM portal_session WHERE digest = %s", (_digest(replaces),))
            connection.execute(
                "DELETE FROM portal_session WHERE seen_at < now() - %s OR created_at < now() - %s",
                (IDLE, LONGEST),
            )
            connection.execute(
                "INSERT INTO portal_session (digest, user_name, csrf) VALUES (%s, %s, %s)",
                (_digest(token), user.name, secrets.token_urlsafe(24)),
            )
        return token

    def find(self, token: str) -> Session | None:
        """The session of a token, unless it is over; using it keeps it alive."""
        if not token:
            return None
        with self._database.borrow() as connection:
            row = connection.execute(
                """UPDATE portal_session SET seen_at = now()
                   WHERE digest = %s AND seen_at >= now() - %s AND created_at >= now() - %s
                   RETURNING user_name, csrf""",
                (_digest(token), IDLE, LONGEST),
            ).fetchone()
            user = load_user(connection, row[0]) if row else None
        return Session(user, row[1]) if row and user else None

    def end(self, token: str) -> None:
        """End a session; a second time changes nothing."""
        with self._database.borrow() as connection:
            connection.execute("DELETE FROM portal_session WHERE digest = %s", (_digest(token),))

    def begin_attempt(self, state: str, attempt: Attempt) -> None:
        """Remember an OpenID sign-in by its state."""
        with self._database.borrow() as connection, connection.transaction():
            connection.execute(
                "DELETE FROM portal_openid_attempt WHERE created_at < now() - %s", (_ATTEMPT,)
            )
            connection.execute(
                """INSERT INTO portal_openid_attempt (digest, nonce, verifier, next_path)
                   VALUES (%s, %s, %s, %s)""",
                (_digest(state), attempt.nonce, attempt.verifier, attempt.next_path),
            )

    def take_attempt(self, state: str) -> Attempt | None:
        """What was remembered under a state: once, and for ten minutes."""
        with self._database.borrow() as connection:
            row = connection.execute(
                """DELETE FROM portal_openid_attempt WHERE digest = %s
                   RETURNING nonce, verifier, next_path, created_at >= now() - %s""",
                (_digest(state), _ATTEMPT),
            ).fetchone()
        return Attempt(*row[:3]) if row and row[3] else None


def _digest(token: str) -> bytes:
    # The tokens are long and random, so a plain digest is not to be guessed.
    return hashlib.sha256(token.encode()).digest()
