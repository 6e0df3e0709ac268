"""What goes into an enrichment and what comes out of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from platform_assets.core.errors import WeirError
from reports.document import Passage

Kind = Literal["figures", "summary", "note", "flag"]
PROMPT = "1"
"""Version of the instructions: another one asks again."""


class EnrichmentError(WeirError):
    """An enrichment that cannot be made; names what is missing."""


@dataclass(frozen=True)
class Source:
    """A text that was understood.

    Attributes:
        id: its event.
        category: label of the sector.
        language: ISO 639-1.
        text: what the model is shown of it.
        sentiment: what its writer feels; empty: not known.
        route: why the stream took the costly step; ``quick``: it did not, and the model is not
            asked about it either.
        phrases: its key phrases.
    """

    id: str
    category: str
    language: str
    text: str
    sentiment: str = ""
    route: str = "quick"
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """Texts of one category that are asked about together.

    Attributes:
        id: its place in the request.
        category: of all of them.
        texts: at least one.
        passages: of the sector's documents, that may be cited.
    """

    id: str
    category: str
    texts: tuple[Source, ...]
    passages: tuple[Passage, ...] = ()

    def data(self) -> dict[str, Any]:
        """As the request has it."""
        return {
            "id": self.id,
            "category": self.category,
            "texts": [
                {"id": one.id, "language": one.language, "text": one.text} for one in self.texts
            ],
            "passages": [
                {"id": one.id, "title": one.title, "text": one.text} for one in self.passages
            ],
        }

    def digest(self, model: str) -> str:
        """Of all that the answer depends on: content, model and version of the instructions."""
        content = {**self.data(), "id": "", "model": model, "prompt": PROMPT}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Insight:
    """A statement about a category's texts of a day.

    Attributes:
        kind: ``figures`` are counted and always there; the others are the model's.
        category: label of the sector.
        text: one or a few sentences.
        severity: of a flag: ``low``, ``medium`` or ``high``; else empty.
        texts: events that it stands on.
        passages: passages that it stands on.
        model: that wrote it; empty: none did.
        missing: of the figures: what the model could not add, and why.
    """

    kind: Kind
    category: str
    text: str
    severity: str = ""
    texts: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()
    model: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cost:
    """What a day's enrichment has cost.

    Attributes:
        parts: that were to be asked about.
        cached: of them answered before.
        requests: sent.
        prompt_tokens, completion_tokens: of all requests.
        refused: statements that the guard left out.
        failed: reason -> parts without an answer.
    """

    parts: int = 0
    cached: int = 0
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    refused: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
