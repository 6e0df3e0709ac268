"""Texts to readings: the one function that streams, batches and commands call.

Without trained models the language, money, dates and products are still found, and each reading
says what is missing. The same texts and models give the same readings; probabilities are rounded
to four decimals, because the last bits of a matrix product depend on how many texts are read at
once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ml.text.backend import EntityModel, SentimentModel
from ml.text.dates import dates
from ml.text.languages import identify
from ml.text.money import money
from ml.text.products import Catalogue
from ml.text.results import Entity, Language, Reading, Sentiment
from ml.text.tokens import has_letters, printable

NO_SENTIMENT = "sentiment: no model is trained; weir text train --data FOLDER"
NO_ENTITIES = "persons, organisations, places: no model is trained; weir text train --data FOLDER"
LONGEST = 20_000
"""Characters of a text that are read for names and sentiment; a reading says if there are more."""
TOO_LONG = f"only the first {LONGEST:,} characters were read"


@dataclass(frozen=True)
class Models:
    """What reading may use; None is what is not trained yet."""

    sentiment: SentimentModel | None = None
    entities: EntityModel | None = None
    products: Catalogue = field(default_factory=Catalogue)


UNTRAINED = Models()


def read(texts: Sequence[str], models: Models = UNTRAINED) -> list[Reading]:
    """Read a batch: one reading for each text, in order, whatever its characters.

    Args:
        texts: any; larger batches are quicker, some hundreds are enough.
        models: as :func:`ml.text.published.load` gives them, to be kept for many batches.
    """
    cut = [printable(text[:LONGEST]) for text in texts]
    languages = identify(cut)
    feelings = _feelings(cut, languages, models.sentiment)
    codes = [language.code for language in languages]
    named: list[list[Entity]] = (
        models.entities.find(cut, codes) if models.entities else [[] for _ in cut]
    )
    always = [
        hint
        for hint, there in ((NO_SENTIMENT, models.sentiment), (NO_ENTITIES, models.entities))
        if there is None
    ]
    return [
        Reading(
            language,
            feeling,
            _together(
                original,
                [*money(text, language.code), *dates(text, language.code)],
                [*found, *models.products.find(text)],
            ),
            (*always, *([TOO_LONG] if len(original) > LONGEST else [])),
        )
        for original, text, language, feeling, found in zip(
            texts, cut, languages, feelings, named, strict=True
        )
    ]


def _feelings(
    texts: Sequence[str], languages: Sequence[Language], judge: SentimentModel | None
) -> list[Sentiment | None]:
    if judge is None:
        return [None] * len(texts)
    judged = [at for at, text in enumerate(texts) if has_letters(text)]
    found = judge.judge([texts[at] for at in judged], [languages[at].code for at in judged])
    by_place = dict(zip(judged, found, strict=True))
    return [by_place.get(at) for at in range(len(texts))]


def _together(text: str, *groups: Iterable[Entity]) -> tuple[Entity, ...]:
    """Those that do not overlap: earlier groups first, then the longer, then the surer one."""
    kept: list[Entity] = []
    for group in groups:
        for one in sorted(group, key=lambda e: (e.start - e.end, -e.confidence, e.start)):
            if all(one.end <= other.start or other.end <= one.start for other in kept):
                kept.append(one)
    return tuple(
        Entity(e.kind, e.start, e.end, text[e.start : e.end], e.confidence, e.value)
        for e in sorted(kept, key=lambda e: e.start)
    )
