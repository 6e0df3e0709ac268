"""Training of :mod:`.entities`, from sentences of any number of languages.

All languages of a script are learned together: an attribute says something in its own language and
something in all. The fields learn from hints of networks that had not seen the sentence. Every
constant was chosen on folds of the first 70 % of each language's sentences
(ADR 0610). The rest is only measured on; what is sealed has then learned from all.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ml.text.attributes import attributes
from ml.text.corpora import Sentence, Span, fingerprint, sentences
from ml.text.encoder import encode_words
from ml.text.entities import OUTSIDE, Script, Tagger, script_of
from ml.text.gazetteer import Gazetteer, known_names
from ml.text.hints import TAGS, Hints, window
from ml.text.hints import said as say
from ml.text.layers import Layer
from ml.text.results import Entity
from ml.text.tokens import Token, tokens
from ml.text.trained import ENTITIES, Array, Trained

LEFT_OUT = 0.3
"""Of each language's sentences, the last ones."""
PENALTY, ITERATIONS = 0.1, 40
FOLDS = 3
"""In which a network hints at sentences that it has not learned from."""
NUMBERS, HIDDEN, DECAY, EPOCHS, BATCH = 128, 64, 0.1, 6, 256
SAMPLE = 20_000
"""Words that decide how vectors are reduced."""
SEED = 0


def train(folder: Path) -> Trained:
    """Measure on each language's last sentences, then train on all.

    Raises:
        CorpusError: the folder's files cannot be read.
    """
    # Libraries are limited to one thread only if they are there already.
    import sklearn.decomposition
    import sklearn.neural_network  # noqa: F401
    from threadpoolctl import threadpool_limits

    rows, names = sentences(folder), known_names()
    learned, left_out = divide(rows)
    with threadpool_limits(limits=1):
        metrics = measure(fit(learned, names), left_out)
        tagger = fit(rows, names)
    return Trained(
        ENTITIES,
        tagger.parts(),
        metrics,
        {"penalty": str(PENALTY), "iterations": str(ITERATIONS), "hidden units": str(HIDDEN),
         "languages": ", ".join(sorted({row.language for row in rows}))},
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
    """A network for hints, and a field for each script that occurs."""
    words = [tokens(row.text) for row in rows]
    known = [tags(some, row.spans) for some, row in zip(words, rows, strict=True)]
    hints, said = learn_hints(rows, words, known)
    of: dict[Script, list[int]] = {}
    for at, row in enumerate(rows):
        if words[at]:
            of.setdefault(script_of(row.text), []).append(at)
    fields = {
        script: _field(
            [(attributes(words[at], rows[at].language, names, said[at]), known[at]) for at in some]
        )
        for script, some in sorted(of.items())
    }
    return Tagger(fields, names, hints)


def learn_hints(
    rows: Sequence[Sentence], words: Sequence[Sequence[Token]], known: Sequence[Sequence[str]]
) -> tuple[Hints, list[list[list[str]]]]:
    """The network, and what it says of each sentence where it has not learned from it.

    Args:
        rows: the sentences.
        words: of each.
        known: their tags.
    """
    vectors = encode_words(words)
    reduce = _reduction(vectors)
    seen = [window(reduce(some)) for some in vectors]
    labels = [np.array([TAGS.index(tag) for tag in some], int) for some in known]
    folds = _blocks(rows)
    said: list[list[list[str]]] = [[] for _ in rows]
    for fold in range(FOLDS):
        out = [at for at in range(len(rows)) if folds[at] == fold and words[at]]
        keys = {rows[at].key for at in out}
        learned = [at for at in range(len(rows)) if rows[at].key not in keys]
        network = _network(reduce, seen, labels, learned)
        for at in out:
            said[at] = say(network.probabilities(seen[at]))
    return _network(reduce, seen, labels, range(len(rows))), said


def _blocks(rows: Sequence[Sentence]) -> list[int]:
    """The fold of each sentence: blocks of each language's sentences in their order."""
    count, done = Counter(row.language for row in rows), Counter[str]()
    folds = []
    for row in rows:
        folds.append(done[row.language] * FOLDS // count[row.language])
        done[row.language] += 1
    return folds


def _reduction(vectors: Sequence[Array]) -> Layer:
    """To the directions in which words differ most, all of one size."""
    from sklearn.decomposition import PCA

    every = np.vstack(vectors)
    draw = np.random.default_rng(SEED)
    some = every[np.sort(draw.choice(len(every), min(SAMPLE, len(every)), replace=False))]
    found = PCA(min(NUMBERS, len(some)), svd_solver="covariance_eigh").fit(some)
    scale = np.sqrt(found.explained_variance_.mean())
    weights = (found.components_.T / scale).astype(np.float32)
    return Layer(weights, (-found.mean_ @ weights).astype(np.float32))


def _network(
    reduce: Layer, seen: Sequence[Array], labels: Sequence[Array], which: Sequence[int]
) -> Hints:
    from sklearn.neural_network import MLPClassifier

    rows = np.vstack([seen[at] for at in which])
    known = np.concatenate([labels[at] for at in which])
    model = MLPClassifier(
        (HIDDEN,), alpha=DECAY, batch_size=min(BATCH, len(rows)), max_iter=EPOCHS,
        n_iter_no_change=EPOCHS, random_state=SEED,
    ).fit(rows, known)  # fmt: skip
    hidden, out = (
        Layer(weights.astype(np.float32), bias.astype(np.float32))
        for weights, bias in zip(model.coefs_, model.intercepts_, strict=True)
    )
    # Tags that never occurred stay impossible.
    weights = np.zeros((HIDDEN, len(TAGS)), np.float32)
    bias = np.full(len(TAGS), -30.0, np.float32)
    weights[:, model.classes_], bias[model.classes_] = out.weights, out.bias
    return Hints(reduce, hidden, Layer(weights, bias))


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


def _field(rows: Sequence[tuple[list[list[str]], Sequence[str]]]) -> bytes:
    """CRFsuite's model of sentences as attributes and tags."""
    import pycrfsuite

    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    trainer.set_params(
        {"c2": PENALTY, "max_iterations": ITERATIONS, "feature.possible_transitions": True}
    )
    for seen, known in rows:
        trainer.append(seen, known)
    with tempfile.TemporaryDirectory(prefix="weir-crf-") as folder:
        path = Path(folder) / "field"
        trainer.train(str(path))
        return path.read_bytes()
