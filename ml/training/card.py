"""The model card: what a version is for, what it was made of, how good it is, where it ends."""

from __future__ import annotations

import html
from collections.abc import Mapping

from ml.features.user import USER_FEATURES
from ml.spec import ModelSpec
from ml.training.dataset import Dataset
from ml.training.train import REFERENCE_DAYS, Trained

_WORDS = {
    "auc": "AUC (ROC)",
    "pr_auc": "PR-AUC (average precision)",
    "brier": "Brier score",
    "log_loss": "log loss, nats",
    "ece": "expected calibration error",
    "f1": "F1 at the threshold",
    "accuracy": "accuracy at the threshold",
}


def write(dataset: Dataset, trained: Trained, why: str, origin: Mapping[str, str]) -> str:
    """The card.

    Args:
        dataset: that was trained on.
        trained: the result.
        why: why it was trained now.
        origin: name -> value of what produced it: code version, Dagster run ...
    """
    spec, recipe, rows = dataset.spec, dataset.recipe, dataset.rows
    label = spec.label
    base = float(dataset.labels.mean())
    lines = [
        f"# {spec.title}",
        "",
        spec.description,
        "",
        f"A row is labelled 1 where {label.meaning}: {recipe.horizon_hours} hours from its moment.",
        "",
        "## Intended use",
        spec.intended_use,
        "",
        "## Why it was trained",
        _plain(why),
        "",
        "## Data",
        (
            f"- {len(rows)} rows, {int(dataset.labels.sum())} of them `{label.column}` "
            f"({100 * base:.2f} %), {rows['at'].n_unique()} days from "
            f"{rows.item(0, 'at'):%Y-%m-%d} to {rows.item(-1, 'at'):%Y-%m-%d}, "
            f"{rows['user_id'].n_unique()} users"
        ),
        (
            f"- feature table version {recipe.features_version}, silver version "
            f"{recipe.silver_version}, known until {recipe.until}, "
            f"fingerprint `{dataset.fingerprint}`"
        ),
        *(f"- {name}: {_plain(value)}" for name, value in origin.items() if value),
        "",
        "## Model",
        f"- {trained.choice.kind}: {trained.choice.reason}",
        f"- calibration: {_calibration(trained)}",
        f"- seed {trained.seed}; a score of {trained.threshold:.4f} or more says `{label.column}`",
        "",
        "## Metrics",
        (
            "Of rows that were scored by a model trained on earlier labels alone, "
            f"{trained.validation.rows} rows, {trained.validation.positives} of them positive. "
            "Intervals at 95 %, by a bootstrap of users."
        ),
        "",
        "| metric | chosen | interval | logistic | boosting |",
        "|---|---|---|---|---|",
        *_metric_rows(trained),
        "",
        "## Features",
        "| feature | unit | meaning | null |",
        "|---|---|---|---|",
        *_feature_rows(spec),
        "",
        "## Limits",
        "- The metrics are those of the procedure; the model itself has seen all rows.",
        (
            "- The threshold was chosen on the same rows that its F1 and accuracy are given for: "
            "a little too good."
        ),
        (
            "- It knows only the shop's events: nothing about other channels, "
            "and little about new users."
        ),
        (
            "- Seasons longer than its data are unknown to it; watch the drift report. Days are "
            f"compared with the newest {REFERENCE_DAYS} days of its training data."
        ),
        *(f"- {limit}" for limit in spec.limits),
        "",
    ]
    return "\n".join(lines)


def _calibration(trained: Trained) -> str:
    line = trained.choice.calibration
    if not trained.choice.calibrated:
        return "none, it did not lower the log loss of later days by more than its standard error"
    return f"Platt, log-odds times {line.slope:.3f} plus {line.intercept:.3f}"


def _metric_rows(trained: Trained) -> list[str]:
    chosen = trained.validation.metrics()
    sides = [scores.metrics() for scores in trained.others.values()]
    rows = []
    for name, words in _WORDS.items():
        low, high = trained.intervals.get(name, (float("nan"), float("nan")))
        others = " | ".join(f"{side[name]:.4f}" for side in sides)
        rows.append(f"| {words} | {chosen[name]:.4f} | {low:.4f} to {high:.4f} | {others} |")
    return rows


def _feature_rows(spec: ModelSpec) -> list[str]:
    known = {one.name: one for one in USER_FEATURES}
    taken = [known[name] for name in spec.features]
    return [f"| `{f.name}` | {f.unit} | {f.meaning} | {f.null or 'never'} |" for f in taken]


def _plain(text: str) -> str:
    """Text from outside on one line, no HTML in it."""
    return html.escape(" ".join(text.split()), quote=False) or "not said"
