"""How every chart looks, and the drawing of one.

Colours are those of Okabe and Ito, which the colour-blind tell apart
(https://jfly.uni-koeln.de/color/); none says what is not also said by a label, a sign or a side.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from reports.document import Chart, Span

if TYPE_CHECKING:
    import altair as alt

Layered: TypeAlias = "alt.LayerChart | alt.FacetChart"

BLUE, VERMILLION = "#0072B2", "#D55E00"
QUIET = "#A9B4BF"
INK, MUTED, GRID = "#1C2127", "#5A636E", "#E6E9EC"
FONT = "Noto Sans, Noto Sans CJK JP, Noto Sans Arabic, DejaVu Sans, sans-serif"
"""Debian's fonts-noto-cjk and fonts-dejavu are enough; a family later in the list fills in."""

WIDTH = 620
"""Pixels: the page's width of text, so that letters are drawn at their own size."""

_THEME = "weir"
_VEGA_LITE = "6.4"


def drawn(
    chart: Layered,
    id: str,  # noqa: A002 - the name that it has in the document
    title: str,
    alternative: str,
    facts: tuple[str, ...],
    spans: tuple[Span, ...],
) -> Chart:
    """A chart in the style, as a specification with its data inside and as SVG."""
    import altair
    import vl_convert

    _register_theme()
    sized = chart.properties(
        width=WIDTH,
        description=alternative,
        autosize=altair.AutoSizeParams(type="fit-x", contains="padding"),
    )
    with (
        altair.theme.enable(_THEME),
        altair.data_transformers.enable("default", consolidate_datasets=False),
    ):
        spec: dict[str, Any] = sized.to_dict()
    # Nothing is read from an address: the data lie inside.
    svg = vl_convert.vegalite_to_svg(spec, vl_version=_VEGA_LITE, allowed_base_urls=[])
    return Chart(
        id=id,
        title=title,
        alt=alternative,
        spec=spec,
        svg=_own_ids(svg, id),
        facts=facts,
        spans=spans,
    )


def _own_ids(svg: str, chart: str) -> str:
    """Ids inside a drawing made its own, for several drawings share one page."""
    prefix = re.sub(r"[^A-Za-z0-9_-]", "-", chart)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    return svg.replace("url(#", f"url(#{prefix}-").replace('href="#', f'href="#{prefix}-')


@lru_cache(maxsize=1)
def _register_theme() -> None:
    import altair

    config: Any = {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "text": {"font": FONT, "fontSize": 11},
        "axis": {
            "labelFont": FONT,
            "labelFontSize": 10.5,
            "labelColor": MUTED,
            "domainColor": QUIET,
            "tickColor": QUIET,
            "gridColor": GRID,
        },
        "axisBand": {"domain": False, "ticks": False, "grid": False},
        "padding": {"left": 0, "right": 0, "top": 6, "bottom": 0},
    }

    @altair.theme.register(_THEME, enable=False)
    def _theme() -> altair.theme.ThemeConfig:
        return {"config": config}
