"""CSV files to the log: each once, bad rows to the dead-letter topic, the rest goes on.

A file counts as ingested when its last record is acknowledged. A run that dies before sends
the file again: event ids are deterministic, so the repeats collapse in silver.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from platform_assets.connectors.csv_rows import FileError
from platform_assets.connectors.file_model import (
    FileOutcome,
    FileSource,
    GivenFile,
    IngestResult,
    matches,
)
from platform_assets.connectors.file_sender import Progress, RowSender, scope_of
from platform_assets.connectors.ingested import IngestedFiles
from platform_assets.connectors.produce import LogProducer
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.source_folder import load_file_sources
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.core.settings import Settings

__all__ = [
    "FileError",
    "FileOutcome",
    "FileSource",
    "GivenFile",
    "IngestResult",
    "digest",
    "ingest",
    "scope_of",
]


def ingest(
    settings: Settings,
    path: Path,
    source: str,
    *,
    given: Sequence[GivenFile] | None = None,
    again: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> IngestResult:
    """Send a CSV file, or every CSV file of a folder in the order of their names.

    Args:
        settings: where the servers are.
        path: file or folder.
        source: the name of a folder below ``sources/``.
        given: send exactly these files, where they still are what they were; ``path`` is then
            only the folder's name.
        again: send files that were ingested before too.
        dry_run: read and map only; touch no server.
        progress: called every thousand rows.

    Returns:
        What became of each file. In a folder a file that cannot be used has its ``error``.

    Raises:
        FileError: unknown source, missing path, or the single file cannot be used.
        SourceError: the source's folder cannot be used.
        WeirError: a server does not answer or refuses, or a record is not delivered.
    """
    sources = load_file_sources()
    try:
        kind = sources[source]
    except KeyError:
        raise FileError(f"unknown source {source!r}", f"sources: {', '.join(sources)}") from None
    files = _files(path, kind.names) if given is None else [one.path for one in given]
    expected = {one.path: one for one in given or ()}
    contract = contract_of(kind)
    result = IngestResult(source)
    with ExitStack() as stack:
        ledger = producer = None
        schema_id = 1
        if not dry_run:
            ledger = stack.enter_context(IngestedFiles(settings))
            schema_id = ensure_topics(settings, [contract])[kind.topic]
            producer = stack.enter_context(LogProducer(settings))
        sender = RowSender(kind, contract, schema_id, producer, ledger)
        for file in files:
            outcome = FileOutcome(str(file), topic=str(kind.topic))
            result.files.append(outcome)
            try:
                content = _content(file, expected.get(file), outcome)
                if content is None:
                    continue
                if ledger and not again and ledger.has(source, outcome.sha256):
                    outcome.skipped = True
                    continue
                sender.send(file, content, outcome, progress)
            except FileError as error:
                if ledger and outcome.sha256:
                    ledger.refuse(source, outcome.sha256, str(error))
                if given is None and path.is_file():
                    raise
                outcome.error = str(error)
                continue
            if producer and ledger:
                producer.flush()
                ledger.add(source, outcome.sha256, file.name, outcome.records, outcome.dead_letters)
    return result


def contract_of(kind: FileSource) -> Contract:
    """The contract of a source's topic.

    Raises:
        FileError: there is none.
        ContractError: it cannot be used.
    """
    try:
        return load_contracts()[kind.topic]
    except KeyError:
        raise FileError(
            f"source {kind.name}: no contract for topic {kind.topic}",
            f"add {kind.topic}.yaml to its folder, or to platform_assets/contracts",
        ) from None


def digest(file: Path) -> str:
    """SHA-256 of a file, read piece by piece.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _content(file: Path, expected: GivenFile | None, outcome: FileOutcome) -> bytes | None:
    """What the file holds; None where it is not the file that was handed over, any more."""
    if expected is not None and not file.exists():
        outcome.changed = True
        return None
    content = _read(file)
    found = hashlib.sha256(content).hexdigest()
    if expected is not None and (len(content), found) != (expected.size, expected.sha256):
        outcome.changed = True
        return None
    outcome.sha256 = found
    return content


def _files(path: Path, names: str) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.exists():
        raise FileError(f"{path}: no such file or folder", "check the path")
    files = sorted(file for file in path.iterdir() if matches(file.name, names))
    if not files:
        raise FileError(f"{path}: no CSV file in this folder", f"their names match {names}")
    return files


def _read(file: Path) -> bytes:
    try:
        before = file.stat()
        content = file.read_bytes()
        after = file.stat()
    except OSError as error:
        raise FileError(f"{file}: cannot be read: {error.strerror}") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise FileError(f"{file}: it changed while it was read", "try again when it is complete")
    return content
