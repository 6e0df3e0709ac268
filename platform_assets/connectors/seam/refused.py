"""What becomes of rows that are refused: dead letters, each with its place and its reason."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from platform_assets.connectors.produce import DEAD_LETTER_BYTES, LONGEST_REASON, Record
from platform_assets.connectors.seam.columns import rows_of, types_text
from platform_assets.connectors.seam.convert import as_text
from platform_assets.connectors.seam.definition import StreamFields
from platform_assets.connectors.seam.personal import PersonalValues
from platform_assets.connectors.seam.reader import Page
from platform_assets.connectors.seam.transaction import LARGEST
from platform_assets.contracts.model import Contract

TYPES_HEADER = "types"
"""Of a dead letter that is a row: its columns' types that JSON lacks."""
OP_HEADER = "op"
"""Of a dead letter that is a row of a source of changes: what happened."""

Row = tuple[bytes | None, bytes]
"""Key and value of a record."""


@dataclass(frozen=True)
class Letter:
    """One refusal.

    Attributes:
        place: in the source, for people.
        raw: what stood there.
        reason: the rule that it breaks.
        headers: further ones.
    """

    place: str
    raw: bytes
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)


def refused_rows(page: Page, refused: Mapping[int, str], personal: PersonalValues) -> list[Letter]:
    """Rows of a page that cannot be mapped, and what the reader could not make a row of.

    Args:
        page: whose.
        refused: row -> reason.
        personal: what the letters may hold.
    """
    letters = []
    rows = sorted(refused)
    types = {TYPES_HEADER: types_text(page.rows.schema)} if rows else {}
    for row, told in zip(rows, rows_of(page, rows) if rows else [], strict=True):
        place = page.places[row] if page.places else f"row {row + 1} of a page"
        raw = json.dumps(personal.row(told), default=as_text, sort_keys=True).encode()
        op = {OP_HEADER: page.ops[row]} if page.ops else {}
        letters.append(Letter(place, raw, refused[row], {**types, **op, **personal.headers}))
    for one in page.refused:
        raw, headers = personal.raw(one.raw)
        letters.append(Letter(one.place, raw, one.reason, headers))
    return letters


def fitting(records: list[Row]) -> tuple[list[Row], list[Letter]]:
    """Records that may be sent, and those that are too large."""
    good: list[Row] = []
    large: list[Letter] = []
    for key, value in records:
        if fits(key, value):
            good.append((key, value))
        else:
            large.append(too_large(key, value))
    return good, large


def fits(key: bytes | None, value: bytes) -> bool:
    """Whether a record may be sent."""
    return len(key or b"") + len(value) <= LARGEST


def too_large(key: bytes | None, value: bytes) -> Letter:
    """The refusal of a record that may not."""
    weight = len(key or b"") + len(value)
    reason = f"a record of {weight:,} bytes; at most {LARGEST:,} are sent"
    return Letter(key.decode() if key else "", value, reason)


def dead_letter(source: str, stream: StreamFields, contract: Contract, letter: Letter) -> Record:
    """A refusal as a record of the dead-letter topic; the same refusal has the same key."""
    headers = {
        **letter.headers,
        "reason": f"{source}, {stream.stream}, {letter.place}: {letter.reason}"[:LONGEST_REASON],
        "source": source,
        "stream": stream.stream,
        "source_topic": str(contract.topic),
        "place": letter.place,
        "source_bytes": str(len(letter.raw)),
    }
    digest = hashlib.sha256(letter.place.encode() + b"\0" + letter.raw).hexdigest()[:32]
    return Record(
        contract.topic.dead_letters,
        f"{source}/{stream.stream}/{digest}".encode(),
        letter.raw[:DEAD_LETTER_BYTES],
        tuple((name, value.encode()) for name, value in headers.items()),
    )
