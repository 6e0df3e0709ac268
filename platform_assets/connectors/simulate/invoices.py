"""Invoices of a wholesale shop: lines by the dozen, cancellations, write-offs, cash sales."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from platform_assets.connectors.simulate import world
from platform_assets.connectors.simulate.streams import Drawn
from platform_assets.connectors.simulate.world import DAY, HOUR, MINUTE, Floats

_ARTICLES = 1200
_CUSTOMERS = 600
_FIRST_CUSTOMER = 20_001
_COUNTRIES = ("United Kingdom", "Germany", "France", "Ireland", "Netherlands", "Spain", "Belgium",
              "Switzerland", "Portugal", "Norway", "Japan", "Australia")  # fmt: skip
_COUNTRY_WEIGHTS = (0.7, 0.06, 0.05, 0.05, 0.03, 0.02, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01)
_COLOURS = ("RED", "BLUE", "GREEN", "WHITE", "IVORY", "PINK", "BLACK", "SILVER")
_STYLES = ("RETRO", "STRIPED", "SPOTTED", "VINTAGE", "FOLDING", "SMALL", "LARGE", "ROUND")
_THINGS = ("TEAPOT", "LANTERN", "CUSHION", "MUG", "CAKE TIN", "DOORMAT", "PHOTO FRAME", "NAPKINS",
           "HOOK", "TRAY", "CANDLE", "LUNCH BOX", "NOTEBOOK", "APRON", "BUNTING", "CLOCK",
           "COASTERS", "GIFT WRAP", "JUG")  # fmt: skip

_COLUMNS = ("invoice_no", "line_no", "stock_code", "description", "quantity", "unit_price",
            "customer_id", "country")  # fmt: skip
_MEAN_LINES = 12.0
_MOST_LINES = 120
_CASH = 0.25
"""Invoices without a customer."""
_CANCELLED = 0.13
"""Invoices that are cancelled, in whole or in part, within three days."""
_WRITTEN_OFF = 0.02
_PACKS = np.array([1, 2, 3, 4, 6, 8, 10, 12, 24, 25, 48, 72, 144])
_PACK_WEIGHTS = np.array([28, 14, 8, 8, 10, 4, 6, 10, 5, 3, 2, 1, 1]) / 100
_OPENS, _CLOSES = 8, 18
_CLOSED_WEEKDAY = 5
_EPOCH_WEEKDAY = 3
_NUMBERS = 900_000
_FIRST_NUMBER = 100_000
_WORLD_SEED = 20_260_202


@dataclass
class _Lines:
    """Lines in the making, a list a column."""

    times: list[int] = field(default_factory=list)
    after: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _COLUMNS})

    def add(self, time: int, **values: Any) -> None:
        self.times.append(time)
        for name, value in values.items():
            self.after[name].append(value)


class InvoiceLines:
    """A wholesale shop that is shut at night and on Saturdays."""

    def __init__(self) -> None:
        self._number = 0

    def draw(self, rng: np.random.Generator, count: int, start: int, end: int) -> Drawn:
        """See :class:`~.streams.Stream`; the last invoice may be cut short."""
        lines = _Lines()
        while len(lines.times) < count:
            self._invoice(rng, lines, int(opening(rng, start, end)), end)
        order = np.argsort(np.asarray(lines.times[:count], dtype=np.int64), kind="stable")
        after = {
            name: [values[row] for row in order.tolist()] for name, values in lines.after.items()
        }
        return Drawn(np.asarray(lines.times[:count], dtype=np.int64)[order], after)

    def _next(self, time: int) -> str:
        # From the day, so that histories of other times seldom share numbers.
        self._number += 1
        return str(_FIRST_NUMBER + (time // DAY * 997 + self._number) % _NUMBERS)

    def _invoice(self, rng: np.random.Generator, lines: _Lines, time: int, end: int) -> None:
        number = self._next(time)
        if rng.random() < _WRITTEN_OFF:
            # Goods that leave stock without a sale: nobody's, and worth nothing.
            article = int(_articles().draw(rng, 1)[0])
            quantity = -int(rng.integers(1, 60))
            lines.add(time, invoice_no=number, line_no=1, stock_code=_code(article),
                      description=None if rng.random() < 0.5 else "damaged", quantity=quantity,
                      unit_price=0.0, customer_id=None, country=_COUNTRIES[0])  # fmt: skip
            return
        customer = int(_customers().draw(rng, 1)[0])
        cash = bool(rng.random() < _CASH)
        who: dict[str, Any] = {
            "customer_id": None if cash else _FIRST_CUSTOMER + customer,
            "country": _COUNTRIES[0] if cash else str(_countries()[customer]),
        }
        size = min(int(rng.geometric(1 / _MEAN_LINES)), _MOST_LINES)
        articles = _articles().draw(rng, size).tolist()
        packs = rng.choice(_PACKS, size, p=_PACK_WEIGHTS).tolist()
        for place, (article, pack) in enumerate(zip(articles, packs, strict=True), 1):
            lines.add(time, invoice_no=number, line_no=place, quantity=int(pack),
                      **_article(article), **who)  # fmt: skip
        first, last = time + 10 * MINUTE, min(time + 3 * DAY, end)
        if rng.random() < _CANCELLED and first < last:
            later = opening(rng, first, last)
            number = f"C{self._next(later)}"
            back = rng.permutation(size)[: int(rng.integers(1, min(size, 3) + 1))].tolist()
            for place, row in enumerate(back, 1):
                part = int(rng.integers(1, packs[row] + 1))
                lines.add(later, invoice_no=number, line_no=place, quantity=-part,
                          **_article(articles[row]), **who)  # fmt: skip


def opening(rng: np.random.Generator, start: int, end: int) -> int:
    """A minute in [start, end) at which the shop is open; any, where there is none."""
    for _ in range(60):
        time = int(rng.integers(start, end))
        hour, weekday = time // HOUR % 24, (time // DAY + _EPOCH_WEEKDAY) % 7
        if _OPENS <= hour < _CLOSES and weekday != _CLOSED_WEEKDAY:
            return max(start, time // MINUTE * MINUTE)
    return int(rng.integers(start, end))


@lru_cache(maxsize=1)
def _articles() -> world.Popularity:
    return world.popularity(_ARTICLES, 40, 0.8, 11)


@lru_cache(maxsize=1)
def _customers() -> world.Popularity:
    return world.popularity(_CUSTOMERS - 1, 20, 0.7, 12)


@lru_cache(maxsize=1)
def _countries() -> Any:
    rng = np.random.default_rng([_WORLD_SEED, 1])
    return rng.choice(np.array(_COUNTRIES, dtype=object), _CUSTOMERS, p=_COUNTRY_WEIGHTS)


@lru_cache(maxsize=1)
def _prices() -> Floats:
    drawn = np.random.default_rng([_WORLD_SEED, 2]).lognormal(1.0, 0.8, _ARTICLES + 1)
    return np.asarray(np.clip(drawn, 0.19, 60).round(2), dtype=np.float64)


def _code(article: int) -> str:
    return f"{30_000 + article * 7}{'' if article % 6 else 'AB'[article % 2]}"


def _article(article: int) -> dict[str, Any]:
    words = (
        _STYLES[article % len(_STYLES)],
        _COLOURS[article // 8 % len(_COLOURS)],
        _THINGS[article // 3 % len(_THINGS)],
    )
    price = float(_prices()[article])
    return {"stock_code": _code(article), "description": " ".join(words), "unit_price": price}
