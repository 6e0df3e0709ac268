"""The same function over the same records: this machine's loop, Spark and Flink give equal results.

Belongs here: what the engines write, also after a kill. Does not belong here: what is made of a
record (test_speed_layer.py).
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from platform_assets.connectors.produce import Record
from platform_assets.core.errors import WeirError
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.local.java import spark_java_home
from platform_assets.local.wait import wait_until
from platform_assets.processors.model import ProcessorError
from platform_assets.processors.scaled import flink, spark_job
from platform_assets.processors.scaled.flink_job import last_checkpoint
from platform_assets.processors.scaled.program import LogRecord, Program, program
from platform_assets.processors.transform import result_id
from platform_assets.streaming.plan import Broker
from tests.connectors.scene import committed
from tests.integration.speed import Speed
from tests.text_functions import POISON

_WORDS = "tests.text_functions:word_functions"

soak = pytest.mark.soak
needs_spark = pytest.mark.skipif(spark_java_home() is None, reason="no JDK 17 or 21")


@pytest.fixture
def speed(stack: Settings) -> Iterator[Speed]:
    made = Speed(stack)
    yield made
    made.store.close()


def _records(speed: Speed) -> list[Record]:
    return [
        *(speed.review(f"r{n}", f"{'good' if n % 3 else 'bad bad bad bad'} Ada {n}")
          for n in range(500)),
        *(speed.ticket(f"t{n}", "Ada waits in Oslo", "urgent" if n % 2 else "low")
          for n in range(100)),
        speed.review("refused", f"{POISON} thing"),
        speed.review("quarantined", "good", rating=9),
        speed.garbage("g1"),
    ]  # fmt: skip


def _program(speed: Speed) -> Program:
    return program(speed.settings, speed.definition, speed.contracts, _WORDS)


def _beside(speed: Speed) -> Speed:
    """A processor with another name and output over the same records."""
    other = Speed(speed.settings)
    other.definition = replace(other.definition, inputs=speed.definition.inputs)
    other.contracts |= speed.contracts
    return other


def _outcome(speed: Speed) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Results and dead letters, without what names the processor or the moment."""
    results = speed.results()
    letters = [
        {
            **{name: text for name, text in headers.items() if name != "processor"},
            "reason": headers["reason"].removeprefix(f"processor {speed.name}, "),
            "key": key.decode(),
        }
        for key, headers in speed.letters()
    ]
    return (
        sorted(results, key=lambda one: (one["source_topic"], one["source_event_id"])),
        sorted(letters, key=lambda one: one["source_offset"]),
    )


def test_a_program_in_another_process_makes_what_the_loop_makes(speed: Speed) -> None:
    speed.send(_records(speed))
    speed.run_until(lambda: speed.stored() == 600)
    made = pickle.loads(pickle.dumps(_program(speed)))
    now = int(time.time() * 1000)
    taken = [
        LogRecord(topic, partition, offset, now, key, value)
        for topic in made.topics
        for partition in Broker(speed.settings).extents(TopicName.parse(topic))
        for offset, (key, value, _) in enumerate(committed(speed.settings, topic, partition))
    ]
    again = made(taken)
    results, letters = made.written
    assert Counter(one.topic for one in again) == {results: 600, letters: 2}
    ids = {
        result_id(speed.definition.output, one["source_topic"], one["source_event_id"])
        for one in speed.results()
    }
    assert {one.key.decode() for one in again if one.topic == results and one.key} == ids


def test_functions_that_are_not_there_are_named(speed: Speed) -> None:
    for wrong in ("tests.text_functions", "tests.no_such:thing", ":x"):
        with pytest.raises(ProcessorError, match="no text functions"):
            program(speed.settings, speed.definition, speed.contracts, wrong)


def test_flink_that_is_not_there_is_asked_for(speed: Speed, tmp_path: Path) -> None:
    settings = speed.settings.model_copy(update={"flink_python": str(tmp_path / "python")})
    made = program(settings, speed.definition, speed.contracts, _WORDS)
    with pytest.raises(WeirError, match="no Python with Flink") as caught:
        flink.start(made)
    assert "make flink-env" in caught.value.hint


def _ended(speed: Speed, process: subprocess.Popen[bytes]) -> None:
    """Wait for a job of Flink to come to its end."""
    try:
        assert process.wait(240) == 0, flink.log_of(speed.settings, speed.name).read_text()[-3000:]
    finally:
        flink.stop(process)


@soak
@needs_spark
@pytest.mark.spark
@pytest.mark.timeout(900)
def test_three_engines_agree(speed: Speed, spark_session: Any, tmp_path: Path) -> None:
    speed.send(_records(speed))
    speed.run_until(lambda: speed.stored() == 600 and len(speed.letters()) == 2)
    by_spark, by_flink = _beside(speed), _beside(speed)

    query = spark_job.start(spark_session, _program(by_spark), str(tmp_path), until_end=True)
    assert query.awaitTermination(240)
    assert query.exception() is None
    _ended(by_flink, flink.start(_program(by_flink), until_end=True, parallelism=2))

    expected = _outcome(speed)
    assert (len(expected[0]), len(expected[1])) == (600, 2)
    assert _outcome(by_spark) == expected
    assert _outcome(by_flink) == expected


@soak
@pytest.mark.timeout(900)
def test_flink_goes_on_from_its_checkpoint_after_a_kill(speed: Speed) -> None:
    checkpoints = flink.folder(speed.settings, speed.name) / "checkpoints"
    speed.send([speed.review(f"e{number}", "good Ada") for number in range(2000)])
    process = flink.start(_program(speed), seconds=0.5)
    wait_until(speed.results, what="first results", timeout=120)
    assert last_checkpoint(checkpoints) is not None
    speed.send([speed.review(f"e{number}", "good Ada") for number in range(2000, 6000)])
    wait_until(lambda: len(speed.results()) > 2000, what="more results", timeout=120)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
    speed.send([speed.review(f"e{number}", "good Ada") for number in range(6000, 7000)])

    _ended(speed, flink.start(_program(speed), until_end=True, seconds=0.5))
    assert Counter(one["source_event_id"] for one in speed.results()) == {
        f"e{number}": 1 for number in range(7000)
    }
