"""A finished report as one self-contained HTML page, made to be read and to be printed.

Belongs here: how a report looks: template, style, the page's own labels, anchors and links. Does
not belong here: what is in a report (:mod:`reports.document`), how a figure is written
(:mod:`reports.wording`), charts (:mod:`reports.charts`), printing (:mod:`reports.pdf`). Start at
:func:`render`.
"""

from __future__ import annotations

from reports.page.html import render
from reports.page.view import PageError

__all__ = ["PageError", "render"]
