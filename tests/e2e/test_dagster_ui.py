"""What a person sees in the Dagster UI while data flow; in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from dagster import AssetKey
from playwright.sync_api import Page, expect, sync_playwright
from typer.testing import CliRunner

from ml.features import table
from ml.models.purchase.spec import SPEC
from ml.training.dataset import days_without_features
from platform_assets.cli.app import build
from platform_assets.cli.launch import RunFailedError, latest_metadata
from platform_assets.cli.tour import wait_for_stream
from platform_assets.connectors.publish import ensure_topics
from platform_assets.connectors.simulate import simulate_history
from platform_assets.contracts.load import load_contracts
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings
from platform_assets.local.wait import wait_until
from tests.e2e.browser import chromium, open_page
from tests.integration.dagster_api import instance, sensors, stop_sensor, ticks

CLICKS = TopicName("commerce", "clickstream")
PATIENCE_MS = 60_000
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def flowing(dagster_stack: Settings) -> Settings:
    """A stack whose stream run has taken some data and reported them."""
    ensure_topics(dagster_stack, load_contracts().values())
    for name in ("keep_fresh_gold_running", "keep_anomaly_watch_running"):
        stop_sensor(dagster_stack, name)
    simulate_history(
        dagster_stack, seed=11, events=4000, until=datetime(2026, 4, 1, tzinfo=UTC), weeks=1
    )
    wait_for_stream(dagster_stack, lambda _done, _there: None)
    with instance(dagster_stack) as dagster:
        wait_until(
            lambda: dagster.get_latest_materialization_event(AssetKey(CLICKS.silver.asset_key)),
            what="a reported materialisation of silver", timeout=60,
        )  # fmt: skip
    return dagster_stack


@pytest.fixture(scope="module")
def page(flowing: Settings) -> Iterator[Page]:
    path = chromium()
    if path is None:
        pytest.skip("no chromium on PATH")
    with sync_playwright() as playwright:
        yield from open_page(playwright, path, flowing.dagster_url)


def test_the_asset_graph_shows_the_domains(page: Page) -> None:
    page.goto("/asset-groups")
    for group in ("commerce", "energy", "feedback", "industry", "retail", "staging"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible(timeout=PATIENCE_MS)


def test_a_group_leads_from_bronze_to_gold(page: Page) -> None:
    page.goto("/locations/weir/asset-groups/commerce/lineage")
    for name in ("clickstream", "clickstream_quarantine", "customers_history", "revenue_per_hour"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=PATIENCE_MS)


def test_silver_shows_its_partitions(page: Page) -> None:
    page.goto("/assets/silver/commerce/clickstream?view=partitions")
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    expect(page.get_by_text(today).filter(visible=True).first).to_be_visible(timeout=PATIENCE_MS)


def test_silver_shows_a_materialisation_with_its_figures(page: Page) -> None:
    page.goto("/assets/silver/commerce/clickstream?view=events")
    for label in ("micro_batches", "quarantined", "duplicates", "dagster/partition_row_count"):
        expect(page.get_by_text(label, exact=True).first).to_be_visible(timeout=PATIENCE_MS)


def test_silver_says_what_it_holds(page: Page) -> None:
    page.goto("/assets/silver/commerce/clickstream?view=overview")
    for text in ("commerce@weir.example", "event_type", "Typed, checked and deduplicated rows"):
        expect(page.get_by_text(text).first).to_be_visible(timeout=PATIENCE_MS)


def test_silver_shows_its_checks(page: Page) -> None:
    page.goto("/assets/silver/commerce/clickstream?view=checks")
    for check in ("contract", "balance"):
        expect(page.get_by_text(check, exact=True).first).to_be_visible(timeout=PATIENCE_MS)


def test_one_stream_run_is_in_progress(page: Page) -> None:
    page.goto("/runs")
    page.get_by_text(re.compile(r"^In progress")).first.click()
    expect(page.get_by_text("stream", exact=True)).to_have_count(1, timeout=PATIENCE_MS)


def test_the_sensors_are_on(page: Page, flowing: Settings) -> None:
    page.goto("/automation")
    states = sensors(flowing)
    for name in ("keep_stream_running", "check_closed_windows", "automation"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=PATIENCE_MS)
        assert states[name]["status"] == "RUNNING"


def test_a_training_from_the_shell_makes_the_features_first_and_the_version_serves(
    flowing: Settings,
) -> None:
    def weir(*words: str) -> str:
        done = CliRunner().invoke(build(), ["models", *words])
        assert done.exit_code == 0, done.output
        return done.output

    said = weir("train", "purchase", "--wait", "--reason", "first try")
    # The day of the newest event may not be over.
    assert "making the missing features of 6 days first" in said
    assert said.count(f"{flowing.dagster_url}/runs/") == 2
    assert len(table.days(flowing)) == 6
    assert days_without_features(flowing, SPEC) == [], "or the next training makes them again"
    told = latest_metadata(flowing, ["models", "purchase", "version"])
    assert told["reason"] == "first try"
    listed = json.loads(weir("list", "purchase", "--json"))
    assert [(one["version"], one["aliases"]) for one in listed] == [(1, ["champion"])]
    with instance(flowing) as dagster:
        features = AssetKey(["features", "commerce", "user_features"])
        assert len(dagster.get_materialized_partitions(features)) == 6


def test_a_run_that_fails_tells_its_root_cause_in_the_shell(flowing: Settings) -> None:
    """This stack has no Trino."""
    done = CliRunner().invoke(build(), ["report", "daily-energy", "--no-deliver"])
    assert isinstance(done.exception, RunFailedError)
    assert f"failed: facts: Trino at {flowing.trino_host}" in str(done.exception)
    assert "does not answer" in str(done.exception)
    assert "weir up" in str(done.exception)
    assert "/runs/" not in str(done.exception)


def test_no_tick_has_failed_since_the_lake_began(flowing: Settings) -> None:
    """Last in this file: the stack is fresh, and nothing was taken away from it."""
    well, failed = ticks(flowing)
    assert well > 20
    assert failed == []
