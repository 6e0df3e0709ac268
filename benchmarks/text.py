"""How well texts are understood, on real labelled texts, and how many a second.

``sentiment``: trained on the train split of twelve languages, macro-F1 on the validation split.
``entities``: span F1 on the last 30 % of each language's sentences, found in the plain text with
the language as it is identified, by a model that knew neither them nor their translations.
``languages``: accuracy of identification on sentences whose language is known.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from threadpoolctl import threadpool_limits

from benchmarks.figures import Figure, Options
from ml.text import entity_training, sentiment_training
from ml.text.corpora import opinions, sentences
from ml.text.gazetteer import known_names
from ml.text.languages import identify
from ml.text.sentiment import Judge
from platform_assets.core.settings import REPOSITORY

DATA = REPOSITORY.parent / "shared" / "data"
MOODS, NAMES = DATA / "sentiment_12lang", DATA / "ner_uner"
EIGHT = ("ar", "de", "en", "es", "fr", "hi", "it", "pt")
"""The languages of XLM-T (Barbieri et al., LREC 2022), which reached 69.4 on average."""
SHORT = 40
ALIKE = {"hr": "sr", "id": "ms"}
"""Languages that are counted as one: too alike in a short text."""


def run_sentiment(options: Options) -> list[Figure]:
    """``sentiment``: the mean macro-F1 over eight languages."""
    trained = sentiment_training.train(MOODS)
    judge = Judge.of(trained.parts)
    rows = opinions(MOODS, "valid")
    texts, codes = [row.text for row in rows], [row.language for row in rows]
    each = {name.removeprefix("macro_f1_"): round(100 * value, 1)
            for name, value in trained.metrics.items() if name.startswith("macro_f1_")}  # fmt: skip
    options.say(f"macro-F1: {each}, ece {trained.metrics['ece']:.3f}")
    mean = sum(100 * trained.metrics[f"macro_f1_{code}"] for code in EIGHT) / len(EIGHT)
    rate = _rate(texts, lambda some, at: judge.judge(some, codes[at : at + len(some)]))
    extra = {"macro_f1": each, "ece": round(trained.metrics["ece"], 4), "texts_per_cpu_s": rate}
    return [
        Figure(
            "sentiment",
            mean,
            "macro-F1",
            goal="63 over eight languages",
            met=mean >= 63,
            extra=extra,
        )
    ]


def run_entities(options: Options) -> list[Figure]:
    """``entities``: the mean span F1 over languages."""
    learned, left_out = entity_training.divide(sentences(NAMES))
    with threadpool_limits(limits=1):
        tagger = entity_training.fit(learned, known_names())
    texts = [row.text for row in left_out]
    codes = [language.code for language in identify(texts)]
    found = tagger.find(texts, codes)
    each: dict[str, float] = {}
    for language in sorted({row.language for row in left_out}):
        some = [at for at, row in enumerate(left_out) if row.language == language]
        f1 = entity_training.span_f1(
            [left_out[at].spans for at in some], [found[at] for at in some]
        )
        each[language] = round(100 * f1, 1)
    options.say(f"span F1: {each}")
    mean = sum(each.values()) / len(each)
    rate = _rate(texts, lambda some, at: tagger.find(some, codes[at : at + len(some)]))
    extra = {"span_f1": each, "texts_per_cpu_s": rate}
    return [Figure("entities", mean, "span F1", goal="62 on average", met=mean >= 62, extra=extra)]


def run_languages(options: Options) -> list[Figure]:
    """``languages``: the mean accuracy over languages, on the first 40 characters."""
    known = [
        *((row.text, row.language) for row in opinions(MOODS, "valid") if row.language != "hi"),
        *((row.text, row.language) for row in sentences(NAMES)),
    ]
    # Most texts of the Hindi corpus are written in Latin letters.
    texts = [text[:SHORT] for text, _ in known]
    found = [language.code for language in identify(texts)]
    each: dict[str, float] = {}
    for language in sorted({code for _, code in known}):
        right = [
            ALIKE.get(said, said) == ALIKE.get(code, code)
            for said, (_, code) in zip(found, known, strict=True)
            if code == language
        ]
        each[language] = round(100 * sum(right) / len(right), 1)
    options.say(f"accuracy: {each}")
    rate = _rate(texts, lambda some, _: identify(some))
    mean = sum(each.values()) / len(each)
    return [Figure("languages", mean, "% right", extra={"accuracy": each, "texts_per_cpu_s": rate})]


def _rate(texts: Sequence[str], read: Callable[[Sequence[str], int], Any], batch: int = 256) -> int:
    """Texts a CPU-second, on one thread."""
    read(texts[:batch], 0)
    with threadpool_limits(limits=1):
        begun = time.process_time()
        for at in range(0, len(texts), batch):
            read(texts[at : at + batch], at)
        return round(len(texts) / (time.process_time() - begun))
