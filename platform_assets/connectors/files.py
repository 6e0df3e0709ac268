"""CSV files to the log: each once, bad rows to the dead-letter topic, the rest goes on.

A file counts as ingested when its last record is acknowledged. A run that dies before sends
the file again: event ids are deterministic, so the repeats collapse in silver.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from platform_assets.connectors.avro_codec import Encoder
from platform_assets.connectors.envelope import kafka_key, now_micros
from platform_assets.connectors.ingested import IngestedFiles
from platform_assets.connectors.mapping import EnvelopeMapping, UnmappableError
from platform_assets.connectors.produce import LogProducer, Record
from platform_assets.connectors.publish import ensure_topics
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings

_SOURCES = Path(__file__).parent.parent / "sources"
_LARGEST_DEAD_LETTER = 512 * 1024
_SHOWN_REASONS = 5

Progress = Callable[[str, int], None]
"""Called with a file's name and its rows so far."""


class FileError(WeirError):
    """A file, or what was said about it, cannot be used."""


@dataclass(frozen=True)
class FileSource:
    """A kind of CSV file.

    Attributes:
        name: the source instance; its mapping is ``sources/<name>/mapping.jsonata``.
        topic: where its records go.
        columns: columns the header must have; others are ignored.
        number_by: rows are numbered from 1 within equal values of these (column, characters
            that count, 0 for all); the mapping sees the number as ``line_no``.
    """

    name: str
    topic: TopicName
    columns: tuple[str, ...]
    number_by: tuple[tuple[str, int], ...] = ()
    encoding: str = "utf-8-sig"

    @property
    def mapping(self) -> Path:
        """The source's JSONata mapping."""
        return _SOURCES / self.name / "mapping.jsonata"


SOURCES = {
    "online_retail": FileSource(
        name="online_retail",
        topic=TopicName("retail", "invoice_lines"),
        columns=(
            "InvoiceNo", "StockCode", "Description", "Quantity",
            "InvoiceDate", "UnitPrice", "CustomerID", "Country",
        ),
        number_by=(("InvoiceNo", 0), ("InvoiceDate", len("2010-12-01"))),
    )
}  # fmt: skip
"""The file sources, by name."""


@dataclass
class FileOutcome:
    """What became of one file.

    Attributes:
        file: its path.
        sha256: of its content.
        topic: where its records went.
        records: rows sent as events.
        dead_letters: rows sent to the dead-letter topic.
        skipped: it was ingested before.
        reasons: the first few reasons for dead letters, with file and line.
        error: why the whole file was refused, or None.
    """

    file: str
    sha256: str = ""
    topic: str = ""
    records: int = 0
    dead_letters: int = 0
    skipped: bool = False
    reasons: list[str] = field(default_factory=list)
    error: str | None = None


@dataclass
class IngestResult:
    """What became of all files."""

    source: str
    files: list[FileOutcome] = field(default_factory=list)

    @property
    def events(self) -> int:
        """Records produced to the topic."""
        return sum(outcome.records for outcome in self.files)

    @property
    def dead_letters(self) -> int:
        """Rows that went to the dead-letter topic at the door."""
        return sum(outcome.dead_letters for outcome in self.files)


def ingest(
    settings: Settings,
    path: Path,
    source: str,
    *,
    again: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> IngestResult:
    """Send a CSV file, or every CSV file of a folder in the order of their names.

    Args:
        settings: where the servers are.
        path: file or folder.
        source: a name in :data:`SOURCES`.
        again: send files that were ingested before too.
        dry_run: read and map only; touch no server.
        progress: called every thousand rows.

    Returns:
        What became of each file. In a folder a file that cannot be used has its ``error``.

    Raises:
        FileError: unknown source, missing path, or the single file cannot be used.
        WeirError: a server does not answer or refuses, or a record is not delivered.
    """
    if source not in SOURCES:
        raise FileError(f"unknown source {source!r}", f"sources: {', '.join(SOURCES)}")
    kind = SOURCES[source]
    files = _files(path)
    contract = load_contracts()[kind.topic]
    result = IngestResult(source)
    with ExitStack() as stack:
        ledger = producer = None
        schema_id = 1
        if not dry_run:
            ledger = stack.enter_context(IngestedFiles(settings))
            schema_id = ensure_topics(settings, [contract])[kind.topic]
            producer = stack.enter_context(LogProducer(settings))
        sender = _Sender(kind, contract, schema_id, producer)
        for file in files:
            outcome = FileOutcome(str(file), topic=str(kind.topic))
            result.files.append(outcome)
            try:
                content = _read(file)
                outcome.sha256 = hashlib.sha256(content).hexdigest()
                if ledger and not again and ledger.has(source, outcome.sha256):
                    outcome.skipped = True
                    continue
                sender.send(file, content, outcome, progress)
            except FileError as error:
                if path.is_file():
                    raise
                outcome.error = str(error)
                continue
            if producer and ledger:
                producer.flush()
                ledger.add(source, outcome.sha256, file.name, outcome.records, outcome.dead_letters)
    return result


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.exists():
        raise FileError(f"{path}: no such file or folder", "check the path")
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".csv")
    if not files:
        raise FileError(f"{path}: no CSV file in this folder")
    return files


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise FileError(f"{file}: cannot be read: {error.strerror}") from error


