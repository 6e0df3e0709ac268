"""``study``: what a batch finds in texts beside their readings; texts a CPU-second by part."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from threadpoolctl import threadpool_limits

from benchmarks.figures import Figure, Options
from ml.text.classify import Classifier
from ml.text.duplicates import duplicates
from ml.text.keyphrases import key_phrases
from ml.text.quality import quality
from ml.text.reader import read
from ml.text.sector import load_sector
from ml.text.sentences import sentences
from ml.text.study import study
from ml.text.summary import summaries

TEXTS = 2_000


def run(options: Options) -> list[Figure]:
    """Texts a CPU-second of the whole study; of its parts beside."""
    sector = load_sector("retail")
    classifier = Classifier.of(sector)
    says = [one for some in sector.examples.values() for one in some]
    draw = random.Random(0)
    texts = [" ".join(draw.sample(says, draw.randint(1, 5)))
             for _ in range(max(50, round(TEXTS * options.scale)))]  # fmt: skip
    readings = read(texts)
    parts: dict[str, Callable[[], Any]] = {
        "categories": lambda: classifier.classify(texts),
        "key phrases": lambda: [key_phrases(one, "en") for one in texts],
        "summaries": lambda: summaries(texts),
        "quality": lambda: [
            quality(one, found.language) for one, found in zip(texts, readings, strict=True)
        ],
        "duplicates": lambda: duplicates(texts),
        "all": lambda: study(texts, readings, classifier),
    }
    with threadpool_limits(limits=1):
        rates = {name: round(len(texts) / _seconds(work)) for name, work in parts.items()}
    several = sum(len(sentences(one)) for one in texts) / len(texts)
    options.say(f"texts a CPU-second: {rates}; {several:.1f} sentences a text")
    extra = {"parts": rates, "accuracy_on_folds": round(classifier.accuracy, 3)}
    return [Figure("study", rates["all"], "texts/s", goal="", met=True, extra=extra)]


def _seconds(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
