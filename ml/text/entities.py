"""Persons, organisations and places in texts, with positions and confidence.

Two conditional random fields: one over words, one over single characters for scripts that are
written without spaces. What they see is in :mod:`.attributes`, and :mod:`.hints` of a network.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import numpy as np

from ml.text.attributes import FORMAT, attributes
from ml.text.gazetteer import Gazetteer
from ml.text.hints import Hints
from ml.text.layers import layers, tensors
from ml.text.results import Entity, Kind
from ml.text.tokens import Token, is_dense, tokens
from ml.text.trained import ModelError, Parts

Script = Literal["words", "dense"]
SCRIPTS: tuple[Script, ...] = get_args(Script)
OUTSIDE = "O"
NAMES, ABOUT = "names", "entities"
_DECIMALS = 4


def script_of(text: str) -> Script:
    """Which of the two fields reads a text."""
    return "dense" if is_dense(text) else "words"


@dataclass(frozen=True)
class Tagger:
    """A trained tagger; its methods change nothing and may be called from several threads.

    Attributes:
        fields: CRFsuite's models by script.
        names: what words are looked up in.
        hints: of the network; None leaves them out.
    """

    fields: Mapping[Script, bytes]
    names: Gazetteer
    hints: Hints | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _open: dict[Script, Any] = field(default_factory=dict, repr=False)

    def find(self, texts: Sequence[str], languages: Sequence[str]) -> list[list[Entity]]:
        """The entities of each text, in order.

        Args:
            texts: any.
            languages: of each, ISO 639-1.
        """
        words = [tokens(text) for text in texts]
        hints = self.hints.of(words) if self.hints else [[] for _ in words]
        return [list(self._of(*one)) for one in zip(texts, words, languages, hints, strict=True)]

    def _of(
        self, text: str, words: Sequence[Token], language: str, hints: Sequence[Sequence[str]]
    ) -> Iterator[Entity]:
        script = script_of(text)
        if not words or script not in self.fields:
            return
        seen = attributes(words, language, self.names, hints)
        # CRFsuite keeps the text it reads within the tagger.
        with self._lock:
            tagger = self._tagger(script)
            tagger.set(seen)
            tags: list[str] = tagger.tag()
            sure = [
                tagger.marginal(tag, at) if tag != OUTSIDE else 1.0 for at, tag in enumerate(tags)
            ]
        for kind, first, last in spans(tags):
            start, end = words[first].start, words[last].end
            least = round(min(1.0, *sure[first : last + 1]), _DECIMALS)
            yield Entity(kind, start, end, text[start:end], least)

    def _tagger(self, script: Script) -> Any:
        if script not in self._open:
            import pycrfsuite

            tagger = pycrfsuite.Tagger()
            tagger.open_inmemory(self.fields[script])
            self._open[script] = tagger
        return self._open[script]

    def parts(self) -> Parts:
        """What is sealed; a field as CRFsuite writes it."""
        fields = {str(name): np.frombuffer(one, np.uint8) for name, one in self.fields.items()}
        network = tensors(vars(self.hints)) if self.hints else {}
        return Parts(
            {**fields, **network},
            {NAMES: self.names.to_json(), ABOUT: {"format": FORMAT}},
        )

    @classmethod
    def of(cls, parts: Parts) -> Tagger:
        """What :meth:`parts` gave.

        Raises:
            ModelError: it was made by another release.
        """
        if parts.documents.get(ABOUT, {}).get("format") != FORMAT:
            raise ModelError("the tagger is of another release", "weir text train")
        fields = {
            script: parts.tensors[script].tobytes() for script in SCRIPTS if script in parts.tensors
        }
        network = layers(parts.tensors)
        return cls(
            fields,
            Gazetteer.from_json(parts.documents[NAMES]),
            Hints(**network) if network else None,
        )


def spans(tags: Sequence[str]) -> Iterator[tuple[Kind, int, int]]:
    """Kind, first and last word of each entity; an ``I-`` without its ``B-`` begins one too."""
    begin = -1
    for at, tag in enumerate([*tags, OUTSIDE]):
        if begin >= 0 and tag != f"I-{tags[begin][2:]}":
            yield cast(Kind, tags[begin][2:]), begin, at - 1
            begin = -1
        if tag != OUTSIDE and begin < 0:
            begin = at
