"""Presets for services that speak OData, against answers in their documented shape."""

from __future__ import annotations

import pytest

from platform_assets.connectors.kinds.odata.presets import PRESETS, Preset
from platform_assets.connectors.seam.types import Maturity
from tests.connectors.api_peer import Source
from tests.connectors.api_suite import check_preset
from tests.peer import Answer, Peer, Request

PROVES = {"dynamics": Maturity.RECORDED}


def test_dynamics_in_its_documented_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_SECRET", "s3cret")

    def answer(request: Request) -> Answer:
        if request.path == "/token":
            assert request.form()["scope"] == "https://weir.crm.dynamics.com/.default"
            return Answer(body={"access_token": "t1", "expires_in": 3599, "token_type": "Bearer"})
        assert request.headers["authorization"] == "Bearer t1"
        if "skiptoken" in request.path:
            return Answer(
                body={
                    "@odata.context": "x#accounts",
                    "value": [{"@odata.etag": "W/2", "accountid": "b", "revenue": 10.5}],
                    "@odata.deltaLink": f"{peer.url}/accounts?$deltatoken=919042",
                }
            )
        return Answer(
            body={
                "@odata.context": "x#accounts",
                "value": [
                    {"@odata.etag": "W/1", "accountid": "a", "revenue": None},
                    {"@odata.context": "x#accounts/$deletedEntity", "id": "c", "accountid": "c"},
                ][: 2 if "deltatoken" in request.path else 1],
                "@odata.nextLink": f"{peer.url}/accounts?$skiptoken=2",
            }
        )

    peer = Peer(answer)
    config = {
        "account": "weir", "tenant": "t", "client_id": "c", "client_secret": "API_SECRET",
        "base_url": peer.url, "token_url": f"{peer.url}/token",
    }  # fmt: skip
    with peer.serving():
        one = Source("dynamics", config, {"entity": "accounts", "delta": True})
        assert [row["accountid"] for row in one.rows()] == ["a", "b"]
    assert "odata.track-changes" in peer.requests[1].headers["prefer"]
    assert one.cursor["since"].endswith("$deltatoken=919042")


@pytest.mark.parametrize("preset", PRESETS, ids=lambda one: one.name)
def test_a_preset_is_a_type_with_a_small_configuration(preset: Preset) -> None:
    check_preset(preset.name, {"entity": "things"}, most=5)
