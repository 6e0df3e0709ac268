"""Pages by Evidently: how a period differs from the reference, and how answers met labels.

A page holds its scripts, styles and fonts, and asks the network for nothing. Evidently marks each
feature by itself, without correction or persistence: its marks are for looking, not for deciding.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ml.drift.compare import DriftError

MOST_ROWS = 20_000
"""Rows of one window that a page is drawn from; of more, every n-th."""
SCORE = "score"
_DISTANCE = 0.1
"""Evidently's own default: normed Wasserstein and Jensen-Shannon distance that it marks."""


@dataclass(frozen=True)
class Page:
    """A finished page.

    Attributes:
        html: one document.
        results: what it found, by name, e.g. ``distance of price`` or ``recall``.
    """

    html: str
    results: Mapping[str, float]


def data_page(
    reference: pl.DataFrame,
    current: pl.DataFrame,
    scores: tuple[pl.Series, pl.Series] | None = None,
    categorical: frozenset[str] = frozenset(),
) -> Page:
    """Each feature of a period beside the reference, and the scores where there are any.

    Args:
        reference: features only, shape (n, features).
        current: the period's; more columns are ignored.
        scores: the model's scores on the reference and in the period; rows of their own.
        categorical: numeric columns that are codes.

    Raises:
        DriftError: a window is empty or Evidently cannot draw it.
    """
    from evidently import DataDefinition
    from evidently.metrics import ValueDrift
    from evidently.presets import DataDriftPreset

    if not reference.height or not current.height:
        raise DriftError("a window has no rows", "draw pages of periods that have rows")
    names = reference.columns
    then, now = _thinned(reference), _thinned(current.select(names))
    # A feature that is empty throughout has no distribution to draw.
    drawn = [name for name in names if _known(then[name]) and _known(now[name])]
    if not drawn:
        raise DriftError("every feature is empty in a window", "look at what fills the features")
    numbers = [n for n in drawn if reference[n].dtype.is_numeric() and n not in categorical]
    codes = [name for name in drawn if name not in numbers]
    metrics: list[Any] = [
        DataDriftPreset(
            columns=drawn, num_method="wasserstein", cat_method="jensenshannon",
            num_threshold=_DISTANCE, cat_threshold=_DISTANCE,
        )
    ]  # fmt: skip
    if scores is not None and all(len(each) for each in scores):
        then, now = (
            pl.concat([frame, _thinned(pl.DataFrame({SCORE: each}))], how="diagonal")
            for frame, each in zip((then, now), scores, strict=True)
        )
        metrics.append(ValueDrift(column=SCORE, method="wasserstein", threshold=_DISTANCE))
        numbers = [*numbers, SCORE]
    kept = [*numbers, *codes]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=codes)
    return _run(metrics, then.select(kept), now.select(kept), definition, codes)


def label_page(labelled: pl.DataFrame) -> Page:
    """How answers met the labels that became known in a period.

    Args:
        labelled: columns ``label`` (the answer) and ``actual``, each 0 or 1.

    Raises:
        DriftError: it is empty or of one class only, or Evidently cannot draw it.
    """
    from evidently import BinaryClassification, DataDefinition
    from evidently.presets import ClassificationPreset

    classes = pl.concat([labelled["label"], labelled["actual"]]).unique()
    if len(classes) < 2:
        raise DriftError("labels of two classes are needed", "wait for more labels")
    definition = DataDefinition(
        classification=[
            BinaryClassification(target="actual", prediction_labels="label", pos_label=1)
        ]
    )
    rows = labelled.select(pl.col("label", "actual").cast(pl.Int64))
    return _run([ClassificationPreset()], None, rows, definition, [])


def _run(
    metrics: list[Any],
    reference: pl.DataFrame | None,
    current: pl.DataFrame,
    definition: Any,
    codes: list[str],
) -> Page:
    from evidently import Dataset, Report

    def dataset(frame: pl.DataFrame) -> Any:
        # Evidently wants pandas, and codes as texts.
        texts = frame.with_columns(pl.col(codes).cast(pl.String))
        return Dataset.from_pandas(texts.to_pandas(), data_definition=definition)

    with warnings.catch_warnings():
        # Undefined ratios (a class that nobody is in) are drawn as such.
        warnings.simplefilter("ignore")
        try:
            run = Report(metrics, include_tests=False).run(
                dataset(current), None if reference is None else dataset(reference)
            )
            html = run.get_html_str(as_iframe=False)
        except Exception as error:
            raise DriftError(
                f"Evidently cannot draw the period: {type(error).__name__}: {error}",
                "the decision does not need the page; look for constant columns",
            ) from error
    return Page(html, _results(run.dict()))


def _results(found: Mapping[str, Any]) -> dict[str, float]:
    """Numbers of Evidently's metrics; what is no single number is left to the page."""
    results: dict[str, float] = {}
    for metric in found["metrics"]:
        value, config = metric["value"], metric["config"]
        if not isinstance(value, int | float) or math.isnan(value):
            continue
        kind = str(config["type"]).rpartition(":")[2]
        column = config.get("column")
        results[f"distance of {column}" if column else kind.lower()] = float(value)
    return results


def _thinned(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.gather_every(-(-frame.height // MOST_ROWS)) if frame.height else frame


def _known(column: pl.Series) -> bool:
    return bool(column.is_not_null().any())
