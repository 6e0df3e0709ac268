"""Page numbers in a report's contents, read back from its first print."""

from __future__ import annotations

import io
import re

_PLACE = re.compile(r'(<span class="page" data-page-of="([^"]*)">)[^<]*(</span>)')


def with_page_numbers(html: str, pdf: bytes) -> str:
    """Fill in ``<span class="page" data-page-of="ID"></span>``.

    Args:
        html: the page that was printed.
        pdf: its print; links to ``#ID`` within the page make ``ID`` a destination of it.

    Returns:
        The page with the numbers of the pages on which the elements begin, counted from 1; as it
        was where there is no such span, or no link to its element.
    """
    if not _PLACE.search(html):
        return html
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(pdf))
    pages = {
        # Chromium keeps destinations in the old dictionary, whose keys are PDF names.
        name.removeprefix("/"): reader.get_destination_page_number(place)
        for name, place in reader.named_destinations.items()
    }

    def numbered(found: re.Match[str]) -> str:
        page = pages.get(found[2])
        return found[0] if page is None else f"{found[1]}{page + 1}{found[3]}"

    return _PLACE.sub(numbered, html)
