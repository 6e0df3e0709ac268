"""Training of :mod:`.sentiment`, from labelled texts of any number of languages.

Every constant was chosen by folds of the training split (ADR 0610); the validation split is only
measured on. Fitting runs on one thread, so that the same texts give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.text.corpora import CorpusError, Opinion, fingerprint, opinions
from ml.text.encoder import encode
from ml.text.layers import Layer, log_softmax
from ml.text.ngrams import ngrams
from ml.text.results import LABELS
from ml.text.sentiment import ANY, Judge
from ml.text.trained import SENTIMENT, Array, Trained

FOLDS = 5
LEAST = 10
"""Texts that each label needs in a language; one with fewer is judged as one without any."""
SEED = 0
RUNS_C, SMOOTHING = 4.0, 1.0
ALONE_C = 1.0
HIDDEN, DECAY, EPOCHS, BATCH = 128, 0.3, 12, 128
STACK_C = 0.1
BINS = 10
"""Of the calibration error."""


@dataclass(frozen=True)
class Texts:
    """The labelled texts of one language, ready to learn from."""

    language: str
    labels: Array
    vectors: Array
    runs: Any

    @classmethod
    def of(cls, language: str, rows: Sequence[Opinion]) -> Texts:
        """Encoded."""
        texts = [row.text for row in rows]
        labels = np.array([LABELS.index(row.label) for row in rows])
        return cls(language, labels, encode(texts), ngrams(texts))

    def part(self, which: Array) -> Texts:
        """Some of the rows."""
        return Texts(self.language, self.labels[which], self.vectors[which], self.runs[which])


def train(folder: Path) -> Trained:
    """Train on the split ``train``, measure on ``valid``.

    Raises:
        CorpusError: a split is missing or unreadable, or holds too little of every language.
    """
    # Libraries are limited to one thread only if they are there already.
    import sklearn.linear_model
    import sklearn.neural_network  # noqa: F401
    from threadpoolctl import threadpool_limits

    train_rows, valid_rows = opinions(folder, "train"), opinions(folder, "valid")
    with threadpool_limits(limits=1):
        judge = fit(by_language(train_rows))
        metrics = measure(judge, valid_rows)
    return Trained(
        SENTIMENT,
        judge.parts(),
        metrics,
        {"views": "runs of letters and words, vector, vector over all languages",
         "languages": ", ".join(sorted(judge.runs)), "seed": str(SEED)},
        len(train_rows),
        fingerprint([*train_rows, *valid_rows]),
        f"{len(valid_rows):,} texts of the validation split",
    )  # fmt: skip


def by_language(rows: Sequence[Opinion]) -> list[Texts]:
    """Languages with enough of each label.

    Raises:
        CorpusError: there is none.
    """
    some: dict[str, list[Opinion]] = {}
    for row in rows:
        some.setdefault(row.language, []).append(row)
    enough = [
        Texts.of(language, found)
        for language, found in sorted(some.items())
        if all(sum(row.label == label for row in found) >= LEAST for label in LABELS)
    ]
    if not enough:
        raise CorpusError(
            f"no language has {LEAST} texts of each label", f"label more of {', '.join(LABELS)}"
        )
    return enough


def fit(languages: Sequence[Texts]) -> Judge:
    """Fit the views on folds, weigh them by what they said of texts left out, fit them again."""
    folds = {texts.language: _folds(texts.labels) for texts in languages}
    said: dict[str, list[list[Array]]] = {texts.language: [] for texts in languages}
    for fold in range(FOLDS):
        learned = [t.part(folds[t.language] != fold) for t in languages]
        judge = _views(learned, {})
        for texts in languages:
            out = texts.part(folds[texts.language] == fold)
            said[texts.language].append(list(_said(judge, out)))
    stack: dict[str, Layer] = {}
    everywhere: list[tuple[Array, Array]] = []
    for texts in languages:
        order = np.concatenate([np.flatnonzero(folds[texts.language] == f) for f in range(FOLDS)])
        views = [np.vstack(parts) for parts in zip(*said[texts.language], strict=True)]
        labels = texts.labels[order]
        stack[texts.language] = _multinomial(np.hstack(views), labels, STACK_C)
        everywhere.append((views[-1], labels))
    shared, labels = (np.concatenate(one) for one in zip(*everywhere, strict=True))
    stack[ANY] = _multinomial(shared, labels, STACK_C)
    return _views(languages, stack)


def measure(judge: Judge, rows: Sequence[Opinion]) -> dict[str, float]:
    """``macro_f1_<language>``, their mean ``f1``, and ``ece``, the expected calibration error."""
    from sklearn.metrics import f1_score

    texts, codes = [row.text for row in rows], [row.language for row in rows]
    found = judge.probabilities(texts, codes)
    labels = np.array([LABELS.index(row.label) for row in rows])
    said, known = found.argmax(axis=1), np.array(codes)
    scores = {
        language: float(
            f1_score(
                labels[known == language], said[known == language], average="macro",
                labels=range(len(LABELS)), zero_division=0.0,
            )
        )
        for language in sorted(set(codes))
    }  # fmt: skip
    trained = [score for language, score in scores.items() if language in judge.runs]
    return {
        **{f"macro_f1_{language}": score for language, score in scores.items()},
        "f1": float(np.mean(trained or list(scores.values()))),
        "ece": calibration_error(found.max(axis=1), said == labels),
    }


def calibration_error(sure: Array, right: Array) -> float:
    """How far confidence is from accuracy, over bins with as many texts each."""
    order = np.argsort(sure, kind="stable")
    bins = np.array_split(order, min(BINS, len(order)))
    gaps = [abs(sure[some].mean() - right[some].mean()) * len(some) for some in bins]
    return float(sum(gaps) / len(order))


def _folds(labels: Array) -> Array:
    """The fold of each row; labels are spread evenly."""
    from sklearn.model_selection import StratifiedKFold

    folds = np.empty(len(labels), int)
    parts = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(labels, labels)
    for fold, (_, out) in enumerate(parts):
        folds[out] = fold
    return folds


def _views(languages: Sequence[Texts], stack: Mapping[str, Layer]) -> Judge:
    hidden, joint = _network(
        np.vstack([t.vectors for t in languages]), np.concatenate([t.labels for t in languages])
    )
    return Judge(
        {t.language: _weighed_runs(t.runs, t.labels) for t in languages},
        {t.language: _multinomial(t.vectors, t.labels, ALONE_C) for t in languages},
        hidden, joint, stack,
    )  # fmt: skip


def _said(judge: Judge, texts: Texts) -> Iterator[Array]:
    shared = log_softmax(judge.joint(np.maximum(judge.hidden(texts.vectors), 0)))
    yield from judge.views(texts.language, texts.runs, texts.vectors, shared)


def _weighed_runs(runs: Any, labels: Array) -> Layer:
    """Naive Bayes' log ratios as features of a linear model (Wang and Manning, ACL 2012)."""
    from sklearn.linear_model import LogisticRegression

    weights, biases = [], []
    for label in range(len(LABELS)):
        inside = SMOOTHING + np.asarray(runs[labels == label].sum(axis=0)).ravel()
        outside = SMOOTHING + np.asarray(runs[labels != label].sum(axis=0)).ravel()
        ratio = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
        model = LogisticRegression(C=RUNS_C, solver="liblinear", random_state=SEED)
        model.fit(runs.multiply(ratio).tocsr(), labels == label)
        # Half precision is what is sealed; so are the probabilities that the stack is fitted on.
        weights.append((model.coef_[0] * ratio).astype(np.float16).astype(np.float32))
        biases.append(model.intercept_[0])
    return Layer(np.array(weights).T, np.array(biases, np.float32))


def _multinomial(rows: Array, labels: Array, strength: float) -> Layer:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=1_000).fit(rows, labels)
    return Layer(model.coef_.T.astype(np.float32), model.intercept_.astype(np.float32))


def _network(rows: Array, labels: Array) -> tuple[Layer, Layer]:
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        (HIDDEN,), alpha=DECAY, batch_size=min(BATCH, len(rows)), max_iter=EPOCHS,
        n_iter_no_change=EPOCHS, random_state=SEED,
    )  # fmt: skip
    model.fit(rows, labels)
    first, second = (
        Layer(w.astype(np.float32), b.astype(np.float32))
        for w, b in zip(model.coefs_, model.intercepts_, strict=True)
    )
    return first, second
