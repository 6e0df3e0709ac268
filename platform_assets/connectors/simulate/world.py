"""The simulated world that never changes: who and what there is, and when people are awake."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR

USERS = 10_000
PRODUCTS = 5_000
LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "ja", "zh", "ar")
LANGUAGE_WEIGHTS = (0.25, 0.2, 0.1, 0.09, 0.07, 0.06, 0.06, 0.05, 0.03, 0.04, 0.03, 0.02)

_WORLD_SEED = 20_260_101
_FIRST = (
    "Anna", "Ben", "Chiara", "David", "Elena", "Felix", "Greta", "Hugo", "Ines", "Jonas",
    "Karin", "Luca", "Maria", "Nils", "Olga", "Paul", "Rosa", "Sven", "Tara", "Yuki",
)  # fmt: skip
_LAST = (
    "Andersson", "Bauer", "Costa", "Dubois", "Evans", "Fischer", "Garcia", "Haddad", "Ivanova",
    "Jansen", "Kowalski", "Lopez", "Meyer", "Novak", "Okada", "Peeters", "Rossi", "Smith", "Wang",
    "Zimmer",
)  # fmt: skip
_MAIL = ("mail.example", "post.example", "inbox.example", "letters.example")
_COUNTRIES = ("DE", "FR", "GB", "ES", "IT", "NL", "PL", "SE", "PT", "AT", "BE", "JP")
_SEGMENTS = ("consumer", "business", "vip")

# Share of a day's visits by local hour; quiet nights, a lunch bump, a tall evening.
_HOURS = np.array(
    (1.2, 0.7, 0.5, 0.4, 0.4, 0.6, 1.2, 2.2, 3.4, 4.4, 5.0, 5.3,
     5.8, 5.6, 5.1, 4.9, 5.0, 5.5, 6.4, 7.6, 8.2, 7.6, 5.2, 2.8)
)  # fmt: skip
_WEEKDAYS = np.array([0.95, 0.93, 0.95, 1.0, 1.05, 1.2, 1.25])
_EPOCH_WEEKDAY = 3
_PROPENSITY_SPREAD = 1.3
_PROPENSITY_MOST = 8.0


@dataclass(frozen=True)
class Popularity:
    """Ids drawn with a Zipf-like weight: few are popular, many are rare."""

    ids: Ints
    cumulative: Floats

    def draw(self, rng: np.random.Generator, count: int) -> Ints:
        """Draw ``count`` ids."""
        places = np.searchsorted(self.cumulative, rng.random(count), side="right")
        return self.ids[np.minimum(places, len(self.ids) - 1)]


def popularity(count: int, flatness: int, exponent: float, salt: int) -> Popularity:
    """Ids 1 to ``count`` by a Zipf-like weight; the salt makes another order of them."""
    rng = np.random.default_rng([_WORLD_SEED, salt])
    weights = 1.0 / (np.arange(count) + flatness) ** exponent
    return Popularity(rng.permutation(count) + 1, np.cumsum(weights / weights.sum()))


@lru_cache(maxsize=1)
def users() -> Popularity:
    """Visitors by activity."""
    return popularity(USERS, 50, 0.8, 1)


@lru_cache(maxsize=1)
def propensity() -> Floats:
    """How readily visitor ``i`` buys, at index ``i``: most seldom, some often; a visit's mean is 1.

    Lognormal and cut at the top. It never changes, so a visitor's past tells of their future.
    """
    drawn = np.random.default_rng([_WORLD_SEED, 4]).lognormal(0.0, _PROPENSITY_SPREAD, USERS + 1)
    cut = np.minimum(drawn / drawn.mean(), _PROPENSITY_MOST)
    busy = users()
    visits = np.zeros(USERS + 1)
    visits[busy.ids] = np.diff(busy.cumulative, prepend=0.0)
    return np.asarray(cut / (cut @ visits), dtype=np.float64)


@lru_cache(maxsize=1)
def products() -> Popularity:
    """Products by how often they are looked at."""
    return popularity(PRODUCTS, 20, 0.95, 2)


@lru_cache(maxsize=1)
def prices() -> Floats:
    """Price of product ``i`` at index ``i``, lognormal around 20 euro."""
    drawn = np.random.default_rng([_WORLD_SEED, 3]).lognormal(3.0, 0.8, PRODUCTS + 1)
    return np.asarray(np.maximum(drawn, 0.5).round(2), dtype=np.float64)


def customer(user_id: int) -> dict[str, Any]:
    """Master data of a customer as first entered; the same wherever the customer appears."""
    first = _FIRST[user_id % 20]
    last = _LAST[(user_id // 20) % 20]
    mail = _MAIL[(user_id * 7) % len(_MAIL)]
    return {
        "user_id": user_id,
        "name": f"{first} {last}",
        "email": f"{first}.{last}{user_id}@{mail}".lower(),
        "country": _COUNTRIES[(user_id * 31) % len(_COUNTRIES)],
        "segment": _SEGMENTS[0 if user_id % 10 < 7 else (1 if user_id % 10 < 9 else 2)],
    }


def season(moments: Ints) -> Floats:
    """How busy people are at these moments (1.0 on average), by hour and day of the week."""
    hours = (moments // HOUR) % 24
    weekdays = (moments // DAY + _EPOCH_WEEKDAY) % 7
    return np.asarray(_HOURS[hours] / _HOURS.mean() * _WEEKDAYS[weekdays], dtype=np.float64)


def draw_moments(
    rng: np.random.Generator,
    count: int,
    start: int,
    end: int,
    busier: tuple[int, float] | None = None,
) -> Ints:
    """``count`` moments in [start, end), denser where people are busier; unsorted.

    Args:
        rng: draws them.
        count: how many.
        start: microseconds.
        end: microseconds.
        busier: a moment from which people are so many times as busy.
    """
    first = start // HOUR * HOUR
    marks = [end] if busier is None else [busier[0], end]
    edges = np.unique(np.clip(np.append(np.arange(first, end, HOUR), marks), start, end))
    weight = season(edges[:-1]) * np.diff(edges)
    if busier is not None:
        weight = weight * np.where(edges[:-1] >= busier[0], busier[1], 1.0)
    cumulative = np.concatenate(([0.0], np.cumsum(weight)))
    # Offsets, not absolute times: a float holds no microsecond of the year 2026 exactly.
    offsets = np.interp(rng.random(count) * cumulative[-1], cumulative, edges - start)
    return np.asarray(start + offsets.astype(np.int64), dtype=np.int64)
