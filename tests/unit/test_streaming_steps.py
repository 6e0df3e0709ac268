"""Steps between the topics' threads and the run: bounded, and none lost while draining."""

import threading
from typing import Any, cast

from platform_assets.streaming.microbatch import Step
from platform_assets.streaming.steps import Steps


def step(name: str) -> Step:
    return cast(Step, name)


def test_a_full_queue_holds_a_topic_until_there_is_room() -> None:
    steps, draining, done = Steps(1), threading.Event(), threading.Event()
    steps.put(step("first"), draining)

    def second() -> None:
        steps.put(step("second"), draining)
        done.set()

    thread = threading.Thread(target=second)
    thread.start()
    assert not done.wait(0.1)
    assert steps.get(10) == "first"
    assert done.wait(60)
    assert steps.get(10) == "second"
    assert steps.get(0) is None
    thread.join()


def test_draining_wakes_whoever_waits_for_a_step() -> None:
    """An append past the queue's lock would be seen only when the wait ran out."""
    steps, draining = Steps(1), threading.Event()
    draining.set()
    found: list[Any] = []
    reader = threading.Thread(target=lambda: found.append(steps.get(600)))
    reader.start()
    steps.put(step("last"), draining)
    reader.join(60)
    assert found == ["last"]


def test_nothing_is_lost_or_repeated_when_the_run_stops_reading() -> None:
    for _ in range(20):
        steps, draining = Steps(2), threading.Event()
        names = [[f"{topic}-{n}" for n in range(30)] for topic in range(4)]

        def produce(mine: list[str], steps: Steps = steps, on: threading.Event = draining) -> None:
            for name in mine:
                steps.put(step(name), on)

        threads = [threading.Thread(target=produce, args=(mine,)) for mine in names]
        for thread in threads:
            thread.start()
        read = [steps.get(60) for _ in range(40)]
        draining.set()
        for thread in threads:
            thread.join()
        read += list(steps.rest())
        assert sorted(cast(list[str], read)) == sorted(name for mine in names for name in mine)
