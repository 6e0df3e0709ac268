"""From a template and its values to an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from reports.document import Span, cut
from reports.language import direction
from reports.portal.addresses import fact_path, report_path
from reports.portal.sessions import Session
from reports.wording import format_fact, format_moment


@dataclass(frozen=True)
class Piece:
    """A piece of a text.

    Attributes:
        text: its characters.
        facts: ids of the facts that it states; none for plain text.
    """

    text: str
    facts: tuple[str, ...] = ()


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page; the visitor, if there is one, stands in its head."""
    session: Session | None = getattr(request.state, "session", None)
    html = _environment().get_template(template).render(session=session, **values)
    return HTMLResponse(html, status)


def pieces(text: str, spans: Sequence[Span]) -> list[Piece]:
    """A text cut at its numbers; joined again, the pieces are the text.

    Spans that overlap an earlier one or lie outside the text are left plain.
    """
    runs, _ = cut(text, [span for span in spans if span.facts])
    return [Piece(run, span.facts if span else ()) for run, span in runs]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports.portal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    functions: Mapping[str, Any] = {
        "direction": direction,
        "fact_path": fact_path,
        "format_fact": format_fact,
        "format_moment": format_moment,
        "pieces": pieces,
        "report_path": report_path,
        "utc": UTC,
    }
    environment.globals.update(functions)
    return environment
