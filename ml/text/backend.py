"""What reads sentiment and names: the project's models, or others of the same shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ml.text.results import LABELS, Entity, Sentiment
from platform_assets.core.errors import WeirError

_DECIMALS = 4


class BackendError(WeirError):
    """A model beside the project's own that cannot be loaded, asked or understood; names it."""


class SentimentModel(Protocol):
    """Judges texts."""

    def judge(self, texts: Sequence[str], languages: Sequence[str]) -> list[Sentiment]:
        """For each text what its writer feels."""
        ...


class EntityModel(Protocol):
    """Finds persons, organisations and places."""

    def find(self, texts: Sequence[str], languages: Sequence[str]) -> list[list[Entity]]:
        """The entities of each text, in order."""
        ...


def feeling(probabilities: Sequence[float]) -> Sentiment:
    """A sentiment of the probabilities of negative, neutral and positive.

    Raises:
        ValueError: they are no probabilities.
    """
    total = sum(probabilities)
    if len(probabilities) != len(LABELS) or not 0.99 <= total <= 1.01 or min(probabilities) < 0:
        raise ValueError(f"{list(probabilities)} are no probabilities of {', '.join(LABELS)}")
    negative, neutral, positive = (round(one / total, _DECIMALS) for one in probabilities)
    by_label = dict(zip(LABELS, (negative, neutral, positive), strict=True))
    label = max(LABELS, key=lambda one: by_label[one])
    return Sentiment(label, by_label[label], negative, neutral, positive)
