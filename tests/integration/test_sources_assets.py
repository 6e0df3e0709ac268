"""Source assets on the real log: what they send, what they say, what they refuse."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
import pytest
from dagster import AssetKey, AssetsDefinition, RunConfig, materialize

from platform_assets.connectors import files as stack_files
from platform_assets.connectors.produce import LogProducer, Record
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.graph import components
from platform_assets.graph.components import HistoryConfig, IngestConfig
from platform_assets.graph.inbox import Inbox
from platform_assets.graph.lineage import load_sources, source_key
from tests.integration.test_inbound_files import lines


def asset_of(name: str) -> AssetsDefinition:
    found = {key: asset for asset in load_sources().assets or () for key in asset.keys}
    return found[source_key(name)]


def metadata_of(result, name: str) -> dict[str, object]:
    (event,) = result.asset_materializations_for_node(name)
    return {key: value.value for key, value in event.metadata.items()}


def test_files_are_sent_once_with_rows_and_dead_letters_told(
    stack: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_ONLINE_RETAIL_PATH", str(tmp_path))
    (tmp_path / "a.csv").write_text(lines(610_001) + "610001,1,LAMP,six,2010-12-01 08:26:00,1,,F\n")
    asset = asset_of("online_retail")
    told = metadata_of(materialize([asset]), "source__online_retail")
    assert (told["files"], told["rows"], told["dead_letters"]) == (1, 5, 1)
    assert "quantity" in str(told["dead_letter_reasons"])
    again = metadata_of(materialize([asset]), "source__online_retail")
    assert (again["files_sent_before"], again["rows"]) == (1, 0)


def test_a_file_that_is_refused_fails_the_run_after_the_others_were_sent(
    stack: Settings, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("wrong,header\n1,2\n")
    (tmp_path / "b.csv").write_text(lines(610_002))
    config = RunConfig({"source__online_retail": IngestConfig(path=str(tmp_path))})
    result = materialize([asset_of("online_retail")], run_config=config, raise_on_error=False)
    assert not result.success
    (failure,) = result.all_events and [
        event for event in result.all_events if event.is_step_failure
    ]
    said = failure.step_failure_data.user_failure_data
    assert "1 of 2 files refused" in (said.description or "")
    assert said.metadata["rows"].value == 5


def test_the_run_takes_what_the_sensor_saw_and_a_failed_file_is_asked_for_again(
    stack: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_ONLINE_RETAIL_PATH", str(tmp_path))
    found = load_sources()
    (look,) = [one for one in found.sensors or () if one.name == "new_files_of_online_retail"]
    job = dg.Definitions.merge(found).resolve_job_def("ingest_online_retail")
    for name, invoice in (("a.csv", 610_003), ("b.csv", 610_004)):
        (tmp_path / name).write_text(lines(invoice))
        os.utime(tmp_path / name, (0, 0))
    with dg.DagsterInstance.ephemeral() as instance:

        def looked(cursor: str | None) -> dg.SensorResult | dg.SkipReason:
            context = dg.build_sensor_context(instance=instance, cursor=cursor)
            result = look(context)
            assert isinstance(result, dg.SensorResult | dg.SkipReason)
            return result

        def ran(request: dg.RunRequest) -> dg.ExecuteInProcessResult:
            return job.execute_in_process(
                run_config=request.run_config,
                tags={"dagster/run_key": str(request.run_key)},
                instance=instance,
                raise_on_error=False,
            )

        asked = looked(None)
        (request,) = asked.run_requests or ()
        # Between the look and the run: one file grows, another one is being copied.
        (tmp_path / "b.csv").write_text(lines(610_004, 9))
        (tmp_path / "c.csv").write_text(lines(610_005, 2))
        told = metadata_of(ran(request), "source__online_retail")
        assert (told["files"], told["rows"], told["files_changed_meanwhile"]) == (2, 5, 1)

        for name in ("b.csv", "c.csv"):
            os.utime(tmp_path / name, (0, 0))
        asked = looked(asked.cursor)
        (request,) = asked.run_requests or ()
        with monkeypatch.context() as patched:
            patched.setattr(stack_files, "LogProducer", _Refusing)
            assert not ran(request).success
        (kept,) = {item.not_before for item in Inbox.parse(asked.cursor).items.values()
                   if not item.done}  # fmt: skip
        monkeypatch.setattr(components.time, "time", lambda: kept + 1)
        asked = looked(asked.cursor)
        (request,) = asked.run_requests or ()
        told = metadata_of(ran(request), "source__online_retail")
        assert (told["files"], told["rows"]) == (2, 11)
        assert isinstance(looked(asked.cursor), dg.SkipReason)


class _Refusing(LogProducer):
    def send(self, record: Record) -> None:
        raise WeirError("the log refuses")


def test_a_missing_folder_is_one_clear_failure(
    stack: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEIR_ONLINE_RETAIL_PATH", raising=False)
    result = materialize([asset_of("online_retail")], raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    said = failure.step_failure_data.user_failure_data
    assert "WEIR_ONLINE_RETAIL_PATH" in (said.description or "")


def test_the_simulator_sends_a_history_on_demand(stack: Settings) -> None:
    config = RunConfig(
        {"source__simulator": HistoryConfig(events=200, weeks=1, topics=["feedback.reviews"])}
    )
    result = materialize([asset_of("simulator")], run_config=config)
    told = metadata_of(result, "source__simulator")
    assert told["records"] == 200
    assert set(told["by_topic"]) == {"feedback.reviews"}
    assert AssetKey(["source", "simulator"]) in asset_of("simulator").keys
