"""All that is found in texts beside their readings: what batches and commands call, not a stream.

It costs several times what reading does, and duplicates are only found among texts that are studied
together.
"""

from __future__ import annotations

from collections.abc import Sequence

from ml.text.classify import Classifier
from ml.text.duplicates import duplicates
from ml.text.encoder import encode
from ml.text.keyphrases import DENSE, key_phrases
from ml.text.links import links
from ml.text.quality import quality
from ml.text.reader import LONGEST
from ml.text.results import Reading, Study
from ml.text.summary import summaries
from ml.text.tokens import has_letters, is_dense, printable


def study(texts: Sequence[str], readings: Sequence[Reading], classifier: Classifier) -> list[Study]:
    """One study for each text, in order.

    Args:
        texts: any, in the order in which they were written: of two that are the same the first is
            the original.
        readings: of each, by :func:`ml.text.reader.read`; links are between their entities.
        classifier: of the sector that they are of.
    """
    cut = [printable(text[:LONGEST]) for text in texts]
    categories = classifier.of_vectors(encode(cut))
    found = []
    for text, whole, reading, category, summary, repeats in zip(
        cut, texts, readings, categories, summaries(cut), duplicates(cut), strict=True
    ):
        readable = has_letters(text)
        score, reasons = quality(whole, reading.language)
        found.append(
            Study(
                category.label if readable else None,
                category.confidence if readable else None,
                key_phrases(text, reading.language.code),
                summary,
                score,
                reasons,
                repeats.of,
                repeats.near,
                links(text, reading.entities),
                (*reading.missing, *([DENSE] if is_dense(text) else [])),
            )
        )
    return found
