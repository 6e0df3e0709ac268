"""Mail as files (RFC 822)."""

from __future__ import annotations

import email
from email import policy
from pathlib import Path

from reports.knowledge.model import Block, Document, RefusedError
from reports.knowledge.parsing.web import html_document


def parse_mail(path: Path) -> Document:
    """Read a mail: its plain text, else its HTML, under its subject.

    Raises:
        RefusedError: it has no header of a mail.
    """
    message = email.message_from_bytes(path.read_bytes(), policy=policy.default)
    if not message.keys():
        raise RefusedError("damaged", f"{path.name}: has no header of a mail")
    subject = str(message["subject"] or "").strip() or path.stem
    known = [(name, str(message[name] or "")) for name in ("From", "To", "Date")]
    blocks = [Block("\n".join(f"{name}: {value}" for name, value in known if value), subject)]
    body = message.get_body(("plain", "html"))
    if body is not None:
        content = body.get_content()
        if body.get_content_subtype() == "html":
            page = html_document(content, subject)
            blocks.extend(Block(block.text, block.heading or subject) for block in page.blocks)
        else:
            blocks.extend(Block(part, subject) for part in content.split("\n\n"))
    flaws = tuple(
        f"attachment {part.get_filename() or part.get_content_type()} is not read"
        for part in message.iter_attachments()
    )
    return Document(subject, blocks, flaws)
