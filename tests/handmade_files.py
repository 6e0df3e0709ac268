"""Office files and PDFs written by hand, so that a test says exactly what is in one."""

from __future__ import annotations

import zipfile
from pathlib import Path

_SPACES = " ".join(
    f'xmlns:{prefix}="{space}"'
    for prefix, space in {
        "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
        "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
        "pic": "http://schemas.openxmlformats.org/drawingml/2006/picture",
        "p": "http://schemas.openxmlformats.org/presentationml/2006/main",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "v": "urn:schemas-microsoft-com:vml",
        "o": "urn:schemas-microsoft-com:office:office",
    }.items()
)
_TYPE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def office(path: Path, main: str, parts: dict[str, str], related: dict[str, str]) -> Path:
    """Write a package.

    Args:
        path: the file.
        main: name of its main part.
        parts: name -> XML.
        related: name of a part that the main one points to -> last word of the relation's type;
            the relation's id is ``r`` and the part's place in this order, from 1.
    """

    def relations(targets: dict[str, str]) -> str:
        lines = "".join(
            f'<Relationship Id="r{at}" Type="{_TYPE}{kind}" Target="/{target}"/>'
            for at, (target, kind) in enumerate(targets.items(), start=1)
        )
        return f'<Relationships xmlns="{_PACKAGE}">{lines}</Relationships>'

    folder, _, name = main.rpartition("/")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_rels/.rels", relations({main: "officeDocument"}))
        archive.writestr(f"{folder}/_rels/{name}.rels", relations(related))
        for part, xml in parts.items():
            archive.writestr(part, xml)
    return path


def word(path: Path, body: str, **others: str) -> Path:
    """A Word file of this body; others are parts by the type of their relation."""
    main = "word/document.xml"
    roots = {"footnotes": "footnotes", "endnotes": "endnotes", "styles": "styles",
             "comments": "comments", "header": "hdr", "footer": "ftr"}  # fmt: skip
    parts = {main: f"<w:document {_SPACES}><w:body>{body}</w:body></w:document>"}
    related = {}
    for kind, xml in others.items():
        parts[f"word/{kind}.xml"] = f"<w:{roots[kind]} {_SPACES}>{xml}</w:{roots[kind]}>"
        related[f"word/{kind}.xml"] = kind
    return office(path, main, parts, related)


def run(text: str, properties: str = "") -> str:
    """A run of Word."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(inside: str, style: str = "", mark: str = "") -> str:
    """A paragraph of Word; what is no markup becomes a run."""
    inside = inside if inside.startswith("<") else run(inside)
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}<w:rPr>{mark}</w:rPr></w:pPr>{inside}</w:p>"


def slides(path: Path, *trees: str, show: str = "1") -> Path:
    """A PowerPoint file, a slide for each tree of shapes; ``show`` is the last one's."""
    main = "ppt/presentation.xml"
    names = [f"ppt/slides/slide{at}.xml" for at in range(1, len(trees) + 1)]
    ids = "".join(f'<p:sldId id="{255 + at}" r:id="r{at}"/>' for at in range(1, len(trees) + 1))
    parts = {main: f"<p:presentation {_SPACES}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>"}
    for at, (name, tree) in enumerate(zip(names, trees, strict=True), start=1):
        shown = show if at == len(trees) else "1"
        parts[name] = (
            f'<p:sld {_SPACES} show="{shown}"><p:cSld><p:spTree>{tree}</p:spTree></p:cSld></p:sld>'
        )
    return office(path, main, parts, dict.fromkeys(names, "slide"))


def pdf(path: Path, content: str, font: str = "", shift: int = 0) -> Path:
    """A PDF of one page.

    Args:
        path: the file.
        content: the page's content stream, in Latin-1.
        font: entries of its font beside the name.
        shift: by how many bytes its table of contents is wrong.
    """
    stream = content.encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
            b"/Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman %s >>" % font.encode(),
    ]
    whole, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(whole) + shift)
        whole += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(whole) + shift
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    whole += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    whole += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        start,
    )
    path.write_bytes(whole)
    return path
