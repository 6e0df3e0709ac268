"""Pages of models: how each day's data differ from what a model was trained on.

Evidently's pages carry their scripts inside. They are shown in a frame of their own without an
origin: what runs there reaches neither the reader's session nor the network.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi import Path as PathValue
from fastapi.responses import FileResponse

from reports.definition import MODELS
from reports.portal.access import CurrentVisit, Visit
from reports.portal.addresses import NAME_PATTERN
from reports.portal.audit import Action
from reports.portal.render import page
from reports.portal.security import FRAME_POLICY, PAGE_WITH_FRAME_POLICY
from reports.store import NoSuchReportError

router = APIRouter()

ROLE = MODELS
"""Granted like a report: ``weir portal users add anna --report models``."""

Name = Annotated[str, PathValue(pattern=NAME_PATTERN)]
Day = Annotated[str, PathValue(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
View = Annotated[str, PathValue(pattern=r"^(data|labels)$")]

_FILES = {"data": "{day}.html", "labels": "{day}-labels.html"}
_LISTED = 120


@dataclass(frozen=True)
class DayOfModel:
    """A judged day.

    Attributes:
        model: its name.
        day: ISO date.
        summary: what was decided, as ``ml/drift/watch.py`` wrote it.
        views: pages that are there: ``data``, ``labels``.
    """

    model: str
    day: str
    summary: dict[str, Any]
    views: tuple[str, ...]


class Pages:
    """Files of judged days, read for somebody who may."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def days(self) -> list[DayOfModel]:
        """Every model's newest days, newest first."""
        found = []
        for folder in sorted(self._root.glob("*/")):
            files = [path for path in folder.glob("*.json") if not path.is_symlink()]
            days = sorted((path.stem for path in files), reverse=True)
            found += [self.day(folder.name, day) for day in days[:_LISTED]]
        return found

    def day(self, model: str, day: str) -> DayOfModel:
        """One day.

        Raises:
            NoSuchReportError: it was not judged.
        """
        text = self.file(model, f"{day}.json").read_text(encoding="utf-8")
        views = tuple(
            view
            for view, name in _FILES.items()
            if (self._root / model / name.format(day=day)).is_file()
        )
        return DayOfModel(model, day, json.loads(text), views)

    def file(self, model: str, name: str) -> Path:
        """A file of a model.

        Raises:
            NoSuchReportError: it is not there, or would lie outside of the folder.
        """
        path = self._root / model / name
        # Names come from addresses: nothing outside the root is ever opened, by a link neither.
        if not path.resolve().is_relative_to(self._root.resolve()) or not path.is_file():
            raise NoSuchReportError(f"no page {name} of model {model}")
        return path


def _pages(visit: Visit, model: str = "", day: str = "") -> Pages:
    if not visit.user.may_read(ROLE):
        visit.record(Action.REFUSED, ROLE, day, model)
        raise NoSuchReportError("pages of models are for those who may read them")
    root = visit.portal.settings.models_root
    if not root:
        raise NoSuchReportError("no folder for models: set WEIR_MODELS_ROOT")
    return Pages(Path(root) / "drift")


@router.get("/models")
def list_days(request: Request, visit: CurrentVisit) -> Response:
    """Judged days of every model."""
    return page(request, "models.html", days=_pages(visit).days())


@router.get("/models/{model}/drift/{day}")
def show_day(request: Request, visit: CurrentVisit, model: Name, day: Day) -> Response:
    """What a day said, and Evidently's pages in frames."""
    found = _pages(visit, model, day).day(model, day)
    visit.record(Action.READ, ROLE, day, model)
    answer = page(request, "drift.html", found=found)
    answer.headers["Content-Security-Policy"] = PAGE_WITH_FRAME_POLICY
    return answer


@router.get("/models/{model}/drift/{day}/{view}.html")
def evidently_page(visit: CurrentVisit, model: Name, day: Day, view: View) -> Response:
    """One of Evidently's pages, for a frame of :func:`show_day`."""
    path = _pages(visit, model, day).file(model, _FILES[view].format(day=day))
    visit.record(Action.READ, ROLE, day, f"{model} {view}")
    headers = {"Content-Security-Policy": FRAME_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return FileResponse(path, media_type="text/html; charset=utf-8", headers=headers)
