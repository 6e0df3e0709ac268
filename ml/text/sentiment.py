"""What the writer of a text feels: several views of it, weighed for each language.

Each view gives log probabilities of the three labels: hashed runs of letters and words of one
language, the sentence vector in one language, and the vector in all languages together. A
multinomial regression over the views, fitted on folds, weighs them and so calibrates the result.
A language without labelled texts is judged by the view that all languages share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.text.encoder import NAME, encode
from ml.text.layers import Layer, layers, log_softmax, tensors
from ml.text.ngrams import BUCKETS, ngrams
from ml.text.results import LABELS, Sentiment
from ml.text.trained import Array, ModelError, Parts

FORMAT = 1
ABOUT = "sentiment"
ANY = "any"
"""In place of a language: for all that have no labelled texts."""
_DECIMALS = 4
_RELEASE = {"format": FORMAT, "buckets": BUCKETS, "encoder": NAME}


@dataclass(frozen=True)
class Judge:
    """A trained model; its methods change nothing.

    Attributes:
        runs: by language, from hashed runs to logits.
        alone: by language, from sentence vectors to logits.
        hidden, joint: from sentence vectors of any language over hidden units to logits.
        stack: by language (or ``any``), from the views' log probabilities to logits.
    """

    runs: Mapping[str, Layer]
    alone: Mapping[str, Layer]
    hidden: Layer
    joint: Layer
    stack: Mapping[str, Layer]

    def judge(self, texts: Sequence[str], languages: Sequence[str]) -> list[Sentiment]:
        """One result a text, in order.

        Args:
            texts: with letters.
            languages: of each, ISO 639-1.
        """
        found = self.probabilities(texts, languages).round(_DECIMALS)
        return [
            Sentiment(LABELS[int(row.argmax())], float(row.max()), *map(float, row))
            for row in found
        ]

    def probabilities(self, texts: Sequence[str], languages: Sequence[str]) -> Array:
        """``[texts, 3]`` in the order of :data:`~ml.text.results.LABELS`."""
        vectors = encode(texts)
        shared = log_softmax(self.joint(np.maximum(self.hidden(vectors), 0)))
        logits = np.empty((len(texts), len(LABELS)))
        places: dict[str, list[int]] = defaultdict(list)
        for at, language in enumerate(languages):
            places[language if language in self.runs else ANY].append(at)
        for language, some in places.items():
            views = [shared[some]]
            if language != ANY:
                views = self.views(
                    language, ngrams([texts[at] for at in some]), vectors[some], shared[some]
                )
            logits[some] = self.stack[language](np.hstack(views))
        return np.exp(log_softmax(logits))

    def views(self, language: str, runs: Any, vectors: Array, shared: Array) -> list[Array]:
        """Log probabilities by each view, in the stack's order."""
        return [
            log_softmax(self.runs[language](runs)),
            log_softmax(self.alone[language](vectors)),
            shared,
        ]

    def parts(self) -> Parts:
        """What is sealed; the large matrices in half precision."""
        runs = {f"runs/{code}": layer for code, layer in self.runs.items()}
        found = {**tensors(self._small()), **tensors(runs, np.float16)}
        return Parts(found, {ABOUT: {**_RELEASE, "languages": sorted(self.runs)}})

    @classmethod
    def of(cls, parts: Parts) -> Judge:
        """What :meth:`parts` gave.

        Raises:
            ModelError: it was made by another release.
        """
        about = parts.documents.get(ABOUT, {})
        if any(about.get(name) != value for name, value in _RELEASE.items()):
            raise ModelError("the sentiment model is of another release", "weir text train")
        kinds: dict[str, dict[str, Layer]] = defaultdict(dict)
        for name, layer in layers(parts.tensors).items():
            kind, _, language = name.partition("/")
            kinds[kind][language] = layer
        return cls(
            kinds["runs"], kinds["alone"], kinds["hidden"][""], kinds["joint"][""], kinds["stack"]
        )

    def _small(self) -> dict[str, Layer]:
        return {
            "hidden": self.hidden,
            "joint": self.joint,
            **{f"alone/{code}": layer for code, layer in self.alone.items()},
            **{f"stack/{code}": layer for code, layer in self.stack.items()},
        }
