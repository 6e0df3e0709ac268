"""Reviews and support tickets in twelve languages."""

from __future__ import annotations

import numpy as np

from platform_assets.connectors.simulate import world
from platform_assets.connectors.simulate.phrases import REVIEWS, TICKETS
from platform_assets.connectors.simulate.streams import Drawn

_RATING_WEIGHTS = (0.09, 0.08, 0.13, 0.27, 0.43)
_MOODS = ("negative", "negative", "neutral", "positive", "positive")
_NO_SPACES = ("ja", "zh")
_CHANNELS = ("email", "chat", "phone")
_PRIORITIES = ("low", "normal", "high", "urgent")


def _languages(rng: np.random.Generator, count: int) -> list[str]:
    drawn = rng.choice(len(world.LANGUAGES), count, p=world.LANGUAGE_WEIGHTS)
    return [world.LANGUAGES[number] for number in drawn.tolist()]


def _ids(rng: np.random.Generator, prefix: str, count: int) -> list[str]:
    raw = rng.bytes(8 * count)
    return [f"{prefix}-{raw[8 * row : 8 * row + 8].hex()}" for row in range(count)]


class Reviews:
    """Stars, and a text that says the same."""

    def draw(self, rng: np.random.Generator, count: int, start: int, end: int) -> Drawn:
        """See :class:`~.streams.Stream`."""
        ratings = (rng.choice(5, count, p=_RATING_WEIGHTS) + 1).tolist()
        languages = _languages(rng, count)
        picks = rng.integers(0, 1 << 16, (count, 2)).tolist()
        texts = []
        for rating, language, (first, second) in zip(ratings, languages, picks, strict=True):
            sentences = REVIEWS[language][_MOODS[rating - 1]]
            one = first % len(sentences)
            two = (one + 1 + second % (len(sentences) - 1)) % len(sentences)
            joint = "" if language in _NO_SPACES else " "
            texts.append(sentences[one] + joint + sentences[two])
        return Drawn(
            times=world.draw_moments(rng, count, start, end),
            after={
                "review_id": _ids(rng, "R", count),
                "user_id": world.users().draw(rng, count).tolist(),
                "product_id": world.products().draw(rng, count).tolist(),
                "rating": ratings,
                "language": languages,
                "text": texts,
            },
        )


class SupportTickets:
    """Late parcels, refunds, broken goods, lost passwords."""

    def draw(self, rng: np.random.Generator, count: int, start: int, end: int) -> Drawn:
        """See :class:`~.streams.Stream`."""
        languages = _languages(rng, count)
        users = world.users().draw(rng, count).tolist()
        subjects, bodies, emails = [], [], []
        topics = rng.integers(0, 4, count).tolist()
        orders = rng.integers(100_000, 999_999, count).tolist()
        for language, topic, order, user in zip(languages, topics, orders, users, strict=True):
            subject, body = TICKETS[language][topic]
            customer = world.customer(user)
            subjects.append(subject)
            bodies.append(f"{body.format(order=order)}\n{customer['name']}")
            emails.append(customer["email"])
        priorities = rng.choice(4, count, p=(0.2, 0.5, 0.2, 0.1)).tolist()
        channels = rng.choice(3, count, p=(0.55, 0.3, 0.15)).tolist()
        return Drawn(
            times=world.draw_moments(rng, count, start, end),
            after={
                "ticket_id": _ids(rng, "T", count),
                "user_id": users,
                "email": emails,
                "language": languages,
                "channel": [_CHANNELS[number] for number in channels],
                "priority": [_PRIORITIES[number] for number in priorities],
                "subject": subjects,
                "body": bodies,
            },
        )
