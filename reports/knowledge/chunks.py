"""Blocks to passages: bounded in length, cut where the author cut."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from reports.knowledge.model import Block, Document, Entry
from reports.knowledge.text import clean

RULES = "2"
"""Version of this module's rules: with a new one, collections are indexed afresh."""

MAX_CHARACTERS = 1200
"""Longest passage: about the 256 tokens that all-MiniLM-L6-v2 reads."""
OVERLAP_CHARACTERS = 200
"""How much of the end of a cut piece the next one repeats, at most."""

_FULL_STOPS = "\u3002\uff01\uff1f"
"""Those of Chinese and Japanese, which no blank follows."""
_SENTENCE = re.compile(rf"(?<=[.!?])\s+|\n+|(?<=[{_FULL_STOPS}])")


def chunk(blocks: Iterable[Block]) -> Iterator[Block]:
    """Join neighbours under one heading and page up to the bound; cut what is longer.

    A block is never joined with one of another heading or page, so each passage has one place
    to cite. Where a block is cut, at ends of sentences if it has any, the next piece repeats
    the last sentences of the one before.
    """
    waiting: Block | None = None
    for block in blocks:
        text = clean(block.text)
        if not text:
            continue
        if (
            waiting
            and (waiting.heading, waiting.page) == (block.heading, block.page)
            and len(waiting.text) + 1 + len(text) <= MAX_CHARACTERS
        ):
            waiting = Block(f"{waiting.text}\n{text}", block.heading, block.page)
            continue
        if waiting:
            yield waiting
        *whole, last = _cut(text)
        for piece in whole:
            yield Block(piece, block.heading, block.page)
        waiting = Block(last, block.heading, block.page)
    if waiting:
        yield waiting


def _cut(text: str) -> list[str]:
    if len(text) <= MAX_CHARACTERS:
        return [text]
    pieces: list[str] = []
    held: list[str] = []
    for sentence in _sentences(text):
        if held and len(" ".join([*held, sentence])) > MAX_CHARACTERS:
            pieces.append(" ".join(held))
            held = _tail(held, MAX_CHARACTERS - len(sentence) - 1)
        held.append(sentence)
    return [*pieces, " ".join(held)]


def _sentences(text: str) -> Iterator[str]:
    """Sentences; one beyond the bound in windows of words, or of characters without blanks."""
    for sentence in filter(None, (part.strip() for part in _SENTENCE.split(text))):
        rest = sentence
        while len(rest) > MAX_CHARACTERS - OVERLAP_CHARACTERS:
            bound = MAX_CHARACTERS - OVERLAP_CHARACTERS
            cut = rest.rfind(" ", OVERLAP_CHARACTERS, bound)
            cut = cut if cut > 0 else bound
            yield rest[:cut]
            rest = rest[cut:].strip()
        if rest:
            yield rest


def _tail(sentences: list[str], room: int) -> list[str]:
    """The last sentences that fit the overlap and the room left; the end of a long one."""
    bound = min(OVERLAP_CHARACTERS, room)
    tail: list[str] = []
    for sentence in reversed(sentences):
        if len(" ".join([sentence, *tail])) > bound:
            break
        tail.insert(0, sentence)
    if not tail and bound > 0:
        words = sentences[-1][-bound:]
        tail = [words.partition(" ")[2] or words]
    return tail


def entries(document_id: str, document: Document, fingerprint: str) -> list[Entry]:
    """The passages of a document.

    Ids follow from the document's id, the place and the text (and how often the same came
    before), so a passage keeps its id when another part of its document changes.
    """
    pieces = list(chunk(document.blocks))
    seen: Counter[str] = Counter()
    found: list[Entry] = []
    title = clean(document.title).replace("\n", " ")
    for piece in pieces:
        place = f"{document_id}\0{piece.page}\0{piece.heading}\0{piece.text}"
        number = seen[place]
        seen[place] += 1
        digest = hashlib.sha256(f"{place}\0{number}".encode("utf-8", "replace")).hexdigest()[:20]
        found.append(
            Entry(
                id=digest,
                document=document_id,
                title=title,
                page=piece.page,
                heading=clean(piece.heading).replace("\n", " "),
                text=piece.text,
                fingerprint=fingerprint,
                count=len(pieces),
            )
        )
    return found
