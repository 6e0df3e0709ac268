"""Days of a model on the real database: judged in order, written once, read as they were."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from ml.drift import pages
from ml.drift.compare import DriftError, Move
from ml.drift.decide import Decision
from ml.drift.log import DriftLog, Entry
from ml.drift.quality import Counts
from ml.drift.state import age_state, data_state, gap_state, metric_state
from ml.drift.watch import Answers, Champion, watch
from platform_assets.cli.drift import print_drift
from platform_assets.core.databases import DatabaseError
from platform_assets.core.settings import Settings

TRAINED = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST = date(2026, 3, 1)


@pytest.fixture
def log(settings: Settings) -> Iterator[DriftLog]:
    found = DriftLog(settings)
    yield found
    found.close()


@pytest.fixture
def model() -> str:
    return f"m{uuid.uuid4().hex[:8]}"


def window(seed: int, n: int = 600, mean: float = 0.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame({"amount": rng.normal(mean, 1, n), "count": rng.poisson(3, n)})


def champion(model: str, version: int = 1, **more: object) -> Champion:
    values: dict[str, object] = {"validated": 0.6, **more}
    return Champion(model, version, window(0, 3000), TRAINED, **values)  # type: ignore[arg-type]


def answers(n: int, right: float, seed: int = 3) -> Answers:
    rng = np.random.default_rng(seed)
    actual = (rng.random(n) < 0.3).astype(int)
    label = np.where(rng.random(n) < right, actual, 1 - actual)
    labelled = pl.DataFrame({"label": label, "actual": actual})
    return Answers(pl.Series(rng.random(n) * 0.3), pl.Series(rng.random(n)), labelled)


def test_the_second_day_of_a_shift_asks_and_the_pages_are_there(
    settings: Settings, log: DriftLog, model: str
) -> None:
    first, second = (
        watch(settings, log, champion(model), FIRST + n * DAY, window(n + 1, mean=1.0))
        for n in range(2)
    )
    assert (first.entry.asks, second.entry.asks) == (False, True)
    assert "amount by +0.98" in second.entry.decision.reason
    assert second.page is not None
    assert second.page.read_text().lstrip().startswith("<!DOCTYPE html>")
    assert second.distances["distance of amount"] > 0.5
    stored = log.find(model, 1, FIRST + DAY)
    assert stored is not None
    assert stored.decision == second.entry.decision
    summary = json.loads((pages.folder(settings, model) / "2026-03-02.json").read_text())
    assert summary["retrain"]
    assert summary["reason"] == second.entry.decision.reason
    assert "no label became known that day" in summary["notes"]


def test_a_day_made_again_is_replaced_and_says_the_same(
    settings: Settings, log: DriftLog, model: str
) -> None:
    made = [watch(settings, log, champion(model), FIRST, window(1, mean=1.0)) for _ in range(2)]
    assert made[0].entry == made[1].entry
    [stored] = log.of(model)
    assert stored.serial > 1
    again = watch(settings, log, champion(model), FIRST, window(1))
    [replaced] = log.of(model)
    assert replaced.decision == again.entry.decision
    assert replaced.serial > stored.serial, "readers see that it changed"


def test_a_day_with_few_rows_is_kept_without_a_page(
    settings: Settings, log: DriftLog, model: str
) -> None:
    watch(settings, log, champion(model), FIRST, window(1, mean=1.0))
    few = watch(settings, log, champion(model), FIRST + DAY, window(2, n=10))
    assert few.page is None
    assert not few.entry.asks
    third = watch(settings, log, champion(model), FIRST + 2 * DAY, window(3, mean=1.0))
    assert third.entry.asks, "the day between neither counts nor breaks the row"


def test_another_version_begins_anew_and_a_changed_reference_is_refused(
    settings: Settings, log: DriftLog, model: str
) -> None:
    watch(settings, log, champion(model), FIRST, window(1, mean=1.0))
    other = watch(settings, log, champion(model, 2), FIRST + DAY, window(2, mean=1.0))
    assert not other.entry.asks
    changed = champion(model)
    changed = Champion(model, 1, changed.reference.head(2000), TRAINED)
    with pytest.raises(DriftError, match="has changed"):
        watch(settings, log, changed, FIRST + DAY, window(2))


def test_labels_that_turn_ask_although_the_inputs_stay(
    settings: Settings, log: DriftLog, model: str
) -> None:
    found = champion(model)
    days = [
        watch(
            settings, log, found, FIRST + n * DAY, window(n + 1),
            answers(400, 0.95 if n < 3 else 0.4, n),
        ).entry
        for n in range(6)
    ]  # fmt: skip
    assert not any(entry.decision.retrain for entry in days)
    assert not any(entry.alarm for entry in days[:3])
    assert days[-1].alarm
    assert days[-1].alarm_reason.startswith("metric below floor")
    state = metric_state(log.of(model, 1), 0.6)
    assert not state.well
    assert "likely since 2026-03-0" in state.reason
    assert metric_state(log.of(model, 1)[:3], 0.6).well
    assert metric_state(log.of(model, 1), None).well
    assert (pages.folder(settings, model) / "2026-03-06-labels.html").is_file()


def test_scores_are_drawn_beside_those_of_validation(
    settings: Settings, log: DriftLog, model: str
) -> None:
    made = watch(settings, log, champion(model), FIRST, window(1), answers(300, 0.9))
    assert made.distances["distance of score"] > 0.5
    # The score is no feature: it does not take part in the decision.
    assert {move.feature for move in made.entry.decision.moves} == {"amount", "count"}


def entry(model: str, day: int, *, retrain: bool = False, counts: Counts | None = None) -> Entry:
    moves = (Move("a", "numeric", 0.0, 0.5, float("inf")), Move("b", "categorical", 1, 0, 0, "x\0"))
    decision = Decision(
        (FIRST + day * DAY).isoformat(), retrain, "r", moves, {"a": 1}, "1", "3:4:a,b"
    )
    return Entry(model, 1, decision, TRAINED, counts or Counts(1, 2, 3, 4))


def test_what_is_read_is_what_was_written(log: DriftLog, model: str) -> None:
    log.put(entry(model, 0))
    [found] = log.of(model, 1)
    assert found.decision == entry(model, 0).decision
    assert (found.counts, found.trained_until) == (Counts(1, 2, 3, 4), TRAINED)
    assert log.find(model, 2, FIRST) is None


def test_whoever_reads_up_to_a_serial_has_missed_nothing(log: DriftLog, model: str) -> None:
    seen: set[str] = set()
    cursor = max((each.serial for each in log.since(0, limit=10_000)), default=0)
    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(log.put, entry(model, n)) for n in range(60)]
        while not all(each.done() for each in writing) or len(seen) < 60:
            for each in log.since(cursor, limit=7):
                assert each.serial > cursor
                cursor = each.serial
                seen.add(each.decision.period)
            if all(each.done() for each in writing) and not log.since(cursor):
                break
    assert len(seen) == 60


def test_the_shell_prints_what_each_day_said(log: DriftLog, model: str) -> None:
    app = typer.Typer()
    app.command()(print_drift)
    assert f"no day of {model}" in CliRunner().invoke(app, [model]).output
    for day in range(3):
        log.put(entry(model, day, retrain=day == 2))
    lines = CliRunner().invoke(app, [model, "--limit", "2"]).output
    assert "2026-03-01" not in lines
    assert "2026-03-03" in lines
    found = json.loads(CliRunner().invoke(app, [model, "--json"]).output)
    assert [(one["period"], one["retrain"]) for one in found] == [
        ("2026-03-01", False), ("2026-03-02", False), ("2026-03-03", True),
    ]  # fmt: skip


def test_without_postgresql_it_says_so(
    weir_home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_POSTGRES_PASSWORD", "s3cret")
    log = DriftLog(Settings(postgres_port=9))
    with pytest.raises(DatabaseError, match="start it") as raised:
        log.of("m")
    assert "s3cret" not in str(raised.value)


def test_findings_say_why(model: str) -> None:
    days = [entry(model, n) for n in (0, 1, 3)]
    gaps = gap_state(days, TRAINED, FIRST + 4 * DAY)
    assert not gaps.well
    assert "2 day(s) not judged: 2026-03-03, 2026-03-05" in gaps.reason
    assert gap_state(days[:2], TRAINED, FIRST + DAY).well
    assert gap_state([], TRAINED, FIRST - DAY).well, "nothing is due yet"
    old = age_state(TRAINED, TRAINED + 46 * DAY, 45 * DAY)
    assert (old.well, old.figures) == (False, {"days": 46})
    assert age_state(TRAINED, TRAINED + 45 * DAY, 45 * DAY).well
    assert data_state([]).well
    assert not data_state([entry(model, 0, retrain=True)]).well
