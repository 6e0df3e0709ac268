"""The run-failure sensor: one message a failed run, with what helps."""

from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    DagsterInstance,
    Definitions,
    RunFailureSensorContext,
    asset,
    build_run_status_sensor_context,
    materialize,
)

from platform_assets.messaging import NotifyError
from sensors.failures import (
    ASSETS_NAMED,
    BODY_LIMIT,
    SentKeys,
    build_failure_sensor,
    failure_notification,
    notify_failure,
)
from tests.kept import Kept


@asset(key=["silver", "shop", "events"], owners=["team:shop"])
def broken_asset() -> None:
    cause = ValueError("price is 'abc'")
    raise RuntimeError("shop.events: batch 7 failed") from cause


def failed(instance: DagsterInstance) -> RunFailureSensorContext:
    result = materialize([broken_asset], instance=instance, raise_on_error=False)
    event = next(event for event in result.all_events if event.is_run_failure)
    return build_run_status_sensor_context(
        "notify_run_failure",
        event,
        instance,
        result.dagster_run,
        repository_def=Definitions(assets=[broken_asset]).get_repository_def(),
    ).for_run_failure()


def test_it_says_run_job_error_and_link_once(tmp_path: Path) -> None:
    place, sent = Kept(), SentKeys(tmp_path / "notified")
    with DagsterInstance.ephemeral() as instance:
        context = failed(instance)
        assert notify_failure(context, place, sent, "http://127.0.0.1:17706/")
        assert not notify_failure(context, place, sent, "http://127.0.0.1:17706/")
    [note] = place.got
    run_id = context.dagster_run.run_id
    assert note.link == f"http://127.0.0.1:17706/runs/{run_id}"
    assert note.key == f"run-failure-{run_id}"
    assert note.owner == "team:shop"
    for text in (
        run_id,
        "Assets: silver/shop/events",
        "shop.events: batch 7 failed",
        "price is 'abc'",
        "Next: read the log",
    ):
        assert text in note.body
    assert "Traceback" not in note.body


def test_a_message_that_did_not_go_out_is_sent_at_the_next_try(tmp_path: Path) -> None:
    place, sent = Kept(), SentKeys(tmp_path)
    place.refusing = True
    with DagsterInstance.ephemeral() as instance:
        context = failed(instance)
        with pytest.raises(NotifyError):
            notify_failure(context, place, sent, "")
        place.refusing = False
        assert notify_failure(context, place, sent, "")
    assert len(place.got) == 1


def test_many_assets_and_long_errors_are_cut(tmp_path: Path) -> None:
    with DagsterInstance.ephemeral() as instance:
        run = failed(instance).dagster_run
    keys = [AssetKey(["silver", "d", f"t{number:02d}"]) for number in range(ASSETS_NAMED + 3)]
    note = failure_notification(run, keys, ["x" * 10_000], "")
    assert "silver/d/t00" in note.body
    assert "and 3 more" in note.body
    assert len(note.body) == BODY_LIMIT
    assert note.link == ""


def test_the_memory_of_what_went_out_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensors.failures.KEEP_KEYS", 3)
    sent = SentKeys(tmp_path)
    for number in range(6):
        sent.mark(f"../run/{number}")
    assert len(list(tmp_path.iterdir())) == 3
    assert not SentKeys(tmp_path).seen("../run/9")


def test_the_sensor_is_on_by_default_and_named() -> None:
    sensor = build_failure_sensor()
    assert sensor.name == "notify_run_failure"
    assert sensor.default_status.value == "RUNNING"
