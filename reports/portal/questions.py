"""Questions in words: a page, and the same as JSON for programs.

An answer is read as the visitor's own Trino user. Each number of its sentences leads to the rows
behind it: the question is answered again as of the same moment, and the fact's rows are read.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import available_timezones

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from platform_assets.core.settings import Settings
from platform_assets.core.trino import TrinoQueryError, TrinoUnreachableError
from platform_assets.gold.access import ADMIN
from reports.definition import QUESTIONS
from reports.facts.model import Fact
from reports.portal.access import CurrentVisit, Visit
from reports.portal.audit import Action
from reports.portal.render import page
from reports.portal.rows import PAGE_ROWS, NotAReaderError
from reports.questions import conversation
from reports.questions.answer import Answer
from reports.questions.ask import LONGEST, Asker, clock_of
from reports.questions.document import document
from reports.questions.outcomes import AmbiguousError, NotUnderstoodError
from reports.store import NoSuchReportError

router = APIRouter()

SHOWN_ROWS = 200
"""Rows of an answer on the page; the API gives all."""

Text = Annotated[str, Field(min_length=1, max_length=LONGEST)]
Words = Annotated[str, Query(max_length=LONGEST)]
Earlier = Annotated[list[Annotated[str, Field(max_length=LONGEST)]], Query(max_length=20)]


class Asked(BaseModel):
    """The body of a question by a program."""

    model_config = ConfigDict(extra="forbid")

    question: Text
    earlier: tuple[Text, ...] = Field(default=(), max_length=20)
    as_of: AwareDatetime | None = None
    timezone: str = "UTC"


class Askers:
    """One asker a Trino user: each knows the members that its user may see."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, Asker] = {}
        self._lock = threading.Lock()

    def of(self, user: str) -> Asker:
        """The asker of a Trino user.

        Raises:
            NotAReaderError: it is one that writes.
        """
        if user.strip() in {"", ADMIN, self._settings.trino_user}:
            raise NotAReaderError(f"questions are asked as a read-only Trino user, not {user!r}")
        with self._lock:
            return self._known.setdefault(user, Asker(self._settings, user))


@router.get("/ask")
def show(
    request: Request,
    visit: CurrentVisit,
    question: Words = "",
    earlier: Earlier = [],  # noqa: B006 (FastAPI reads it and changes nothing)
) -> Response:
    """The page: a question's answer, what it is asked back, or what can be asked."""
    asker = _asker(request, visit)
    values: dict[str, Any] = {
        "question": question,
        "answer": None,
        "asked_back": None,
        "refused": None,
        "next": [],
        "labels": [metric.label for metric in asker.layer.public],
        "shown_rows": SHOWN_ROWS,
    }
    if not question.strip():
        return page(request, "ask.html", **values)
    as_of = datetime.now(UTC)
    try:
        answer, questions = _answered(visit, asker, question, earlier, as_of)
    except AmbiguousError as error:
        values["asked_back"] = error
    except NotUnderstoodError as error:
        values["refused"] = error
    else:
        values |= {
            "answer": answer,
            "next": questions,
            "rows_of": lambda fact: _rows_address(questions, as_of, fact),
            "most": _most(answer),
        }
    return page(request, "ask.html", **values)


@router.get("/ask/rows")
def rows(
    request: Request,
    visit: CurrentVisit,
    question: Words,
    fact: Annotated[str, Query(max_length=300)],
    as_of: AwareDatetime,
    earlier: Earlier = [],  # noqa: B006 (as above)
) -> Response:
    """The first rows behind a number of an answer."""
    asker = _asker(request, visit)
    answer, _ = _answered(visit, asker, question, earlier, as_of)
    found = next((one for one in answer.facts if one.id == fact), None)
    if found is None or found.source is None:
        raise NoSuchReportError(f"the answer has no number {fact!r}")
    result = visit.portal.rows.page(found.source.rows_sql, visit.user.trino_user, 0, PAGE_ROWS)
    return page(request, "ask_rows.html", answer=answer, fact=found, rows=result)


@router.post("/api/ask")
def ask(request: Request, visit: CurrentVisit, body: Asked) -> Response:
    """The same for programs: outcome ``answered``, ``asked``, ``refused`` or ``failed``."""
    asker = _asker(request, visit)
    if body.timezone not in available_timezones():
        return _ended("refused", f"{body.timezone!r} is no time zone", "", (), 422)
    try:
        answer, questions = _answered(
            visit, asker, body.question, body.earlier, body.as_of, body.timezone
        )
    except AmbiguousError as error:
        return _ended("asked", error.message, error.hint, error.choices, 200)
    except NotUnderstoodError as error:
        return _ended("refused", error.message, error.hint, error.nearest, 200)
    except TrinoQueryError as error:
        return _ended("failed", error.message, error.hint, (), 502)
    except TrinoUnreachableError as error:
        return _ended("failed", error.message, "", (), 503)
    return JSONResponse({**document(answer), "earlier": list(questions)})


def _ended(
    outcome: str, message: str, hint: str, choices: Sequence[str], status: int
) -> JSONResponse:
    content = {"outcome": outcome, "message": message, "hint": hint, "choices": list(choices)}
    return JSONResponse(content, status)


def _asker(request: Request, visit: Visit) -> Asker:
    if not visit.user.may_read(QUESTIONS):
        visit.record(Action.REFUSED, QUESTIONS)
        raise NoSuchReportError("questions are for those who may ask them")
    askers: Askers = request.app.state.askers
    return askers.of(visit.user.trino_user)


def _answered(
    visit: Visit,
    asker: Asker,
    question: str,
    earlier: Sequence[str],
    as_of: datetime | None,
    zone: str = "UTC",
) -> tuple[Answer, tuple[str, ...]]:
    visit.portal.throttle.rows(visit.user.name)
    visit.record(Action.ASK, QUESTIONS, detail=question)
    clock = clock_of(as_of, zone)
    turn = conversation.turn(asker, earlier, question, clock)
    return asker.answer(question, clock, turn.context), turn.questions


def _rows_address(questions: Sequence[str], as_of: datetime, fact: Fact) -> str:
    *earlier, question = questions
    words = [("question", question), *(("earlier", one) for one in earlier)]
    return f"/ask/rows?{urlencode([*words, ('as_of', as_of.isoformat()), ('fact', fact.id)])}"


def _most(answer: Answer) -> float:
    """The greatest value of the column that the bars show; 0 without bars."""
    if not answer.chart:
        return 0.0
    place = answer.result.columns.index(answer.chart)
    values = [row[place] for row in answer.result.rows[:SHOWN_ROWS]]
    return max((abs(float(value)) for value in values if value is not None), default=0.0)
