"""What stands behind a number: its fact, its statement, its rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from platform_assets.core.errors import WeirError
from platform_assets.core.trino import Result
from reports.document import Report
from reports.facts.model import Fact, Source
from reports.portal.access import CurrentVisit, Visit
from reports.portal.addresses import FACT_PATTERN, asset_url, fact_path
from reports.portal.audit import Action
from reports.portal.exports import csv_lines, parquet_bytes
from reports.portal.reading import Name, PeriodKey
from reports.portal.render import page
from reports.portal.rows import EXPORT_ROWS, MAX_PAGE, PAGE_ROWS, RowsExpiredError, Stream
from reports.store import NoSuchReportError

router = APIRouter()

FactId = Annotated[str, Path(pattern=FACT_PATTERN)]
PageNumber = Annotated[int, Query(ge=1, le=MAX_PAGE)]


@router.get("/reports/{name}/{period}/facts/{fact_id:path}")
def show_fact(
    request: Request,
    visit: CurrentVisit,
    name: Name,
    period: PeriodKey,
    fact_id: FactId,
    number: Annotated[PageNumber, Query(alias="page")] = 1,
) -> Response:
    """A fact: value, statement, snapshots, lineage, derivation, rows."""
    report, fact = _fact(visit, name, period, fact_id)
    part = f" page {number}" if number > 1 else ""
    visit.record(Action.FACT, name, period, fact_id + part)
    rows, trouble = _rows(visit, fact, number)
    return page(
        request,
        "fact.html",
        report=report,
        fact=fact,
        facts={found.id: found for found in report.facts},
        used_by=[
            found for found in report.facts if found.derivation and fact.id in found.derivation.of
        ],
        assets=[
            (asset, asset_url(visit.portal.settings, asset))
            for asset in (fact.source.assets if fact.source else ())
        ],
        rows=rows,
        expired=isinstance(trouble, RowsExpiredError),
        trouble=trouble.message if trouble else "",
        number=number,
        first=(number - 1) * PAGE_ROWS + 1,
        export_rows=EXPORT_ROWS,
        trino_user=visit.user.trino_user,
    )


@router.get("/reports/{name}/{period}/csv/{fact_id:path}")
def export_csv(visit: CurrentVisit, name: Name, period: PeriodKey, fact_id: FactId) -> Response:
    """The rows behind a fact as CSV."""
    return _export(visit, name, period, fact_id, "csv", "text/csv; charset=utf-8", csv_lines)


@router.get("/reports/{name}/{period}/parquet/{fact_id:path}")
def export_parquet(visit: CurrentVisit, name: Name, period: PeriodKey, fact_id: FactId) -> Response:
    """The rows behind a fact as Parquet."""
    kind = "application/vnd.apache.parquet"
    return _export(visit, name, period, fact_id, "parquet", kind, parquet_bytes)


def _export(
    visit: Visit,
    name: str,
    period: str,
    fact_id: str,
    form: str,
    media_type: str,
    write: Callable[[Stream], Iterator[bytes]],
) -> Response:
    source = _source(visit, name, period, fact_id)
    visit.portal.throttle.export(visit.user.name)
    visit.record(Action.EXPORT, name, period, f"{form} {fact_id}")
    try:
        stream = visit.portal.rows.stream(source.rows_sql, visit.user.trino_user, EXPORT_ROWS)
    except RowsExpiredError:
        # The fact's page says what became of its rows.
        return RedirectResponse(f"{fact_path(name, period, fact_id)}#rows", 303)
    # The first rows are read before the answer begins: a refusal is then a page, not half a file.
    head = next(stream.chunks, None)
    chunks = stream.chunks if head is None else chain([head], stream.chunks)
    # The name tells, since a file does not say what it lacks.
    part = f"-first-{EXPORT_ROWS}" if stream.cut else ""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", fact_id)
    disposition = f'attachment; filename="{name}-{period}-{plain}{part}.{form}"'
    return StreamingResponse(
        write(replace(stream, chunks=iter(chunks))),
        media_type=media_type,
        headers={"Content-Disposition": disposition},
    )


def _fact(visit: Visit, name: str, period: str, fact_id: str) -> tuple[Report, Fact]:
    report = visit.open(name, period)
    try:
        return report, report.fact(fact_id)
    except KeyError:
        raise NoSuchReportError(f"report {name} of {period} has no fact {fact_id}") from None


def _source(visit: Visit, name: str, period: str, fact_id: str) -> Source:
    _, fact = _fact(visit, name, period, fact_id)
    if fact.source is None:
        raise NoSuchReportError(f"fact {fact_id} is a target: it has no rows")
    return fact.source


def _rows(visit: Visit, fact: Fact, number: int) -> tuple[Result | None, WeirError | None]:
    """Rows, or why there are none to show: the fact itself is worth a page without them."""
    if fact.source is None:
        return None, None
    try:
        visit.portal.throttle.rows(visit.user.name)
        offset = (number - 1) * PAGE_ROWS
        user = visit.user.trino_user
        return visit.portal.rows.page(fact.source.rows_sql, user, offset, PAGE_ROWS), None
    except WeirError as error:
        return None, error
