"""A file that cannot be used is an asset with its error; everything else loads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

import ml.anomaly.definition
import ml.assets.anomaly
import platform_assets.contracts.load
import platform_assets.sources
import reports.assets.report
import reports.definition
from platform_assets.cli.app import build
from platform_assets.contracts.load import load_contracts
from platform_assets.definitions import build_defs
from platform_assets.graph import lineage
from platform_assets.graph.broken_assets import CHECK, build_each
from platform_assets.graph.checks import gold, gold_assets

SOURCE = """\
type: platform_assets.graph.components.FileSource
attributes:
  source: {name}
  topics: [retail.invoice_lines]
  files: nowhere/*.csv
  columns: [InvoiceNo]
  mapping: mapping.jsonata
  path_variable: NOWHERE
  owner: {owner}
"""


def copied(shipped: Path, folder: Path, suffix: str) -> Path:
    folder.mkdir()
    for path in sorted(shipped.glob(f"*{suffix}")):
        (folder / path.name).write_text(path.read_text())
    return folder


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Everything that ships, and one bad file of each kind beside it."""
    contracts = copied(platform_assets.contracts.load.CONTRACTS, tmp_path / "contracts", ".yaml")
    (contracts / "shop.orders.yaml").write_text("apiVersion: v3.2.0\napiVersion: v3.2.0\n")
    monkeypatch.setattr(platform_assets.contracts.load, "CONTRACTS", contracts)

    definitions = copied(reports.definition.DEFINITIONS, tmp_path / "definitions", ".yaml")
    copied(reports.definition.ROOM / "kpis", tmp_path / "kpis", ".sql")
    text = (definitions / "weekly-commerce.yaml").read_text()
    (definitions / "never.yaml").write_text(text.replace("0 6 * * 1", "0 6 31 2 *"))
    monkeypatch.setattr(reports.definition, "DEFINITIONS", definitions)
    monkeypatch.setattr(reports.assets.report, "DEFINITIONS", definitions)

    streams = copied(ml.anomaly.definition.STREAMS, tmp_path / "streams", ".yaml")
    (streams / "noise.yaml").write_text("title: [")
    monkeypatch.setattr(ml.anomaly.definition, "STREAMS", streams)
    monkeypatch.setattr(ml.assets.anomaly, "STREAMS", streams)

    sources = tmp_path / "sources"
    sources.mkdir()
    for name, owner in (
        ("open", "a@weir.example"),
        ("owned", "nobody"),
        ("good", "b@weir.example"),
    ):
        (sources / name).mkdir()
        text = SOURCE.format(name=name, owner=owner) if name != "open" else "type: ["
        (sources / name / "defs.yaml").write_text(text)
        (sources / name / "mapping.jsonata").write_text("{}")
    monkeypatch.setattr(
        platform_assets.sources, "__path__", [*platform_assets.sources.__path__, str(sources)]
    )

    bounds = tmp_path / "gold.yaml"
    bounds.write_text(gold.BOUNDS.read_text() + "\nnowhere.nothing:\n  x: [0, .nan]\n")
    monkeypatch.setattr(gold_assets, "BOUNDS", bounds)

    caches = (load_contracts, lineage._upstream, gold.gold_models)
    for cache in caches:
        cache.cache_clear()
    yield tmp_path
    for cache in caches:
        cache.cache_clear()


def test_each_bad_file_is_an_asset_with_its_error_and_the_rest_loads(
    broken: Path, caplog: pytest.LogCaptureFixture
) -> None:
    definitions = build_defs()
    dg.Definitions.validate_loadable(definitions)
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    found = {key.to_user_string(): spec for key, spec in specs.items() if key.path[0] == "broken"}
    wanted = {
        "broken/contract/shop_orders": f"{broken}/contracts/shop.orders.yaml:2: not YAML",
        "broken/report/never": f"{broken}/definitions/never.yaml:7: schedule.cron",
        "broken/anomaly_stream/noise": f"{broken}/streams/noise.yaml:2: no YAML",
        "broken/source/open": f"{broken}/sources/open/defs.yaml:2: not YAML",
        "broken/source/owned": f"{broken}/sources/owned/defs.yaml",
        "broken/bounds/gold": f"{broken}/gold.yaml",
    }
    assert set(found) == set(wanted)
    logged = " ".join(caplog.text.split())
    for name, words in wanted.items():
        assert words in (found[name].description or ""), name
        assert words in logged, name
    for path in (["silver", "retail", "invoice_lines"], ["reports", "weekly_commerce", "facts"],
                 ["source", "good"], ["models", "anomaly_machines", "version"]):  # fmt: skip
        assert dg.AssetKey(path) in specs, path


def test_a_broken_file_is_told_as_a_failed_check_without_a_run(broken: Path) -> None:
    repository = build_defs().get_repository_def()
    sensor = repository.get_sensor_def("tell_broken_reports")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    with dg.DagsterInstance.ephemeral() as instance:
        told = sensor(dg.build_sensor_context(instance=instance))
        assert isinstance(told, dg.SensorResult)
        (event,) = told.asset_events
        assert (event.check_name, event.passed) == (CHECK, False)
        assert "never comes" in event.metadata["error"].value
        again = sensor(dg.build_sensor_context(instance=instance, cursor=told.cursor))
    assert isinstance(again, dg.SkipReason)


def test_materialising_a_broken_file_says_what_is_wrong(broken: Path) -> None:
    definitions = build_defs()
    key = dg.AssetKey(["broken", "report", "never"])
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=[key], raise_on_error=False
    )
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "never.yaml:7" in str(failure.step_failure_data.user_failure_data.description)


def test_weir_check_lists_them_and_ends_with_one(broken: Path) -> None:
    done = CliRunner().invoke(build(), ["check"])
    assert done.exit_code == 1
    for name in ("shop.orders.yaml:2", "never.yaml:7", "noise.yaml:2", "open/defs.yaml:2",
                 "owned/defs.yaml", "gold.yaml"):  # fmt: skip
        assert name in done.output


def test_what_ships_is_whole() -> None:
    done = CliRunner().invoke(build(), ["check"])
    assert (done.exit_code, done.output) == (0, "every file can be used\n")


def test_whatever_dagster_refuses_costs_one_file_only(tmp_path: Path) -> None:
    def made(owner: str) -> dg.Definitions:
        return dg.Definitions(assets=[dg.AssetSpec("x", owners=[owner])])

    items = [(tmp_path / f"{name}.yaml", owner)
             for name, owner in (("a", "team:a"), ("b", "nobody"), ("c", "team:c"))]  # fmt: skip
    built, refused = build_each("thing", items, made)
    assert [owner for owner, _ in built] == ["team:a", "team:c"]
    assert "b.yaml: DagsterInvalidDefinitionError" in str(refused[0].error)