class _Sender:
    """Sends the rows of files of one source; without a producer it only maps them."""

    def __init__(
        self, kind: FileSource, contract: Contract, schema_id: int, producer: LogProducer | None
    ) -> None:
        self._kind = kind
        self._contract = contract
        self._mapping = EnvelopeMapping(contract, kind.name, kind.mapping)
        self._encoder = Encoder(contract, schema_id)
        self._producer = producer

    def send(
        self, file: Path, content: bytes, outcome: FileOutcome, progress: Progress | None
    ) -> None:
        text = _decoded(file, content, self._kind.encoding)
        numbers: Counter[tuple[str, ...]] = Counter()
        rows = _rows(file, text, self._kind.columns)
        for count, (line, raw, row) in enumerate(rows, 1):
            if isinstance(row, str):
                self._dead_letter(file, line, raw, row, outcome)
            else:
                self._event(file, line, raw, row, numbers=numbers, outcome=outcome)
            if progress is not None and count % 1000 == 0:
                progress(file.name, count)

    def _event(
        self,
        file: Path,
        line: int,
        raw: str,
        row: dict[str, str],
        *,
        numbers: Counter[tuple[str, ...]],
        outcome: FileOutcome,
    ) -> None:
        group = tuple(
            row[name][:size] if size else row[name] for name, size in self._kind.number_by
        )
        # A row that turns out bad keeps its number, so that mending it shifts no other's id.
        numbers[group] += 1
        record = {"row": row, "line_no": numbers[group]}
        try:
            envelope = self._mapping.envelope(record, now_micros()).as_dict()
        except UnmappableError as error:
            self._dead_letter(file, line, raw, str(error), outcome)
            return
        if self._producer is not None:
            key = kafka_key(self._contract, envelope)
            value = self._encoder.encode(envelope)
            self._producer.send(Record(str(self._kind.topic), key, value))
        outcome.records += 1

    def _dead_letter(
        self, file: Path, line: int, raw: str, reason: str, outcome: FileOutcome
    ) -> None:
        reason = f"{file.name}, line {line}: {reason}"
        if len(outcome.reasons) < _SHOWN_REASONS:
            outcome.reasons.append(reason)
        if self._producer is not None:
            headers = {
                "reason": reason,
                "source": self._kind.name,
                "source_topic": str(self._kind.topic),
                "file": file.name,
                "line": str(line),
                "sha256": outcome.sha256,
            }
            self._producer.send(
                Record(
                    self._kind.topic.dead_letters,
                    f"{self._kind.name}/{outcome.sha256[:16]}/{line}".encode(),
                    raw.encode()[:_LARGEST_DEAD_LETTER],
                    tuple((name, value.encode()) for name, value in headers.items()),
                )
            )
        outcome.dead_letters += 1


def _decoded(file: Path, content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"{file}, line {line}: not {encoding.removesuffix('-sig')}: {error.reason}",
            "convert the file, e.g. `iconv -f latin1 -t utf-8`",
        ) from error


def _rows(
    file: Path, text: str, columns: tuple[str, ...]
) -> Iterator[tuple[int, str, dict[str, str] | str]]:
    """Line number, raw text, and the row or why it is none.

    Raises:
        FileError: the header lacks a column.
    """
    read: list[str] = []

    def lines() -> Iterator[str]:
        # Not splitlines(): it also splits at characters that may stand inside a value.
        for line in io.StringIO(text, newline=""):
            read.append(line)
            yield line

    reader = csv.reader(lines(), strict=True)
    header = next(reader, [])
    missing = [name for name in columns if name not in header]
    if missing:
        raise FileError(
            f"{file}: wrong header: no column {', '.join(missing)}",
            f"expected {','.join(columns)}",
        )
    while True:
        read.clear()
        line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, "".join(read), f"not CSV: {error}"
            continue
        if not values:
            continue
        if len(values) != len(header):
            yield line, "".join(read), f"{len(values)} values for {len(header)} columns"
            continue
        yield line, "".join(read), dict(zip(header, values, strict=True))
