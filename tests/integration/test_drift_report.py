"""Evidently's pages: whole, of this period, and asking the network for nothing."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from ml.drift.compare import DriftError
from ml.drift.report import MOST_ROWS, data_page, label_page

RNG = np.random.default_rng(5)


def window(n: int, mean: float = 0.0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "amount": RNG.normal(mean, 1, n),
            "code": RNG.integers(0, 4, n),
            "sort": RNG.choice(["x", "y"], n),
            "often_empty": pl.Series(RNG.normal(0, 1, n)).set(pl.Series(RNG.random(n) < 0.6), None),
            "always_empty": pl.Series([None] * n, dtype=pl.Float64),
            "constant": np.ones(n),
        }
    )


def test_a_page_tells_what_moved_and_loads_nothing() -> None:
    scores = (pl.Series(RNG.random(900)), pl.Series(RNG.random(300) / 2))
    page = data_page(
        window(MOST_ROWS + 1000), window(400, 1.0), scores, categorical=frozenset({"code"})
    )
    assert page.results["distance of amount"] > 0.5
    assert page.results["distance of score"] > 0.5
    assert page.results["distance of code"] < 0.1
    assert page.results["distance of constant"] == 0
    assert "distance of always_empty" not in page.results
    assert page.html.lstrip().lower().startswith("<!doctype html>")
    tags = Tags()
    tags.feed(page.html)
    assert tags.loaded == []


class Tags(HTMLParser):
    """Gathers what a browser would fetch by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [f"{tag} {v}" for k, v in attrs if k in {"src", "href", "data", "srcset"}]


def test_labels_are_drawn_where_both_classes_are_there() -> None:
    page = label_page(pl.DataFrame({"label": [0, 1, 0, 1], "actual": [0, 1, 1, 1]}))
    assert page.results["recall"] == pytest.approx(2 / 3)
    assert page.results["precision"] == 1
    for rows in ([0, 0], []):
        with pytest.raises(DriftError, match="two classes"):
            label_page(pl.DataFrame({"label": rows, "actual": rows}).cast(pl.Int64))


def test_a_window_without_rows_is_refused() -> None:
    with pytest.raises(DriftError, match="no rows"):
        data_page(window(10), window(0))
    with pytest.raises(DriftError, match="every feature is empty"):
        data_page(window(10).select("always_empty"), window(10))
