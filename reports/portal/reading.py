"""Pages of reports: list, search, read, compare, PDF."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from reports.portal.access import CurrentVisit
from reports.portal.addresses import NAME_PATTERN, PERIOD_PATTERN, report_path
from reports.portal.audit import Action
from reports.portal.compare import compare
from reports.portal.render import page
from reports.portal.security import PICTURE_POLICY
from reports.store import NoSuchReportError

router = APIRouter()

Name = Annotated[str, Path(pattern=NAME_PATTERN)]
PeriodKey = Annotated[str, Path(pattern=PERIOD_PATTERN)]
AskedPeriod = Annotated[str, Query(pattern=PERIOD_PATTERN)]

_RECORD_LINES = 200


@router.get("/")
def list_reports(request: Request, visit: CurrentVisit) -> Response:
    """Every report that the visitor may read."""
    cards = visit.portal.shelf.cards(visit.user)
    shelves = [list(group) for _, group in groupby(cards, key=lambda card: card.name)]
    return page(request, "list.html", shelves=shelves)


@router.get("/search")
def search(
    request: Request, visit: CurrentVisit, q: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Reports whose title or text hold the words."""
    if q.strip():
        visit.record(Action.SEARCH, detail=q)
    hits = visit.portal.shelf.search(visit.user, q)
    return page(request, "search.html", words=q, hits=hits)


@router.get("/record")
def record(request: Request, visit: CurrentVisit) -> Response:
    """Who saw what, newest first.

    Raises:
        NoSuchReportError: the visitor is no admin.
    """
    if not visit.user.admin:
        visit.record(Action.REFUSED, detail="record")
        raise NoSuchReportError("the record is for admins")
    return page(request, "record.html", entries=visit.portal.audit.read(limit=_RECORD_LINES))


@router.get("/reports/{name}/compare")
def compare_periods(
    request: Request, visit: CurrentVisit, name: Name, a: AskedPeriod, b: AskedPeriod
) -> Response:
    """Two periods side by side, the earlier one first."""
    first, second = sorted((a, b))
    before, after = visit.open(name, first), visit.open(name, second)
    visit.record(Action.COMPARE, name, f"{first} {second}")
    return page(
        request,
        "compare.html",
        before=before,
        after=after,
        lines=compare(before, after),
        periods=visit.portal.shelf.periods(visit.user, name),
    )


@router.get("/reports/{name}")
def newest(visit: CurrentVisit, name: Name) -> Response:
    """The newest period of a report.

    Raises:
        NoSuchReportError: there is none for the visitor.
    """
    periods = visit.portal.shelf.periods(visit.user, name)
    if not periods:
        visit.record(Action.REFUSED, name)
        raise NoSuchReportError(f"no report {name}")
    return RedirectResponse(report_path(name, periods[0]), 303)


@router.get("/reports/{name}/{period}")
def read(request: Request, visit: CurrentVisit, name: Name, period: PeriodKey) -> Response:
    """A report, each of its numbers a link to its fact."""
    report = visit.open(name, period)
    visit.record(Action.READ, name, period)
    return page(
        request,
        "report.html",
        report=report,
        facts={fact.id: fact for fact in report.facts},
        passages={one.id: one for one in visit.portal.shelf.passages(visit.user, report)},
        pdf=visit.portal.shelf.pdf(report) is not None,
        periods=visit.portal.shelf.periods(visit.user, name),
    )


@router.get("/reports/{name}/{period}/charts/{chart_id}.svg")
def chart(visit: CurrentVisit, name: Name, period: PeriodKey, chart_id: str) -> Response:
    """A chart as a picture.

    Raises:
        NoSuchReportError: the visitor may read no such report, or it has no such chart.
    """
    report = visit.open(name, period)
    for section in report.sections:
        for found in section.charts:
            if found.id == chart_id:
                headers = {"Content-Security-Policy": PICTURE_POLICY}
                return Response(found.svg, media_type="image/svg+xml", headers=headers)
    raise NoSuchReportError(f"report {name} of {period} has no chart {chart_id}")


@router.get("/reports/{name}/{period}/report.pdf")
def pdf(visit: CurrentVisit, name: Name, period: PeriodKey) -> Response:
    """The report as it was sent.

    Raises:
        NoSuchReportError: the visitor may read no such report, or it has no PDF.
    """
    path = visit.portal.shelf.pdf(visit.open(name, period))
    if path is None:
        raise NoSuchReportError(f"report {name} of {period} has no PDF")
    visit.record(Action.PDF, name, period)
    return FileResponse(path, media_type="application/pdf", filename=f"{name}-{period}.pdf")
