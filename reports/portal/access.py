"""Who asks, and what every answer needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from platform_assets.core.databases import Database
from platform_assets.core.settings import Settings
from reports.document import Report
from reports.portal.audit import Action, Audit
from reports.portal.openid import OpenIdProvider
from reports.portal.rows import RowReader
from reports.portal.sessions import Session, Sessions
from reports.portal.shelf import Shelf
from reports.portal.throttle import Throttle
from reports.portal.users import User, Users
from reports.store import NoSuchReportError


class SignInNeededError(Exception):
    """Nobody is signed in; the browser is sent to sign in and comes back."""


@dataclass(frozen=True)
class Portal:
    """The services behind the pages.

    Attributes:
        openid: the provider to sign in at; None: users have passwords here.
    """

    settings: Settings
    database: Database
    users: Users
    sessions: Sessions
    audit: Audit
    throttle: Throttle
    shelf: Shelf
    rows: RowReader
    openid: OpenIdProvider | None

    @property
    def https(self) -> bool:
        """Whether readers come by HTTPS."""
        return self.settings.portal_url.startswith("https:")

    @property
    def cookie(self) -> str:
        """Name of the session's cookie; the prefix lets no other host or path set it."""
        return "__Host-weir" if self.https else "weir"


@dataclass(frozen=True)
class Visit:
    """A request by somebody who is signed in."""

    portal: Portal
    session: Session
    address: str

    @property
    def user(self) -> User:
        """Who asks."""
        return self.session.user

    def record(self, action: Action, report: str = "", period: str = "", detail: str = "") -> None:
        """Write down what is about to be shown.

        Raises:
            DatabaseError: it could not be kept.
        """
        self.portal.audit.write(self.user.name, self.address, action, report, period, detail)

    def open(self, name: str, period: str) -> Report:
        """A report that the visitor may read; a refusal is put on record.

        Raises:
            NoSuchReportError: there is none for them.
        """
        try:
            return self.portal.shelf.open(self.user, name, period)
        except NoSuchReportError:
            self.record(Action.REFUSED, name, period)
            raise


def portal_of(request: Request) -> Portal:
    """The services of the application that serves a request."""
    portal: Portal = request.app.state.portal
    return portal


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else "unknown"


def session_of(request: Request) -> Session | None:
    """The session of a request's cookie, if it holds one that is not over."""
    portal = portal_of(request)
    return portal.sessions.find(request.cookies.get(portal.cookie, ""))


def visit_of(request: Request) -> Visit:
    """The signed-in visitor of a request.

    Raises:
        SignInNeededError: there is none.
        TooOftenError: the address asks too often.
    """
    portal = portal_of(request)
    portal.throttle.page(address_of(request))
    session = session_of(request)
    if session is None:
        raise SignInNeededError
    # For pages of errors, which are made outside the route.
    request.state.session = session
    return Visit(portal, session, address_of(request))


CurrentVisit = Annotated[Visit, Depends(visit_of)]
CurrentPortal = Annotated[Portal, Depends(portal_of)]
