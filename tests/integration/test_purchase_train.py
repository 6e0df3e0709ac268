"""Training the purchase model: order of time, choice, the same bits again, what is too little."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from ml.features.user import FEATURES, USER_FEATURES
from ml.models.purchase.label import LABEL
from ml.models.purchase.spec import SPEC
from ml.store.artefact import open_artefact, seal
from ml.store.registry import Version
from ml.training import card, package
from ml.training.candidates import BOOSTING, LOGISTIC, fit, log_odds
from ml.training.choice import Calibration, choose
from ml.training.compare import compare, table
from ml.training.dataset import Dataset, Recipe, fingerprint
from ml.training.errors import Skipped, TrainingError
from ml.training.evaluate import best_threshold, calibration_error, intervals, measure
from ml.training.export import check
from ml.training.plots import calibration_png, precision_recall_png
from ml.training.train import Trained, train
from ml.training.validation import Fold, expanding

START = datetime(2026, 3, 1, tzinfo=UTC)
KEY = b"k" * 32
RECIPE = Recipe(3, 5, "2026-04-01T00:00:00+00:00", SPEC.days, SPEC.label.hours)


def labelled(days: int = 8, users: int = 60, seed: int = 0, rate: float = 0.2) -> Dataset:
    """Rows in which the recency tells something, and some values are missing."""
    rng = np.random.default_rng(seed)
    count = days * users
    columns: dict[str, object] = {
        "user_id": np.tile(np.arange(users), days),
        "at": [START + timedelta(days=n // users + 1) for n in range(count)],
    }
    for one in USER_FEATURES:
        values = rng.gamma(2.0, 3.0, count)
        columns[one.name] = np.floor(values) if one.type == "long" else values
    recency = np.asarray(columns["recency_hours"])
    chance = 2 * rate / (1 + np.exp(recency - 5))
    frame = pl.DataFrame(columns).with_columns(
        pl.Series(LABEL, rng.random(count) < chance).cast(pl.Int8),
        pl.col("at").cast(pl.Datetime("us", "UTC")),
        pl.when(pl.Series(rng.random(count) < 0.3)).then(pl.col("order_value_mean")).alias(
            "order_value_mean"
        ),
    )  # fmt: skip
    rows = frame.select("user_id", "at", *FEATURES, LABEL)
    return Dataset(SPEC, RECIPE, rows, fingerprint(rows))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return labelled()


@pytest.fixture(scope="module")
def trained(dataset: Dataset) -> Trained:
    result = train(dataset, replicates=3)
    assert isinstance(result, Trained)
    return result


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.integers(0, 15), st.integers(1, 6))
def test_no_label_of_a_training_row_reaches_over_the_cut(
    times: list[int], gap: int, count: int
) -> None:
    array = np.array(times)
    seen: set[int] = set()
    for fold in expanding(array, gap, count):
        assert (array[fold.train] + gap).max() <= array[fold.valid].min()
        assert not seen & set(fold.valid)
        seen |= set(fold.valid)
        # Whatever may be trained on is trained on: the window expands.
        assert len(fold.train) == (array + gap <= array[fold.valid].min()).sum()


def test_the_same_data_and_seed_give_the_same_bits(dataset: Dataset, trained: Trained) -> None:
    again = train(labelled(), replicates=3)
    assert isinstance(again, Trained)
    assert again.onnx == trained.onnx
    assert again.validation == trained.validation
    assert again.intervals == trained.intervals
    assert again.reference.equals(trained.reference)
    other = train(labelled(seed=1), replicates=3)
    assert isinstance(other, Trained)
    assert other.onnx != trained.onnx


@pytest.mark.parametrize("kind", [LOGISTIC, BOOSTING])
def test_the_sealed_model_answers_as_the_trained_one(
    kind: str, dataset: Dataset, trained: Trained, tmp_path: Path
) -> None:
    from dataclasses import replace

    from ml.training.export import to_onnx

    model = fit(kind, dataset.matrix, dataset.labels, 0)
    line = Calibration(0.8, -0.3)
    answers = line.scores(log_odds(model, dataset.matrix))
    made = replace(trained, onnx=to_onnx(model, line, len(FEATURES), SPEC.name), answers=answers)
    package.write(tmp_path / "good", dataset, made, KEY)
    opened = open_artefact(tmp_path / "good", KEY)
    assert opened.metadata["threshold"] == trained.threshold
    assert opened.metadata["features"] == list(FEATURES)
    # A yes is known before a no: trials hold both back until the horizon is over.
    assert opened.metadata["label_delay_seconds"] == 3600 * RECIPE.horizon_hours
    assert pl.read_parquet(opened.file("reference.parquet")).columns == list(FEATURES)
    wrong = replace(made, answers=answers + 1e-3)
    with pytest.raises(TrainingError, match="differently from the trained one"):
        package.write(tmp_path / "bad", dataset, wrong, KEY)


@pytest.mark.parametrize("kind", [LOGISTIC, BOOSTING])
def test_a_feature_that_nobody_had_yet_says_nothing_later(kind: str, dataset: Dataset) -> None:
    matrix = dataset.matrix.copy()
    matrix[:, 3] = np.nan
    model = fit(kind, matrix, dataset.labels, 0)
    later = dataset.matrix
    assert np.isfinite(log_odds(model, later)).all()
    assert np.array_equal(log_odds(model, later), log_odds(model, matrix))


def test_a_score_that_is_none_is_refused() -> None:
    with pytest.raises(TrainingError, match="1 of 2 rows"):
        check(np.array([0.1, 0.2]), np.array([0.1, np.nan]))


def test_too_little_to_learn_from_is_said_not_raised() -> None:
    few = train(labelled(days=4, users=20))
    assert few == Skipped("80 labelled rows, 100 are needed")
    whole = labelled()
    one = whole.rows.with_columns(pl.lit(0, pl.Int8).alias(LABEL))
    assert train(Dataset(SPEC, RECIPE, one, "")) == Skipped(
        "all 480 labelled rows have the label 0"
    )
    short = train(labelled(days=2))
    assert isinstance(short, Skipped)
    assert "2 labelled days" in short.reason
    late = pl.col("at") == whole.rows["at"].max()
    last = whole.rows.with_columns(pl.when(late).then(pl.col(LABEL)).otherwise(0).cast(pl.Int8))
    nothing_before = train(Dataset(SPEC, RECIPE, last, ""))
    assert isinstance(nothing_before, Skipped)
    assert "order of time" in nothing_before.reason


def folds_of(days: np.ndarray) -> list[Fold]:
    return expanding(days, 1)


def test_the_simpler_model_is_chosen_unless_the_other_is_better_by_its_error() -> None:
    rng = np.random.default_rng(0)
    days = np.repeat(np.arange(8), 100)
    matrix = rng.normal(size=(len(days), 3)).astype(np.float32)
    straight = (rng.random(len(days)) < 1 / (1 + np.exp(-2 * matrix[:, 0]))).astype(int)
    choice = choose(matrix, straight, folds_of(days), days, 0)
    assert choice is not None
    assert choice.kind == LOGISTIC
    assert "not better" in choice.reason
    # Alike or opposite signs: no line through the features can say it.
    crossed = rng.random(len(days)) < np.where(matrix[:, 0] * matrix[:, 1] > 0, 0.9, 0.1)
    other = choose(matrix, crossed.astype(int), folds_of(days), days, 0)
    assert other is not None
    assert other.kind == BOOSTING


def test_scores_that_are_too_sure_are_calibrated() -> None:
    rng = np.random.default_rng(1)
    days = np.repeat(np.arange(8), 100)
    # Forty columns of noise and few rows: fitted odds are far too sure.
    matrix = rng.normal(size=(len(days), 40)).astype(np.float32)
    labels = (rng.random(len(days)) < 1 / (1 + np.exp(-matrix[:, 0]))).astype(int)
    folds = [Fold(np.arange(0, 80), np.flatnonzero(days == day)) for day in range(2, 8)]
    choice = choose(matrix, labels, folds, days, 0)
    assert choice is not None
    assert choice.calibrated
    assert 0 < choice.calibration.slope < 1
    raw = Calibration().scores(choice.odds[choice.kind])
    truth = labels[choice.rows]
    assert calibration_error(truth, choice.scores) < calibration_error(truth, raw)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=40))
@settings(max_examples=40)
def test_no_threshold_has_a_higher_f1_than_the_best(rows: list[tuple[int, bool]]) -> None:
    scores = np.array([score / 10 for score, _ in rows])
    labels = np.array([int(label) for _, label in rows])
    if not labels.any():
        with pytest.raises(ValueError, match="no positive"):
            best_threshold(labels, scores)
        return
    best = measure(labels, scores, best_threshold(labels, scores))
    highest = max(
        f1_score(labels, scores >= score, zero_division=0.0) for score in np.unique(scores)
    )
    assert best.f1 == pytest.approx(highest)


def test_scores_that_are_the_chances_have_no_calibration_error() -> None:
    rng = np.random.default_rng(2)
    chances = rng.random(200_000)
    labels = (rng.random(len(chances)) < chances).astype(int)
    assert calibration_error(labels, chances) < 0.01
    assert calibration_error(labels, chances**2) > 0.1


def test_rows_of_one_user_are_one_piece_of_evidence() -> None:
    rng = np.random.default_rng(3)
    labels = (rng.random(300) < 0.3).astype(int)
    scores = np.clip(0.3 * labels + rng.random(300) * 0.6, 0.01, 0.99)
    each = intervals(labels, scores, 0.5, np.arange(300), 0, 50)
    # The same rows ten times over say nothing more; taken as rows they would.
    many, sure, owner = np.repeat(labels, 10), np.repeat(scores, 10), np.repeat(np.arange(300), 10)
    tenfold = intervals(many, sure, 0.5, owner, 0, 50)
    naive = intervals(many, sure, 0.5, np.arange(3000), 0, 50)
    assert tenfold["auc"] == pytest.approx(each["auc"], abs=0.03)
    assert naive["auc"][1] - naive["auc"][0] < 0.6 * (each["auc"][1] - each["auc"][0])


def test_the_fingerprint_changes_with_any_value_and_not_with_the_type(dataset: Dataset) -> None:
    rows = dataset.rows
    assert fingerprint(rows.with_columns(pl.col("user_id").cast(pl.Int32))) == dataset.fingerprint
    for name in rows.columns:
        changed = rows.with_columns(
            pl.when(pl.int_range(pl.len()) == 7)
            .then(pl.lit(None))
            .otherwise(pl.col(name))
            .alias(name)
        )
        assert fingerprint(changed) != fingerprint(rows) or rows[name][7] is None


def test_the_card_says_why_what_and_how_good(dataset: Dataset, trained: Trained) -> None:
    text = card.write(dataset, trained, "recency moved <b>by</b> +0.4", {"code version": "abc"})
    for wanted in (
        "recency moved &lt;b&gt;", dataset.fingerprint, "feature table version 3", "abc",
        "PR-AUC", "## Limits", "## Intended use", f"`{FEATURES[-1]}`",
    ):  # fmt: skip
        assert wanted in text
    assert "nan" not in text


def as_version(number: int, folder: Path) -> Version:
    return Version(
        "purchase", number, (), START, "", {}, {}, {}, None, "", artefact=folder, card=""
    )


def test_a_champion_is_compared_on_days_new_to_it_and_not_at_all_on_others(
    dataset: Dataset, trained: Trained, tmp_path: Path
) -> None:
    package.write(tmp_path / "new", dataset, trained, KEY)
    new = as_version(2, tmp_path / "new")
    alone = compare(dataset, new, None, KEY)
    assert [side.name for side in alone.sides] == ["version 2"]
    assert alone.sides[0].measured == trained.validation
    same = compare(dataset, new, as_version(1, tmp_path / "new"), KEY)
    assert "0 labelled rows came after" in same.note

    def champion(name: str, until: str) -> Version:
        write_champion = {"threshold": 0.4, "trained_until": until, "fingerprint": "other"}
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.onnx").write_bytes(trained.onnx)
        seal(tmp_path / name, "onnx", package.signature(SPEC), write_champion, KEY)
        return as_version(1, tmp_path / name)

    cut = trained.scored["at"].unique().sort()[1]
    both = compare(dataset, new, champion("old", cut.isoformat()), KEY)
    assert [side.name for side in both.sides] == ["version 2", "champion 1"]
    fair = trained.scored.filter(pl.col("at") > cut)
    assert "new to both" in both.note
    # The champion here is the very model: it answers what the trained one does.
    wanted = trained.answers[fair["row"].to_numpy()]
    assert np.allclose(both.sides[1].scores, wanted, atol=1e-5)
    assert np.array_equal(both.sides[1].labels, fair[LABEL].to_numpy())
    assert both.sides[1].measured.threshold == 0.4
    assert "| pr_auc |" in table(both)
    assert "does not record" in compare(dataset, new, champion("silent", ""), KEY).note
    with pytest.raises(TrainingError, match="trained on other"):
        compare(dataset, champion("foreign", ""), None, KEY)


def test_plots_are_pictures_and_the_same_again(trained: Trained) -> None:
    side = {"new": (trained.scored[LABEL].to_numpy(), trained.scored["score"].to_numpy())}
    for draw in (calibration_png, precision_recall_png):
        picture = draw(side)
        assert picture.startswith(b"\x89PNG")
        assert draw(side) == picture
