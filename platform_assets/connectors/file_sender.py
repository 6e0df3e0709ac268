"""Sends the rows of a file: mapped, numbered, each identity with one content only."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.csv_rows import decoded, rows
from platform_assets.connectors.envelope import event_id, kafka_key, now_micros
from platform_assets.connectors.file_model import FileOutcome, FileSource
from platform_assets.connectors.ingested import IngestedFiles
from platform_assets.connectors.mapping import EnvelopeMapping, UnmappableError
from platform_assets.connectors.produce import (
    DEAD_LETTER_BYTES,
    LONGEST_REASON,
    LogProducer,
    Record,
    RecordTooLargeError,
)
from platform_assets.contracts.model import Contract

_SHOWN_REASONS = 5
_BATCH = 500
"""Rows that are looked up, and sent, together."""

Progress = Callable[[str, int], None]
"""Called with a file's name and its rows so far."""


def scope_of(file: Path) -> str:
    """The name within which a file's rows are numbered: its folder's and its own.

    Not the whole path: event ids are the same wherever the lake's machine keeps its files.
    """
    place = Path(os.path.abspath(file))
    return f"{place.parent.name}/{place.name}"


class _Seen:
    """What :class:`.ingested.IngestedFiles` remembers, for a run that touches no server."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[bytes, str]] = {}

    def scope(self, source: str, sha256: str, proposed: str) -> str:  # noqa: ARG002
        return proposed

    def conflicts(self, source: str, records: Mapping[str, bytes], file: str) -> dict[str, str]:  # noqa: ARG002
        found = {}
        for identifier, content in records.items():
            known, first = self._known.setdefault(identifier, (content, file))
            if known != content:
                found[identifier] = first
        return found


@dataclass(frozen=True)
class _Mapped:
    """A row that was mapped and waits to be sent."""

    line: int
    raw: str
    envelope: dict[str, Any]


class RowSender:
    """Sends the rows of files of one source; without a producer it only maps them."""

    def __init__(
        self,
        kind: FileSource,
        contract: Contract,
        schema_id: int,
        producer: LogProducer | None,
        ledger: IngestedFiles | None = None,
    ) -> None:
        self._kind = kind
        self._contract = contract
        self._mapping = EnvelopeMapping(contract, kind.name, kind.mapping)
        self._encoder = Encoder(contract, schema_id, kind.name)
        self._producer = producer
        self._seen: IngestedFiles | _Seen = ledger or _Seen()
        self._waiting: list[_Mapped] = []

    def send(
        self, file: Path, content: bytes, outcome: FileOutcome, progress: Progress | None
    ) -> None:
        """Send a file's rows, bad ones to the dead-letter topic; count both in ``outcome``.

        Raises:
            FileError: the file cannot be used; nothing of it was sent.
        """
        text = decoded(file, content, self._kind.encoding)
        numbers: Counter[tuple[str, ...]] = Counter()
        found = rows(file, text, self._kind.columns, self._kind.delimiter)
        scope: str | None = None
        for count, (line, raw, row) in enumerate(found, 1):
            if scope is None:
                # Only now: the header was good, so the file is not one to refuse.
                scope = self._seen.scope(self._kind.name, outcome.sha256, scope_of(file))
            if isinstance(row, str):
                self._dead_letter(file, line, raw, row, outcome)
            else:
                self._map(file, line, raw, row, numbers=numbers, scope=scope, outcome=outcome)
            if len(self._waiting) >= _BATCH:
                self._send_waiting(file, outcome)
            if progress is not None and count % 1000 == 0:
                progress(file.name, count)
        self._send_waiting(file, outcome)

    def _map(
        self,
        file: Path,
        line: int,
        raw: str,
        row: dict[str, str],
        *,
        numbers: Counter[tuple[str, ...]],
        scope: str,
        outcome: FileOutcome,
    ) -> None:
        group = tuple(
            row[name][:size] if size else row[name] for name, size in self._kind.number_by
        )
        # A row that turns out bad keeps its number, so that fixing it shifts no other's id.
        numbers[group] += 1
        record = {"row": row, "line_no": numbers[group]}
        try:
            envelope = self._mapping.envelope(record, now_micros()).as_dict()
        except UnmappableError as error:
            self._dead_letter(file, line, raw, str(error), outcome)
            return
        if self._kind.number_by and scope and envelope["event_id"] is not None:
            envelope["event_id"] = event_id(self._kind.name, envelope["event_id"], scope)
        self._waiting.append(_Mapped(line, raw, envelope))

    def _send_waiting(self, file: Path, outcome: FileOutcome) -> None:
        """Send what was mapped; an identity with two contents goes to the dead letters."""
        waiting, self._waiting = self._waiting, []
        contents = [_content_digest(one.envelope) for one in waiting]
        first: dict[str, bytes] = {}
        for one, content in zip(waiting, contents, strict=True):
            if (identifier := one.envelope["event_id"]) is not None:
                first.setdefault(identifier, content)
        before = self._seen.conflicts(self._kind.name, first, file.name) if first else {}
        for one, content in zip(waiting, contents, strict=True):
            identifier = one.envelope["event_id"]
            origin = before.get(identifier)
            if origin is None and identifier is not None and first[identifier] != content:
                origin = file.name
            if origin is not None:
                outcome.conflicts += 1
                reason = (
                    f"conflict: event {identifier} was sent before with other content, "
                    f"from {origin}; the first one stays"
                )
                self._dead_letter(file, one.line, one.raw, reason, outcome)
                continue
            if self._producer is not None:
                key = kafka_key(self._contract, one.envelope)
                value = self._encoder.encode(one.envelope)
                try:
                    self._producer.send(Record(str(self._kind.topic), key, value))
                except RecordTooLargeError as error:
                    self._dead_letter(file, one.line, one.raw, error.message, outcome)
                    continue
            outcome.records += 1

    def _dead_letter(
        self, file: Path, line: int, raw: str, reason: str, outcome: FileOutcome
    ) -> None:
        reason = f"{file.name}, line {line}: {reason}"[:LONGEST_REASON]
        if len(outcome.reasons) < _SHOWN_REASONS:
            outcome.reasons.append(reason)
        if self._producer is not None:
            content = raw.encode()
            # A line may hold anything: nothing of it is kept where some of it is personal.
            personal = any(column.inbound for column in self._contract.payload_columns)
            headers = {
                "reason": reason,
                "source": self._kind.name,
                "source_topic": str(self._kind.topic),
                "file": file.name,
                "line": str(line),
                "sha256": outcome.sha256,
                "source_bytes": str(len(content)),
            }
            self._producer.send(
                Record(
                    self._kind.topic.dead_letters,
                    f"{self._kind.name}/{outcome.sha256[:16]}/{line}".encode(),
                    b"" if personal else content[:DEAD_LETTER_BYTES],
                    tuple((name, value.encode()) for name, value in headers.items()),
                )
            )
        outcome.dead_letters += 1


def _content_digest(envelope: Mapping[str, Any]) -> bytes:
    """Digest of what a record says; when it was taken in is no part of that."""
    said = {name: value for name, value in envelope.items() if name != "ingested_at"}
    text = json.dumps(said, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()[:16]
