"""Pages of alerts: what is open, one incident whole, and "I look after it"."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi import Path as PathValue
from fastapi.responses import RedirectResponse

from platform_assets.alerts.actions import acknowledge
from platform_assets.alerts.model import AlertError
from platform_assets.alerts.reading import chart, listed, shown, silenced
from platform_assets.core.databases import Database
from reports.definition import ALERTS
from reports.portal.access import CurrentVisit, Visit
from reports.portal.audit import Action
from reports.portal.render import page
from reports.portal.security import same_token
from reports.store import NoSuchReportError

router = APIRouter()

Name = Annotated[str, PathValue(pattern=r"^[0-9a-f]{4,10}$")]
Text = Annotated[str, Form(max_length=500)]


@router.get("/alerts")
def list_alerts(request: Request, visit: CurrentVisit) -> Response:
    """Open incidents, those of late that are over, and silences."""
    _reader(visit)
    visit.record(Action.READ, ALERTS)
    database = _database(request)
    found, silences = listed(database, past=True), silenced(database)
    active = [one for one in silences if one["state"] != "expired"]
    return page(request, "alerts.html", incidents=found, silences=active)


@router.get("/alerts/{name}")
def show_incident(request: Request, visit: CurrentVisit, name: Name) -> Response:
    """One incident: its picture, worst alerts, history, and the button."""
    _reader(visit)
    visit.record(Action.READ, ALERTS, detail=name)
    return _incident(request, name)


@router.get("/alerts/{name}/chart.png")
def show_chart(request: Request, visit: CurrentVisit, name: Name) -> Response:
    """The picture of its last message."""
    _reader(visit)
    picture = chart(_database(request), name)
    if picture is None:
        raise NoSuchReportError(f"incident {name} has no picture")
    return Response(picture, media_type="image/png")


@router.post("/alerts/{name}/acknowledge")
def look_after(
    request: Request, visit: CurrentVisit, name: Name, csrf: Text = "", comment: Text = ""
) -> Response:
    """The visitor looks after an incident."""
    _reader(visit)
    if not same_token(csrf, visit.session.csrf):
        return _incident(request, name, "The form is too old. Send it again.", 403)
    visit.record(Action.ALERT, ALERTS, detail=f"acknowledge {name}")
    try:
        acknowledge(_database(request), name, f"portal:{visit.user.name}", comment.strip())
    except AlertError as error:
        return _incident(request, name, error.message, 409)
    return RedirectResponse(f"/alerts/{name}", 303)


def _incident(request: Request, name: str, error: str = "", status: int = 200) -> Response:
    try:
        found = shown(_database(request), name)
    except AlertError as missing:
        raise NoSuchReportError(missing.message) from None
    return page(request, "alert.html", status=status, incident=found, error=error)


def _database(request: Request) -> Database:
    found: Database = request.app.state.alerts
    return found


def _reader(visit: Visit) -> None:
    if not visit.user.may_read(ALERTS):
        visit.record(Action.REFUSED, ALERTS)
        raise NoSuchReportError("alerts are for those who may read them")
