"""Questions that go on from the one before: ``and by country?``, ``and the week before?``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platform_assets.core.errors import WeirError
from platform_assets.core.files import write_file
from platform_assets.core.settings import Settings
from reports.questions.ask import Asker
from reports.questions.outcomes import AmbiguousError, NotUnderstoodError
from reports.questions.query import Query
from reports.questions.windows import Clock

LONGEST = 20
"""Questions of one conversation that are kept."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")


@dataclass(frozen=True)
class Turn:
    """A question in its conversation.

    Attributes:
        context: the query that it goes on from; None: it stands alone.
        questions: what must be asked again, in order, to come to this one; the last is itself.
    """

    context: Query | None
    questions: tuple[str, ...]


def turn(asker: Asker, earlier: Sequence[str], text: str, clock: Clock) -> Turn:
    """Where a question stands after those before it; what those meant is worked out again.

    One that is understood neither alone nor after the others stands alone.

    Raises:
        AmbiguousError: it means two things.
    """
    context = _context(asker, earlier, clock)
    if context is None:
        return Turn(None, (text,))
    alone: Query | None = None
    with suppress(AmbiguousError, NotUnderstoodError):
        alone = asker.understand(text, clock)
    try:
        follows = asker.understand(text, clock, context)
    except NotUnderstoodError:
        return Turn(None, (text,))
    if alone == follows:
        return Turn(None, (text,))
    return Turn(context, (*earlier, text)[-LONGEST:])


def _context(asker: Asker, earlier: Sequence[str], clock: Clock) -> Query | None:
    context: Query | None = None
    for question in earlier:
        try:
            context = asker.understand(question, clock, context)
        except (AmbiguousError, NotUnderstoodError):
            return None  # the layer has changed since
    return context


def recall(settings: Settings, name: str) -> tuple[str, ...]:
    """The questions of a conversation; none where it is new."""
    try:
        found = json.loads(_path(settings, name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    is_list = isinstance(found, list) and all(isinstance(one, str) for one in found)
    return tuple(found) if is_list else ()


def keep(settings: Settings, name: str, questions: Sequence[str]) -> None:
    """Keep a conversation's questions."""
    path = _path(settings, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(list(questions), ensure_ascii=False))


def _path(settings: Settings, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise WeirError(
            f"{name!r} is no name of a conversation", "use lower case letters, digits and dashes"
        )
    return Path(settings.home) / "questions" / f"{name}.json"
