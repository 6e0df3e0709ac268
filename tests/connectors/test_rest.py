"""The connector ``rest`` into the log, from a small API over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest
import yaml
from dagster import AssetCheckSeverity

from platform_assets.connectors.operate.health import all_streams, summed
from platform_assets.connectors.operate.read import read_once
from platform_assets.connectors.seam import cursors
from platform_assets.connectors.seam.types import Maturity
from platform_assets.graph.checks.sources import healthy_result
from platform_assets.metrics import LakeMetrics
from tests.connectors.api_peer import BY_SEQ, PAGINATIONS, Api
from tests.connectors.api_suite import HttpBehaviour, Rows
from tests.connectors.scene import Scene
from tests.peer import Answer

PROVES = {"rest": Maturity.EMULATOR}


class TestBehaviour(HttpBehaviour):
    @pytest.fixture
    def api(self) -> Iterator[Api]:
        with Api().serving() as made:
            yield made

    @pytest.fixture
    def peer(self, api: Api) -> Rows:
        return Rows("rest", api, {**PAGINATIONS["link"], "incremental": BY_SEQ})

    def test_a_changed_schema_is_read_and_what_does_not_fit_is_a_dead_letter(
        self, scene: Scene, api: Api
    ) -> None:
        api.add(range(1, 4))
        self.read(scene)
        for n in (4, 5, 6):
            api.rows.append({"id": n, "town": "Bonn", "seq": n, "more": {"a": [n]}})
        api.rows[-1]["id"] = {"new": 6}
        outcome = self.read(scene)
        assert (outcome.records, outcome.dead_letters, outcome.error) == (2, 1, None)
        assert scene.rows()[-1] == {"id": 5, "city": None}
        assert f"{api.url}/link, record 3" in outcome.reasons[0]

    def test_a_fault_ends_the_read_and_keeps_what_was_committed(
        self, scene: Scene, api: Api
    ) -> None:
        api.add(range(1, 26))
        seen = iter(range(10))
        api.before = lambda _: Answer(500) if next(seen) >= 2 else None
        outcome = self.read(scene)
        assert outcome.records == 20
        assert "answers 500" in str(outcome.error)
        api.before = lambda _: None
        assert self.read(scene).error is None
        assert self.ids(scene) == list(range(1, 26))
        assert cursors.read(scene.settings)[scene.name, "rows"] == {"since": 25}
        api.before = lambda _: Answer(body={"value": [{"id": 26, "seq": 26}, 7]})
        outcome = self.read(scene)
        assert (outcome.records, outcome.dead_letters) == (1, 1)
        assert "record 2: expected an object" in outcome.reasons[0]

    def test_each_request_counts_also_where_it_failed_and_costs_what_it_should(
        self, scene: Scene, api: Api
    ) -> None:
        path = scene.source.folder / "defs.yaml"
        text = yaml.safe_load(path.read_text())
        text["attributes"]["cost"] = {"currency": "EUR", "per_request": 0.25, "monthly_budget": 20}
        path.write_text(yaml.safe_dump(text))
        api.add(range(1, 26))
        answers = iter([Answer(503), None, Answer(503)])
        api.before = lambda _: next(answers, None)
        (outcome,) = read_once(scene.settings, scene.source, (), threading.Event(), lambda _: None)
        assert (outcome.records, outcome.requests, len(api.requests)) == (25, 5, 5)
        streams = [one for one in all_streams(scene.settings) if one.source == scene.name]
        (row,) = summed(streams)
        assert (row["requests_day"], row["cost_day"]) == (5, Decimal("1.25"))
        assert (row["health"], row["cost_month"]) == ("warning", Decimal("37.5"))
        result = healthy_result(streams)
        assert (result.passed, result.severity) == (False, AssetCheckSeverity.WARN)
        assert result.metadata["cost_month"].value == "37.50 EUR"
        found = LakeMetrics(scene.settings).text().decode()
        assert f'weir_source_cost_day{{currency="EUR",source="{scene.name}"}} 1.25' in found
        assert f'weir_source_cost_month{{currency="EUR",source="{scene.name}"}} 37.5' in found
        assert f'weir_source_cost_budget{{currency="EUR",source="{scene.name}"}} 20.0' in found
        assert f'weir_source_requests_total{{source="{scene.name}",stream="rows"' in found
