"""A model is a folder: what is found, what is refused and how, and that nothing names a model."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.assets import build_model_definitions
from ml.discovery import ROOT, Found, discover, models
from ml.drift.decide import Decision
from ml.drift.log import Entry
from ml.drift.quality import Counts, health
from ml.spec import ModelSpec, Retraining, SpecError, Validation
from platform_assets.core.settings import REPOSITORY
from sensors.graph import sensors_of

PAGE = REPOSITORY / "docs/how-to/model.md"
GOOD = """
from datetime import timedelta
from ml.spec import Label, ModelSpec

SPEC = ModelSpec(
    name={name!r}, title="T", description="D", intended_use="U",
    label=Label("came", "the user comes", timedelta(hours=24), lambda *given: given[1]),
    {more}
)
"""


def write(root: Path, name: str, text: str | None = None, more: str = "") -> None:
    folder = root / name
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "spec.py").write_text(GOOD.format(name=name, more=more) if text is None else text)


def names(found: Found) -> list[str]:
    return [spec.name for spec in found.specs]


def test_the_default_comes_first_then_names_in_order(tmp_path: Path) -> None:
    for name, more in (("b", ""), ("z", "default=True"), ("a", "")):
        write(tmp_path, name, more=more)
    (tmp_path / "_drafts").mkdir()
    (tmp_path / "gone" / "__pycache__").mkdir(parents=True)
    found = discover(tmp_path)
    assert (names(found), found.broken) == (["z", "a", "b"], ())
    assert found.get(None).name == "z"
    assert found.specs[0].named("judge_trials") == "judge_trials"
    assert found.specs[1].named("judge_trials") == "judge_trials_a"


BROKEN = {
    "syntax": ("def (", 1, "SyntaxError"),
    "import": ("\nimport nothing_of_that_name", 2, "nothing_of_that_name"),
    "raises": ("x = 1\n\nraise RuntimeError('no luck')", 3, "RuntimeError: no luck"),
    "exits": ("import sys\nsys.exit(3)", 2, "SystemExit"),
    "empty": ("", 0, "SPEC is not there"),
    "other": ("SPEC = {}", 0, "SPEC is not a ModelSpec"),
    "renamed": (GOOD.format(name="another", more=""), 0, "not that of the folder"),
    "range": (GOOD.format(name="range", more="days=0"), 5, "days"),
    "feature": (GOOD.format(name="feature", more="features=('height',)"), 5, "height"),
    "owner": (GOOD.format(name="owner", more="owner='me'"), 5, "owner"),
    "field": (GOOD.format(name="field", more="colour=1"), 5, "colour"),
    "anomaly": (GOOD.format(name="anomaly", more=""), 5, "detectors"),
    "My-Model": (GOOD.format(name="My-Model", more=""), 5, "name: lower-case"),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_folder_that_does_not_load_is_told_with_file_and_line_and_stops_no_other(
    name: str, tmp_path: Path
) -> None:
    text, line, reason = BROKEN[name]
    write(tmp_path, name, text)
    write(tmp_path, "good")
    found = discover(tmp_path)
    assert names(found) == ["good"]
    [broken] = found.broken
    assert (broken.file, broken.line) == (tmp_path / name / "spec.py", line)
    assert reason in broken.reason
    with pytest.raises(SpecError, match="does not load") as raised:
        found.get(name)
    assert reason in str(raised.value)
    definitions = build_model_definitions(found)
    graph = definitions.resolve_asset_graph()
    key = dg.AssetKey(["broken", "model", name.replace("-", "_")])
    assert reason in (graph.get(key).description or "")
    assert dg.AssetKey(["models", "good", "dataset"]) in graph.get_all_asset_keys()
    failed = dg.materialize([definitions.get_assets_def(key)], raise_on_error=False)
    assert not failed.success


def test_the_error_is_told_where_it_is_in_another_module_of_the_folder(tmp_path: Path) -> None:
    write(tmp_path, "deep", "from .label import of")
    (tmp_path / "deep" / "label.py").write_text("\n\nof = 1 / 0")
    [broken] = discover(tmp_path).broken
    assert (broken.file.name, broken.line) == ("label.py", 3)
    assert "ZeroDivisionError" in broken.reason


def test_a_folder_without_a_spec_and_a_second_default_are_told(tmp_path: Path) -> None:
    write(tmp_path, "a", more="default=True")
    write(tmp_path, "b", more="default=True")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "specs.py").touch()
    found = discover(tmp_path)
    assert names(found) == ["a"]
    assert [(one.name, one.reason) for one in found.broken] == [
        ("b", "default: a is the default model already"),
        ("c", "there is no such file; a model's folder has one"),
    ]


def test_without_a_default_a_model_must_be_named(tmp_path: Path) -> None:
    write(tmp_path, "a")
    assert discover(tmp_path).get(None).name == "a"
    write(tmp_path, "b")
    with pytest.raises(SpecError, match="known: a, b"):
        discover(tmp_path).get(None)
    with pytest.raises(SpecError, match="no model 'c'; known: a, b"):
        discover(tmp_path).get("c")


def good() -> ModelSpec:
    return models().specs[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Two words"), ("name", "anomalies"), ("title", ""), ("features", ()),
        ("features", ("events_24h", "events_24h")), ("metric", "auc"), ("days", 0), ("days", 2),
        ("share", 1.5), ("owner", "somebody"), ("validation", Validation(folds=0)),
        ("retraining", Retraining(max_age=timedelta(0))),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_refused_with_its_field(field: str, value: Any) -> None:
    with pytest.raises(SpecError, match=field):
        replace(good(), **{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("column", "user_id"), ("column", "events_24h"), ("column", "A b"), ("of", None),
        ("horizon", timedelta(0)), ("horizon", timedelta(minutes=90)),
    ],
)  # fmt: skip
def test_a_label_out_of_range_is_refused_with_its_field(field: str, value: Any) -> None:
    with pytest.raises(SpecError, match=f"label.{field}"):
        replace(good(), label=replace(good().label, **{field: value}))


def test_a_model_of_the_page_has_all_that_the_page_says(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(# (ml/models/\S+)\n.*?)^```", PAGE.read_text(), re.M | re.S)
    assert [path for _, path in blocks] == ["ml/models/cart/label.py", "ml/models/cart/spec.py"]
    for text, path in blocks:
        file = tmp_path / Path(path).relative_to("ml/models")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    (tmp_path / "cart" / "__init__.py").touch()
    found = discover(tmp_path)
    assert not found.broken
    [spec] = found.specs
    page = PAGE.read_text()
    definitions = build_model_definitions(found)
    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    parts = [key.path[2] for key in keys if key.path[:2] == ["models", "cart"]]
    assert len(parts) == 7
    jobs = [spec.training_job, spec.drift_job, spec.judging_job]
    sensors = [sensor.name for sensor in sensors_of(spec)]
    for name in (*parts, *jobs, *sensors):
        assert f"{name}`" in page, name
    for job in jobs:
        assert definitions.resolve_job_def(job)

    # Its label, on one user who fills a cart two days after the moment and buys before it.
    at = datetime(2026, 3, 1, tzinfo=UTC)
    events = pl.DataFrame(
        {
            "user_id": [1, 1, 2],
            "event_type": ["cart", "purchase", "view"],
            "price": [0.0, 1.0, 0.0],
            "timestamp": [at + timedelta(days=2), at, at],
        }
    )
    rows = pl.DataFrame({"user_id": [1, 2, 1], "at": [at, at, at + timedelta(days=2)]})
    labelled = spec.label.find(events, rows, spec.label.horizon, at + timedelta(days=4))
    assert labelled[spec.label.column].to_list() == [1, 0, None]


LABELLED = pl.DataFrame(
    {"user_id": [1, 2], "at": [datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC)]}
)


@pytest.mark.parametrize(
    ("of", "rule"),
    [
        (lambda rows: rows.with_columns(x=pl.lit(1)), "no column purchased"),
        (lambda rows: rows.with_columns(purchased=pl.lit(0)).head(1), "other rows"),
        (lambda rows: rows.with_columns(purchased=pl.lit(0)).reverse(), "other rows"),
        (lambda rows: rows.with_columns(purchased=pl.lit(2)), "other than 0 and 1"),
        (lambda rows: rows.with_columns(purchased=pl.lit(0)), "before its horizon is over"),
    ],
    ids=["no column", "fewer rows", "another order", "another value", "too early"],
)
def test_a_label_function_that_breaks_its_rules_is_told(of: Any, rule: str) -> None:
    label = replace(good().label, of=lambda _events, rows, _horizon, _until: of(rows))
    with pytest.raises(SpecError, match=rule):
        label.find(LABELLED, LABELLED, timedelta(days=1), datetime(2026, 3, 5, tzinfo=UTC))


def entry(day: int, *, moved: bool = False, alarm: bool = False) -> Entry:
    period = date(2026, 3, 1) + timedelta(days=day)
    decision = Decision(period.isoformat(), moved, "moved: price", version="1")
    return Entry(
        "any", 1, decision, datetime(2026, 3, 1, tzinfo=UTC), alarm=alarm, alarm_reason="F1 fell"
    )


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.integers(1, 9))
def test_a_period_asks_for_the_reasons_of_its_model_alone(
    moved: bool, alarm: bool, on_drift: bool, on_concept: bool, days: int
) -> None:
    found = entry(4, moved=moved, alarm=alarm)
    wanted = Retraining(on_drift, on_concept, timedelta(days=days))
    reason = found.reason_for(wanted)
    assert ("moved: price" in reason) == (moved and on_drift)
    assert ("F1 fell" in reason) == (alarm and on_concept)
    # The fifth day ends five days after the training data did.
    assert ("training data ended on 2026-03-01, 5 days before" in reason) == (days < 5)
    assert bool(found.reason_for(Retraining())) == found.asks


@settings(max_examples=30)
@given(st.floats(0.3, 0.8))
def test_a_fall_of_accuracy_is_noticed_and_an_f1_of_nothing_is_not_one(floor: float) -> None:
    rng = np.random.default_rng(7)

    def periods(right: float) -> list[Counts]:
        hits = rng.binomial(100, right, 40)
        return [Counts(tn=int(n), fp=int(100 - n)) for n in hits]

    # Nobody is positive: F1 is 0 throughout, accuracy is what it is.
    assert not health(periods(floor + 0.15), floor, metric="accuracy").alarm
    assert health(periods(floor - 0.15), floor, metric="accuracy").alarm


SCOPE = ("ml", "sensors", "platform_assets/cli")
EVENTS = REPOSITORY / "ml/features"
"""Events of the shop are named here; one has the name of a model."""


def named(file: Path, model: str) -> Iterator[str]:
    """Places where code names a model; docstrings, help and examples may."""
    tree = ast.parse(file.read_text())
    spoken: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for each in body if isinstance(body, list) else []:
            if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
                spoken.add(id(each.value))
        if isinstance(node, ast.keyword) and node.arg in {"help", "epilog"}:
            spoken |= {id(inner) for inner in ast.walk(node.value)}
    word = re.compile(rf"(?<![a-z]){model}(?![a-z])", re.IGNORECASE)
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in spoken else None
        if isinstance(node, ast.Name):
            text = node.id
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            text = node.name
        elif isinstance(node, ast.ImportFrom):
            text = node.module
        elif isinstance(node, ast.alias):
            text = node.name
        if isinstance(text, str) and word.search(text):
            yield f"{file.relative_to(REPOSITORY)}:{getattr(node, 'lineno', 0)}: {text}"


def test_no_module_outside_of_its_folder_names_a_model() -> None:
    files = [
        file
        for folder in SCOPE
        for file in sorted((REPOSITORY / folder).rglob("*.py"))
        if not file.is_relative_to(ROOT) and not file.is_relative_to(EVENTS)
    ]
    assert len(files) > 80
    found = [place for file in files for spec in models().specs for place in named(file, spec.name)]
    assert found == []


def test_a_name_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.test_model_spec.REPOSITORY", tmp_path)
    file = tmp_path / "module.py"
    file.write_text(
        '"""Of purchase."""\nfrom ml.models.purchase import spec\nJOB = "train_purchase"'
    )
    assert len(list(named(file, "purchase"))) == 2


def test_every_folder_of_this_installation_is_a_model() -> None:
    assert models().broken == ()
    assert names(models())
