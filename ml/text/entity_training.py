"""Training of :mod:`.entities`, from sentences of any number of languages.

All languages of a script are learned together: an attribute says something in its own language and
something in all. Every constant was chosen on folds of the first 70 % of each language's sentences
(ADR 0610). The rest is only measured on; what is sealed has then learned from all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from ml.text.attributes import attributes
from ml.text.corpora import Sentence, Span, fingerprint, sentences
from ml.text.entities import OUTSIDE, Script, Tagger, script_of
from ml.text.gazetteer import Gazetteer, known_names
from ml.text.results import Entity
from ml.text.tokens import Token, tokens
from ml.text.trained import ENTITIES, Trained

LEFT_OUT = 0.3
"""Of each language's sentences, the last ones."""
PENALTIES = {"c1": 0.05, "c2": 0.05}
ITERATIONS = 60


def train(folder: Path) -> Trained:
    """Measure on each language's last sentences, then train on all.

    Raises:
        CorpusError: the folder's files cannot be read.
    """
    rows, names = sentences(folder), known_names()
    learned, left_out = divide(rows)
    metrics = measure(fit(learned, names), left_out)
    return Trained(
        ENTITIES,
        fit(rows, names).parts(),
        metrics,
        {**{name: str(value) for name, value in PENALTIES.items()},
         "iterations": str(ITERATIONS), "languages": ", ".join(sorted({r.language for r in rows}))},
        len(rows),
        fingerprint(rows),
        f"the last {LEFT_OUT:.0%} of each language's sentences ({len(left_out):,}), by a model "
        "that knew neither them nor their translations",
    )  # fmt: skip


def divide(rows: Sequence[Sentence]) -> tuple[list[Sentence], list[Sentence]]:
    """Sentences to learn from and those left out, in order of their documents.

    A sentence is dropped whose translation is left out.
    """
    of: dict[str, list[Sentence]] = {}
    for row in rows:
        of.setdefault(row.language, []).append(row)
    first: list[Sentence] = []
    left_out: list[Sentence] = []
    for some in of.values():
        cut = round(len(some) * (1 - LEFT_OUT))
        first += some[:cut]
        left_out += some[cut:]
    keys = {row.key for row in left_out}
    return [row for row in first if row.key not in keys], left_out


def fit(rows: Sequence[Sentence], names: Gazetteer) -> Tagger:
    """A tagger for each script that occurs."""
    by_script: dict[Script, list[Sentence]] = {}
    for row in rows:
        by_script.setdefault(script_of(row.text), []).append(row)
    return Tagger(
        {script: _field(some, names) for script, some in sorted(by_script.items())}, names
    )


def measure(tagger: Tagger, rows: Sequence[Sentence]) -> dict[str, float]:
    """Span F1: ``span_f1_<language>`` and their mean ``f1``.

    A span counts only with its exact kind, start and end. Languages are those of the rows.
    """
    found = tagger.find([row.text for row in rows], [row.language for row in rows])
    scores = {
        f"span_f1_{language}": span_f1(
            [row.spans for row in rows if row.language == language],
            [some for row, some in zip(rows, found, strict=True) if row.language == language],
        )
        for language in sorted({row.language for row in rows})
    }
    return {**scores, "f1": sum(scores.values()) / len(scores)}


def span_f1(true: Sequence[Sequence[Span]], found: Sequence[Sequence[Entity]]) -> float:
    """Harmonic mean of precision and recall over all texts; 0 where nothing is right."""
    right = sum(
        len({(s.kind, s.start, s.end) for s in some} & {(e.kind, e.start, e.end) for e in said})
        for some, said in zip(true, found, strict=True)
    )
    total = sum(map(len, true)) + sum(map(len, found))
    return 2 * right / total if total else 0.0


def tags(words: Sequence[Token], spans: Sequence[Span]) -> list[str]:
    """IOB2: the words that lie within a span."""
    result = [OUTSIDE] * len(words)
    for span in spans:
        inside = [
            at for at, word in enumerate(words) if word.start >= span.start and word.end <= span.end
        ]
        for at in inside:
            result[at] = f"{'B' if at == inside[0] else 'I'}-{span.kind}"
    return result


def _field(rows: Sequence[Sentence], names: Gazetteer) -> bytes:
    import pycrfsuite

    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    trainer.set_params(
        {**PENALTIES, "max_iterations": ITERATIONS, "feature.possible_transitions": True}
    )
    for row in rows:
        if words := tokens(row.text):
            trainer.append(attributes(words, row.language, names), tags(words, row.spans))
    with tempfile.TemporaryDirectory(prefix="weir-crf-") as folder:
        path = Path(folder) / "field"
        trainer.train(str(path))
        return path.read_bytes()
