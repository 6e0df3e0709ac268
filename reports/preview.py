"""A PDF's first page as a picture, for previews."""

from __future__ import annotations

from io import BytesIO

WIDTH = 560
"""Pixels: readable in the metadata of a materialisation, and small enough to be kept there."""


def first_page(pdf: bytes) -> bytes:
    """The first page as PNG, :data:`WIDTH` pixels wide."""
    import pypdfium2

    with pypdfium2.PdfDocument(pdf) as document:
        page = document[0]
        picture = page.render(scale=WIDTH / page.get_width()).to_pil().convert("P", colors=64)
    out = BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()
