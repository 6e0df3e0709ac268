"""Signing in and out."""

from __future__ import annotations

import secrets
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from reports.portal.access import (
    CurrentPortal,
    CurrentVisit,
    Portal,
    address_of,
    session_of,
)
from reports.portal.addresses import safe_next
from reports.portal.audit import Action
from reports.portal.openid import CALLBACK, OpenIdError
from reports.portal.render import page
from reports.portal.security import same_token
from reports.portal.throttle import TooOftenError
from reports.portal.users import User

router = APIRouter()

_FORM_COOKIE = "weir-form"
_STATE_COOKIE = "weir-openid"
_MINUTES = 10

Text = Annotated[str, Form(max_length=300)]


@router.get("/login")
def login_form(
    request: Request,
    portal: CurrentPortal,
    next: str = "/",  # noqa: A002 (name in addresses)
) -> Response:
    """The page to sign in on."""
    portal.throttle.page(address_of(request))
    if session_of(request):
        return RedirectResponse(safe_next(next), 303)
    return _form(request, portal, next)


@router.post("/login")
def login(
    request: Request,
    portal: CurrentPortal,
    name: Text = "",
    password: Text = "",
    csrf: Text = "",
    next: Text = "/",  # noqa: A002 (name in addresses)
) -> Response:
    """Sign in with a password."""
    if portal.openid:
        return _form(request, portal, next, 404, "Sign in with your organisation.")
    if not _own_form(request, csrf):
        return _form(request, portal, next, 403, "The form was too old. Please try again.")
    address = address_of(request)
    try:
        portal.throttle.guess(name, address)
    except TooOftenError as error:
        portal.audit.write(name, address, Action.SIGN_IN_FAILED, detail="slowed")
        minutes = -(-error.seconds // 60)
        message = f"Too many attempts. Please wait {minutes} min and try again."
        answer = _form(request, portal, next, 429, message)
        answer.headers["Retry-After"] = str(error.seconds)
        return answer
    user = portal.users.verify(name, password)
    if user is None:
        portal.audit.write(name, address, Action.SIGN_IN_FAILED)
        return _form(request, portal, next, 403, "Name or password is not right.")
    portal.throttle.right(name, address)
    return _signed_in(request, portal, user, next)


@router.post("/logout")
def logout(visit: CurrentVisit, request: Request, csrf: Text = "") -> Response:
    """Sign out: the session ends on the server too."""
    portal = visit.portal
    if not same_token(csrf, visit.session.csrf):
        return page(request, "error.html", status=403, title="Not done", hint="Reload the page.")
    visit.record(Action.SIGN_OUT)
    portal.sessions.end(request.cookies.get(portal.cookie, ""))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(portal.cookie, secure=portal.https, httponly=True, samesite="lax")
    return answer


@router.get("/openid/start")
def openid_start(
    request: Request,
    portal: CurrentPortal,
    next: str = "/",  # noqa: A002 (name in addresses)
) -> Response:
    """Send the browser to the OpenID provider."""
    if portal.openid is None:
        return RedirectResponse("/login", 303)
    portal.throttle.page(address_of(request))
    url, state, attempt = portal.openid.begin(safe_next(next))
    portal.sessions.begin_attempt(state, attempt)
    answer = RedirectResponse(url, 303)
    _set(answer, portal, _STATE_COOKIE, state, seconds=_MINUTES * 60)
    return answer


@router.get(CALLBACK)
def openid_callback(
    request: Request, portal: CurrentPortal, code: str = "", state: str = ""
) -> Response:
    """The browser comes back from the OpenID provider."""
    if portal.openid is None:
        return RedirectResponse("/login", 303)
    address = address_of(request)
    portal.throttle.page(address)
    # The state must be this browser's own, else somebody could be signed in as another.
    expected = request.cookies.get(_STATE_COOKIE, "")
    attempt = portal.sessions.take_attempt(state) if same_token(state, expected) else None
    if attempt is None or not code:
        return _form(request, portal, "/", 403, "Signing in took too long. Please try again.")
    try:
        identity = portal.openid.finish(code, attempt)
    except OpenIdError:
        portal.audit.write("", address, Action.SIGN_IN_FAILED, detail="openid")
        raise
    user = portal.users.of_openid(identity.subject, identity.email)
    if user is None:
        who = identity.email or identity.subject
        portal.audit.write(who, address, Action.SIGN_IN_FAILED, detail="openid: not a user here")
        return _form(request, portal, "/", 403, f"{who} may not sign in here yet.")
    return _signed_in(request, portal, user, attempt.next_path)


def _signed_in(request: Request, portal: Portal, user: User, target: str) -> Response:
    portal.audit.write(user.name, address_of(request), Action.SIGN_IN)
    token = portal.sessions.start(user, replaces=request.cookies.get(portal.cookie, ""))
    answer = RedirectResponse(safe_next(target), 303)
    # No lifetime: it goes with the browser; the server ends it earlier when it is not used.
    _set(answer, portal, portal.cookie, token)
    answer.delete_cookie(_FORM_COOKIE)
    answer.delete_cookie(_STATE_COOKIE)
    return answer


def _form(
    request: Request, portal: Portal, target: str, status: int = 200, message: str = ""
) -> Response:
    # There is no session yet, so the token is sent twice, in a cookie and in the form, which
    # another site can neither read nor set.
    token = secrets.token_urlsafe(24)
    answer = page(
        request,
        "login.html",
        status=status,
        csrf=token,
        next=safe_next(target),
        openid=f"/openid/start?next={quote(safe_next(target), safe='')}" if portal.openid else "",
        message=message,
    )
    _set(answer, portal, _FORM_COOKIE, token, seconds=60 * 60)
    return answer


def _own_form(request: Request, csrf: str) -> bool:
    return same_token(csrf, request.cookies.get(_FORM_COOKIE, ""))


def _set(
    answer: Response, portal: Portal, name: str, value: str, seconds: int | None = None
) -> None:
    answer.set_cookie(
        name, value, max_age=seconds, secure=portal.https, httponly=True, samesite="lax"
    )
