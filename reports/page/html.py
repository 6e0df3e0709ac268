"""A report as HTML: the template, filled in."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.document import Report
from reports.page.view import FactUrl, View

TEMPLATE = "report.html.j2"


def render(report: Report, *, fact_url: FactUrl) -> str:
    """One self-contained page in the report's language: style and charts inside, no script.

    Args:
        report: what to show.
        fact_url: address of a fact's own page by its id; every number links there.

    Raises:
        PageError: the report refers to what it does not hold.
        reports.language.LanguageError: its language is unknown.
    """
    view = View(report, fact_url)
    return _environment().get_template(TEMPLATE).render(view=view, report=report, label=view.labels)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["anchor"] = anchor
    environment.filters["css_string"] = css_string
    return environment


def anchor(name: str) -> str:
    """An id as a part of an address; the same text serves as ``id`` and after ``#``."""
    return quote(name, safe="").replace("%", "-")


def css_string(text: str) -> str:
    """A text inside a CSS string: all but letters and digits as escapes, so it cannot end it."""
    return re.sub(r"[^A-Za-z0-9]", lambda found: f"\\{ord(found[0]):06x}", text)
