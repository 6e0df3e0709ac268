"""Watching a stream over real Delta tables and PostgreSQL: each point once, each event once."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ml.anomaly.definition import Signal, Stream
from ml.anomaly.errors import AnomalyError
from ml.anomaly.model import Choice, maker
from ml.anomaly.store import Store
from ml.anomaly.watch import Step, Watch
from platform_assets.core.databases import DatabaseError, connect
from platform_assets.core.settings import REPOSITORY, Settings
from tests.anomaly_lake import append, daily, plain_rows, seconds

TABLE = "industry/machine_readings"
DAYS = 14
BAD = slice(96 * DAYS - 40, 96 * DAYS - 30)


@dataclass
class Place:
    """A lake and a stream of this test's own."""

    settings: Settings
    stream: Stream
    store: Store

    def watch(self, detector: str = "robust_z", version: int = 0) -> Watch:
        return Watch(self.settings, self.stream, choice(detector, version), self.store)

    def publish(self, rows: pl.DataFrame, batch: int) -> None:
        append(self.settings.lake, TABLE, rows, batch)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with connect(self.settings, "models") as connection:
            return connection.execute(sql, {"stream": self.stream.name}).fetchall()

    def events(self) -> list[tuple[Any, ...]]:
        return self.rows(
            """SELECT series, incident, ordinal, kind, at, details FROM incident_events
               WHERE stream = %(stream)s ORDER BY id"""
        )

    def kinds(self, series: str) -> list[str]:
        return [event[3] for event in self.events() if event[0] == series]

    def scores(self) -> list[tuple[Any, ...]]:
        return self.rows(
            """SELECT series, signal, at, value, score, threshold FROM anomaly_scores
               WHERE stream = %(stream)s ORDER BY 1, 2, 3"""
        )

    def forget(self) -> None:
        with connect(self.settings, "models") as connection:
            for table in ("anomaly_cursor", "anomaly_series", "anomaly_scores", "incident_events"):
                connection.execute(f"DELETE FROM {table} WHERE stream = %s", (self.stream.name,))


def choice(detector: str = "robust_z", version: int = 0) -> Choice:
    return Choice(version, detector, maker(detector))


def definition(name: str) -> Stream:
    return Stream.model_validate(
        {
            "name": name,
            "title": "Machines under test",
            "table": "industry.machine_readings",
            "key": "machine_id",
            "signals": [{"name": "vibration", "column": "vibration_mm_s", "unit": "mm/s"}],
            "owner": "industry@weir.example",
            "rate": 5e-4,
            "warm_up": 300,
            "history_days": DAYS,
            "rule": {"recover_after_minutes": 60, "update_every_minutes": 30},
        }
    )


@pytest.fixture
def place(settings: Settings, tmp_path: Path) -> Iterator[Place]:
    own = settings.model_copy(update={"lake_root": str(tmp_path / "lake")})
    store = Store(own)
    yield Place(own, definition(f"t_{uuid.uuid4().hex[:8]}"), store)
    store.close()


def drain(watch: Watch, now: float) -> list[Step]:
    steps = []
    while (step := watch.step(now)) is not None:
        steps.append(step)
    return steps


def machines(intervals: int = 96 * DAYS) -> dict[str, np.ndarray]:
    """Three machines; the second vibrates for ten intervals of the last day."""
    values = {f"machine-{n:02d}": daily(intervals, n) for n in range(3)}
    values["machine-01"][BAD] += 8.0
    return values


END = seconds(96 * DAYS + 1)


def test_a_strange_stretch_is_one_incident_with_its_signals(place: Place) -> None:
    place.publish(plain_rows(machines()), 1)
    steps = drain(place.watch(), END)
    assert place.kinds("machine-01")[0] == "opened"
    assert place.kinds("machine-01")[-1] == "recovered"
    assert place.kinds("machine-01").count("opened") == 1
    assert place.kinds("machine-00") == place.kinds("machine-02") == []
    first = place.events()[0]
    # The score is a mean of 8: it may take a point more.
    assert 0 <= first[4].timestamp() - seconds(BAD.start) <= 900
    lead = first[5]["readings"][0]
    assert lead["signal"] == "vibration"
    assert lead["value"] > 11
    assert lead["score"] > lead["threshold"] > 0
    # The newest event is 7 seconds into the last interval: within the grace of the one before.
    assert sum(step.points for step in steps) == 3 * (96 * DAYS - 2)
    assert place.store.totals(place.stream.name)["open_incidents"] == 0


def test_history_teaches_and_tells_nobody(place: Place) -> None:
    values = machines()
    values["machine-02"][96 * 8 : 96 * 8 + 10] += 8.0
    place.publish(plain_rows(values), 1)
    steps = drain(place.watch(), END)
    assert [step.learning for step in steps] == [True] * 6 + [False]
    assert place.kinds("machine-02") == []
    assert place.kinds("machine-01")[0] == "opened"


def test_a_replay_and_a_second_process_tell_nothing_twice(place: Place) -> None:
    place.publish(plain_rows(machines()), 1)
    drain(place.watch(), END)
    before = place.events(), place.scores()
    assert drain(place.watch(), END) == []
    # The same micro-batch published again, as a replay of its partition does.
    import deltalake

    path = place.settings.lake / "silver" / TABLE
    deltalake.DeltaTable(str(path)).delete("_micro_batch = 1")
    place.publish(plain_rows(machines()), 1)
    assert drain(place.watch(), END + 900.0) == []
    assert (place.events(), place.scores()) == before


def test_of_two_that_take_the_same_points_one_stores(place: Place) -> None:
    place.publish(plain_rows(machines()), 1)
    drain(place.watch(), END)
    expected = place.events(), place.scores()
    place.forget()
    watches = [place.watch() for _ in range(3)]
    errors: list[Exception] = []

    def work(watch: Watch) -> None:
        try:
            for _ in range(30):
                watch.step(END)
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(watch,)) for watch in watches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert (place.events(), place.scores()) == expected


