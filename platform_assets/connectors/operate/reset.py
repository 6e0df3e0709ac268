"""A stream's cursor set by a person: to the beginning, or to a place of its own."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from platform_assets.connectors.seam import cursors
from platform_assets.connectors.seam.cursors import Place
from platform_assets.connectors.seam.definition import SourceDefinition
from platform_assets.connectors.seam.pull import writer_of
from platform_assets.connectors.seam.reader import ConnectorError, Cursor
from platform_assets.connectors.seam.state import SourceStates
from platform_assets.connectors.seam.transaction import SourceLog
from platform_assets.core.settings import Settings


@dataclass(frozen=True)
class Reset:
    """What a reset does.

    Attributes:
        source, stream: whose.
        before: the cursor that was committed; None: none was.
        after: the cursor that the next read is given; None: from the beginning.
    """

    source: str
    stream: str
    before: Cursor | None
    after: Cursor | None

    @property
    def undo(self) -> str:
        """The command that sets the cursor back."""
        to = ["--to", as_text(self.before)] if self.before is not None else []
        return shlex.join(["weir", "sources", "reset", self.source, self.stream, *to, "--yes"])


def parsed(
    text: str, what: str = "cursor", hint: str = "see the old one with --dry-run"
) -> dict[str, Any]:
    """A cursor that a person wrote, or another JSON object.

    Args:
        text: as it was given.
        what: it is, for the error.
        hint: where a good one is seen.

    Raises:
        ConnectorError: it is no JSON object.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConnectorError(f"{what} {text!r} is no JSON: {error}", hint) from None
    if not isinstance(found, dict):
        raise ConnectorError(f"{what} {text!r}: expected a JSON object", hint)
    return found


def as_text(cursor: Cursor | None) -> str:
    """A cursor for people."""
    return "the beginning" if cursor is None else json.dumps(cursor, sort_keys=True)


def planned(
    settings: Settings, source: SourceDefinition, stream: str, after: Mapping[str, Any] | None
) -> Reset:
    """What a reset would do, as things are now.

    Raises:
        ConnectorError: the source has no such stream.
        BrokerUnreachableError: no broker answers.
    """
    source.stream(stream)
    cursors.ensure(settings)
    before = cursors.read(settings).get((source.name, stream))
    return Reset(source.name, stream, before, after)


def reset(
    settings: Settings, source: SourceDefinition, stream: str, after: Mapping[str, Any] | None
) -> Reset:
    """Set a stream's cursor, and remember who did.

    The cursor is written under the source's own transactional id. So a read that is under way is
    fenced: it commits nothing more, and the next one begins at the new cursor.

    Raises:
        ConnectorError: the source has no such stream, or the broker refuses.
        BrokerUnreachableError: no broker answers.
        DatabaseError: PostgreSQL does not answer; nothing was changed.
    """
    source.stream(stream)
    with closing(SourceStates(settings)) as states:
        states.pauses()
        with SourceLog(settings, writer_of(source, stream)) as log:
            # Read after the fence: what was under way is committed or aborted by now.
            done = planned(settings, source, stream, after)
            log.commit([], [Place(source.name, stream, after, source.type.label)])
        detail = f"{stream}: from {as_text(done.before)} to {as_text(after)}"
        states.note(source.name, "reset", detail)
    return done
