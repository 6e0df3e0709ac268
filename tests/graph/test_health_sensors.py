"""Failed checks and stale assets, tick by tick, on a real instance: one alert, one recovery."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context`.

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.settings import Settings
from platform_assets.messaging import Event, Notification, NotifyError, Severity
from sensors.health import Open, build_health_sensors
from tests.kept import Kept

KEY = dg.AssetKey(["silver", "shop", "orders"])


@dg.asset(
    key=KEY,
    owners=["team:shop"],
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=1)),
)
def orders() -> None:
    """A table."""


@dg.asset_check(asset=KEY, name="rows")
def rows(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    tags = context.run.tags
    return dg.AssetCheckResult(
        passed=tags["passed"] == "True",
        severity=dg.AssetCheckSeverity[tags["severity"]],
        description="3 rows break the rule price",
    )


class Bench:
    """An instance, the two sensors and what they keep."""

    def __init__(self, instance: dg.DagsterInstance, home: Path) -> None:
        self.instance = instance
        self.kept = Kept()
        settings = Settings(home=home, dagster_url="http://dagster")
        made = build_health_sensors(lambda _: self.kept, lambda: settings)
        self.sensors = {sensor.name: sensor for sensor in made}
        self.cursors: dict[str, str | None] = {}
        self.defs = dg.Definitions(assets=[orders], asset_checks=[rows], sensors=made)

    def check(self, passed: bool, severity: str = "ERROR") -> None:
        job = self.defs.resolve_implicit_global_asset_job_def()
        done = job.execute_in_process(
            instance=self.instance, tags={"passed": str(passed), "severity": severity}
        )
        assert done.success

    def age(self, state: FreshnessState) -> None:
        self.instance._report_runless_asset_event(
            FreshnessStateChange(
                key=KEY,
                new_state=state,
                previous_state=FreshnessState.UNKNOWN,
                state_change_timestamp=0.0,
            )
        )

    def tick(self, name: str) -> list[Notification]:
        before = len(self.kept.got)
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(name),
            repository_def=self.defs.get_repository_def(),
        )
        self.cursors[name] = self.sensors[name].evaluate_tick(context).cursor
        return self.kept.got[before:]

    def checks(self) -> list[Notification]:
        return self.tick("alert_failed_checks")

    def stale(self) -> list[Notification]:
        return self.tick("alert_stale_assets")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with dg.DagsterInstance.ephemeral() as instance:
        made = Bench(instance, tmp_path)
        made.checks()
        yield made


def test_a_check_that_fails_is_told_once_and_once_more_when_it_passes(bench: Bench) -> None:
    bench.check(passed=True)
    assert not bench.checks()
    for _ in range(3):
        bench.check(passed=False)
    [opened] = bench.checks()
    bench.check(passed=False)
    assert not bench.checks()
    bench.check(passed=True)
    [recovered] = bench.checks()
    bench.check(passed=True)
    assert not bench.checks()
    assert (opened.event, recovered.event) == (Event.OPENED, Event.RECOVERED)
    assert opened.incident == recovered.incident
    assert opened.severity is recovered.severity is Severity.ERROR
    assert opened.owner == recovered.owner == "team:shop"
    assert opened.title == "rows on silver/shop/orders failed"
    assert "3 rows break the rule price" in opened.body
    assert "Next: " in opened.body
    assert opened.link == "http://dagster/assets/silver/shop/orders?view=checks"
    assert len({opened.key, recovered.key}) == 2


def test_a_failure_between_two_ticks_is_not_missed(bench: Bench) -> None:
    bench.check(passed=False)
    bench.check(passed=True)
    assert [note.event for note in bench.checks()] == [Event.OPENED, Event.RECOVERED]


def test_a_warning_that_becomes_an_error_is_an_update_of_the_same_incident(bench: Bench) -> None:
    bench.check(passed=False, severity="WARN")
    [opened] = bench.checks()
    bench.check(passed=False, severity="ERROR")
    [updated] = bench.checks()
    bench.check(passed=False, severity="WARN")
    assert not bench.checks()
    bench.check(passed=True)
    [recovered] = bench.checks()
    assert (opened.severity, updated.severity) == (Severity.WARNING, Severity.ERROR)
    assert updated.event is Event.UPDATED
    assert recovered.severity is Severity.ERROR, "it takes the route of the incident"
    assert opened.incident == updated.incident == recovered.incident


def test_what_failed_before_anybody_watched_is_not_told(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        bench = Bench(instance, tmp_path)
        bench.check(passed=False)
        assert not bench.checks()
        bench.check(passed=False)
        assert len(bench.checks()) == 1


def test_a_message_that_did_not_go_out_is_sent_at_the_next_tick_and_no_other_twice(
    bench: Bench,
) -> None:
    bench.check(passed=False)
    bench.kept.refusing = True
    with pytest.raises(NotifyError):
        bench.checks()
    bench.kept.refusing = False
    cursor = bench.cursors["alert_failed_checks"]
    assert len(bench.checks()) == 1
    # The tick died after the message went out, before its cursor was kept.
    bench.cursors["alert_failed_checks"] = cursor
    assert not bench.checks()


def test_a_stale_asset_is_told_once_and_once_more_when_it_is_fresh(bench: Bench) -> None:
    assert not bench.stale()
    bench.age(FreshnessState.PASS)
    assert not bench.stale()
    bench.age(FreshnessState.WARN)
    [opened] = bench.stale()
    assert not bench.stale()
    bench.age(FreshnessState.FAIL)
    [updated] = bench.stale()
    bench.age(FreshnessState.UNKNOWN)
    assert not bench.stale(), "not known is neither late nor well"
    bench.age(FreshnessState.PASS)
    [recovered] = bench.stale()
    assert not bench.stale()
    assert [note.event for note in (opened, updated, recovered)] == [
        Event.OPENED, Event.UPDATED, Event.RECOVERED,
    ]  # fmt: skip
    assert opened.severity is Severity.WARNING
    assert updated.severity is recovered.severity is Severity.ERROR
    assert "breaks its freshness policy" in updated.title
    assert recovered.title == "silver/shop/orders is fresh again"
    assert opened.owner == "team:shop"
    assert opened.link.endswith("/assets/silver/shop/orders?view=overview")


@given(st.lists(st.sampled_from([None, *Severity])))
def test_an_incident_is_opened_gets_worse_and_recovers(states: list[Severity | None]) -> None:
    state = Open()
    told: list[tuple[Event, str, Severity]] = []
    for number, severity in enumerate(states):
        again = Open.read(state.to_cursor())
        if news := state.step("s", severity, number):
            told.append(news)
        again.step("s", severity, number)
        assert again == state
    events = [event for event, _, _ in told]
    for before, after in zip([(Event.RECOVERED, "", Severity.INFO), *told], told, strict=False):
        assert (before[0] is Event.RECOVERED) == (after[0] is Event.OPENED)
        if after[0] is not Event.OPENED:
            assert before[1] == after[1]
            assert after[2].rank >= before[2].rank
    assert events.count(Event.OPENED) - events.count(Event.RECOVERED) == len(state.incidents)