def test_late_rows_are_counted_and_not_scored(place: Place) -> None:
    values = machines()
    place.publish(plain_rows(values), 1)
    drain(place.watch(), END)
    before = place.scores()
    late = plain_rows({"machine-00": np.full(4, 99.0)}, first=96 * (DAYS - 2))
    more = plain_rows({"machine-00": daily(4)}, first=96 * DAYS)
    place.publish(pl.concat([late, more]), 2)
    steps = drain(place.watch(), seconds(96 * DAYS + 4))
    assert [step.late for step in steps] == [4]
    assert place.store.totals(place.stream.name)["late"] == 4
    assert [row for row in place.scores() if row[2].timestamp() < seconds(96 * DAYS - 2)] == before


def test_a_clock_that_is_ahead_is_not_believed(place: Place) -> None:
    place.publish(plain_rows(machines()), 1)
    place.publish(plain_rows({"machine-00": np.ones(1)}, first=96 * 900), 2)
    steps = drain(place.watch(), END)
    assert steps[-1].through <= END


def test_another_model_learns_the_history_again_and_tells_nobody_of_the_past(place: Place) -> None:
    values = machines()
    values["machine-00"][-6:] += 8.0
    place.publish(plain_rows(values), 1)
    drain(place.watch(), END)
    told = place.events()
    assert set(place.kinds("machine-00")) == {"opened", "updated"}
    watch = place.watch("left_profile", version=3)
    steps = drain(watch, END)
    assert all(step.learning and not step.events for step in steps)
    assert place.events() == told
    [versions] = place.rows(
        "SELECT array_agg(DISTINCT version) FROM anomaly_scores WHERE stream = %(stream)s"
    )
    assert versions == ([3],)
    # The incident that was open stays open until the series is ordinary again.
    place.publish(plain_rows({"machine-00": daily(60)}, first=96 * DAYS), 2)
    drain(watch, seconds(96 * DAYS + 61))
    assert place.kinds("machine-00")[-1] == "recovered"
    assert place.kinds("machine-00").count("opened") == 1


def test_memories_of_another_form_are_learned_again_and_tell_nobody_of_the_past(
    place: Place,
) -> None:
    values = machines()
    values["machine-00"][-6:] += 8.0
    place.publish(plain_rows(values), 1)
    drain(place.watch("left_profile"), END)
    told = place.events()
    # The same version, as for the default detector after an upgrade.
    watch = place.watch("robust_z")
    steps = drain(watch, END)
    assert steps
    assert all(step.learning and not step.events for step in steps)
    assert place.events() == told
    place.publish(plain_rows({"machine-00": daily(60)}, first=96 * DAYS), 2)
    drain(place.watch("robust_z"), seconds(96 * DAYS + 61))
    assert place.kinds("machine-00").count("opened") == 1
    assert place.kinds("machine-00")[-1] == "recovered"


def test_a_counted_interval_without_rows_is_0(place: Place) -> None:
    counted = place.stream.model_copy(
        update={
            "key": "",
            "signals": (Signal(name="readings", aggregate="count"),),
        }
    )
    place.publish(plain_rows({"machine-00": daily(96)}), 1)
    place.publish(plain_rows({"machine-00": daily(10)}, first=106), 2)
    drain(Watch(place.settings, counted, choice(), place.store), seconds(117))
    values = [row[3] for row in place.scores()]
    assert values == [1.0] * 96 + [0.0] * 10 + [1.0] * 8
    assert {row[0] for row in place.scores()} == {place.stream.name}


def test_without_its_table_a_stream_says_so(place: Place) -> None:
    with pytest.raises(
        AnomalyError, match=r"silver\.industry\.machine_readings does not exist yet"
    ):
        place.watch().step(END)


def test_without_postgresql_nothing_is_lost(place: Place) -> None:
    place.publish(plain_rows(machines()), 1)
    gone = place.settings.model_copy(update={"postgres_port": 1})
    store = Store(gone)
    watch = Watch(place.settings, place.stream, choice(), store)
    with pytest.raises(DatabaseError, match="cannot be used"):
        watch.step(END)
    store.close()
    assert place.events() == []
    drain(place.watch(), END)
    assert place.kinds("machine-01")[0] == "opened"


CHILD = """
import sys
from tests.integration.test_anomaly_watch import choice, definition
from ml.anomaly.store import Store
from ml.anomaly.watch import Watch
from platform_assets.core.settings import get_settings
settings = get_settings().model_copy(update={"lake_root": sys.argv[2]})
watch = Watch(settings, definition(sys.argv[1]), choice(), Store(settings))
while (step := watch.step(float(sys.argv[3]))) is not None:
    print("step", flush=True)
print("done", flush=True)
"""


def test_killed_anywhere_it_tells_what_an_undisturbed_watch_tells(place: Place) -> None:
    place.publish(plain_rows(machines()), 1)
    drain(place.watch(), END)
    expected = place.events(), place.scores()
    place.forget()
    command = [
        sys.executable, "-c", CHILD, place.stream.name, place.settings.lake_root, str(END),
    ]  # fmt: skip
    rng = random.Random(5)
    kills = 0
    for _ in range(12):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        assert child.stdout is not None
        line = child.stdout.readline().strip()
        if line != "done":
            # The next step is under way: somewhere between reading and committing.
            time.sleep(rng.uniform(0.0, 0.05))
            child.kill()
            kills += 1
        child.communicate(timeout=60)
        if line == "done":
            break
    assert line == "done"
    assert kills >= 3
    assert (place.events(), place.scores()) == expected
