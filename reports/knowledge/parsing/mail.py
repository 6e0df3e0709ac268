"""Mail as files (RFC 5322, MIME).

Belongs here: the standard library's email package. Does not belong here: fetching mail, and
attachments, which are named as flaws: save them beside the mail to have them read.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email.header import decode_header
from email.message import Message
from email.utils import collapse_rfc2231_value
from pathlib import Path

from reports.knowledge.model import Document, RefusedError
from reports.knowledge.parsing.charsets import decode
from reports.knowledge.parsing.html import read_html
from reports.knowledge.parsing.reading import Reading

_SIGNATURES = {"application/pgp-signature", "application/pkcs7-signature",
               "application/x-pkcs7-signature"}  # fmt: skip
_SEALED = {"application/pgp-encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"}
_PARAGRAPHS = re.compile(r"\n[^\S\n]*\n\s*")
_WORDS = re.compile(r"\w+")
_DEEPEST = 20
_STUB = 2
"""A plain part with less than one word for so many of the HTML part is no rendering of it."""


def parse_mail(path: Path) -> Document:
    """Read a mail under its subject: every text in it, of alternatives the plain one.

    The HTML is read instead where the plain one is blank or a stub ("open this in a browser").

    Raises:
        RefusedError: it has no header of a mail, or is encrypted.
    """
    message = email.message_from_bytes(path.read_bytes())
    if not message.keys():
        raise RefusedError("damaged", f"{path.name}: has no header of a mail")
    reading = Reading(path.name)
    subject = _header(message, "subject").strip() or path.stem
    _Mail(path.name, reading).take(message, subject)
    return reading.document(subject, path.stem)


class _Mail:
    """Takes the parts of a mail into a reading."""

    def __init__(self, file: str, reading: Reading) -> None:
        self._file, self._reading = file, reading

    def take(self, message: Message, heading: str, depth: int = 0) -> None:
        """A mail, or one that was forwarded with it."""
        known = [(name, _header(message, name)) for name in ("From", "To", "Cc", "Date")]
        lines = [f"{name}: {' '.join(value.split())}" for name, value in known if value.strip()]
        self._reading.add("\n".join(lines), heading=heading)
        self._part(message, heading, depth)

    def _part(self, part: Message, heading: str, depth: int) -> None:
        kind = part.get_content_type()
        if depth > _DEEPEST:
            self._reading.miss("deeply nested part")
        elif kind in _SEALED:
            self._reading.flaw(f"encrypted or sealed part {_name(part)} is not read")
        elif kind == "message/rfc822":
            for inner in _parts(part):
                subject = _header(inner, "subject").strip()
                self.take(inner, f"{heading} > {subject}" if subject else heading, depth + 1)
        elif kind == "multipart/alternative":
            self._alternatives(list(_parts(part)), heading, depth)
        elif part.is_multipart():
            for inner in _parts(part):
                self._part(inner, heading, depth + 1)
        elif kind in _SIGNATURES:
            return
        elif kind in {"text/plain", "text/html"} and not _attached(part):
            self._text(part, heading)
        elif kind.startswith("image/") and not _attached(part):
            self._reading.miss("picture")
        else:
            self._reading.flaw(f"attachment {_name(part)} is not read")

    def _alternatives(self, offers: list[Message], heading: str, depth: int) -> None:
        chosen = self._best(offers)
        if chosen is not None:
            self._part(chosen, heading, depth + 1)
        for offer in offers:
            # An invitation says what no text beside it says.
            if offer is not chosen and offer.get_content_type() == "text/calendar":
                self._reading.flaw(f"attachment {_name(offer)} is not read")

    def _best(self, offers: list[Message]) -> Message | None:
        """Of alternatives, the first that says as much as any other."""
        readings = [(offer, self._words(offer)) for offer in offers]
        most = max((words for _, words in readings), default=0)
        for offer, words in readings:
            if words and words * _STUB >= most:
                return offer
        return offers[-1] if offers else None

    def _words(self, part: Message, depth: int = 0) -> int:
        """How many words a part has; 0 for what is no text."""
        if depth > _DEEPEST:
            return 0
        if part.is_multipart():
            return sum(self._words(inner, depth + 1) for inner in _parts(part))
        kind = part.get_content_type()
        if kind not in {"text/plain", "text/html"} or _attached(part):
            return 0
        text, _ = _content(part)
        if kind == "text/html":
            page = Reading(self._file)
            read_html(text, page)
            found = page.document("", "")
            text = " ".join(block.text for block in found.blocks)
        return len(_WORDS.findall(text))

    def _text(self, part: Message, heading: str) -> None:
        text, flaw = _content(part)
        if flaw:
            self._reading.flaw(flaw)
        if part.get_content_type() == "text/html":
            page = Reading(self._file)
            read_html(text, page)
            found = page.document("", "")
            for block in found.blocks:
                self._reading.add(block.text, heading=block.heading or heading)
            for sentence in found.flaws:
                self._reading.flaw(sentence)
            return
        if str(part.get_param("format", "")).casefold() == "flowed":
            text = _unflowed(text)
        for paragraph in _PARAGRAPHS.split(text):
            self._reading.add(paragraph, heading=heading)


def _parts(part: Message) -> Iterator[Message]:
    held = part.get_payload()
    if isinstance(held, list):
        yield from (one for one in held if isinstance(one, Message))


def _attached(part: Message) -> bool:
    return part.get_content_disposition() == "attachment"


def _name(part: Message) -> str:
    name = part.get_param("filename", None, "content-disposition") or part.get_param("name")
    if name is None:
        return part.get_content_type()
    return _words_of(collapse_rfc2231_value(name)).strip() or part.get_content_type()


def _content(part: Message) -> tuple[str, str]:
    """The text of a part, and what was wrong with its encoding."""
    held = part.get_payload(decode=True)
    content = held if isinstance(held, bytes) else b""
    declared = part.get_param("charset", "")
    name = collapse_rfc2231_value(declared) if declared else ""
    text, flaw = decode(content, str(name))
    return text.replace("\r\n", "\n").replace("\r", "\n"), flaw


def _header(message: Message, name: str) -> str:
    wanted = name.casefold()
    for key, value in message.raw_items():
        if key.casefold() == wanted:
            return _words_of(_raw(str(value)))
    return ""


def _raw(text: str) -> str:
    """A header as it stands in the file; bytes beyond ASCII by what they seem to be."""
    try:
        content = text.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        return text
    return text if content.isascii() else decode(content)[0]


def _words_of(text: str) -> str:
    """A header with its encoded words (RFC 2047) decoded, whatever charset they claim."""
    try:
        pieces = decode_header(text)
    except Exception:  # noqa: BLE001 - a malformed word is shown as it is
        return text
    return "".join(
        decode(piece, charset or "")[0] if isinstance(piece, bytes) else piece
        for piece, charset in pieces
    )


def _unflowed(text: str) -> str:
    """Lines of a flowed text (RFC 3676) joined where they end in a blank."""
    lines: list[str] = []
    goes_on = False
    for line in text.split("\n"):
        quoted = line.startswith(">")
        if goes_on and not quoted and line:
            lines[-1] += line.removeprefix(" ")
        else:
            lines.append(line)
        goes_on = line.endswith(" ") and not quoted and line != "-- "
    return "\n".join(lines)
