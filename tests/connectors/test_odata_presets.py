"""Presets for services that speak OData, against answers in their documented shape."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from platform_assets.connectors.kinds.odata.presets import PRESETS, Preset
from platform_assets.connectors.seam.types import Maturity
from tests.connectors.api_peer import Source
from tests.connectors.api_suite import check_preset
from tests.peer import Answer, Peer, Request

PROVES = {"dynamics": Maturity.RECORDED, "sap_odata": Maturity.RECORDED}


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


def test_an_extractor_of_sap_in_its_documented_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAP_SECRET", "s3cret")
    keys = '<Key><PropertyRef Name="VBELN"/><PropertyRef Name="POSNR"/></Key>'
    metadata = (
        '<edmx:Edmx xmlns:edmx="x" Version="1.0"><edmx:DataServices><Schema xmlns="y" '
        f'Namespace="Z"><EntityType Name="Item">{keys}<Property Name="VBELN" Type="Edm.String"/>'
        '<Property Name="POSNR" Type="Edm.String"/></EntityType><EntityContainer Name="C">'
        '<EntitySet Name="FactsOfItems" EntityType="Z.Item"/></EntityContainer></Schema>'
        "</edmx:DataServices></edmx:Edmx>"
    )

    def item(number: int, mode: str = "") -> dict[str, object]:
        return {
            "__metadata": {"uri": "x", "type": "Z.Item"}, "VBELN": "4711", "POSNR": f"{number:06}",
            "NETWR": f"{number}.50", "ERDAT": "/Date(1772323200000)/", "ODQ_CHANGEMODE": mode,
            "ODQ_ENTITYCNTR": "-1" if mode == "D" else "1",
        }  # fmt: skip

    def answer(request: Request) -> Answer:
        parts = urlsplit(request.path)
        query = dict(parse_qsl(parts.query))
        assert query["sap-client"] == "100"
        assert request.headers["authorization"] == "Basic V0VJUjpzM2NyZXQ="
        base = f"{peer.url}/sap/FactsOfItems"
        if parts.path.endswith("$metadata"):
            return Answer(body=metadata.encode())
        if query.get("$skiptoken") == "D1,2":
            link = f"{base}?!deltatoken='D20260301120000_000001000'"
            return Answer(body={"d": {"results": [item(2)], "__delta": link}})
        if query.get("!deltatoken") == "'D20260301120000_000001000'":
            link = f"{base}?!deltatoken='D20260301130000_000002000'"
            changed = [item(1, "U"), item(2, "D"), item(3, "C")]
            return Answer(body={"d": {"results": changed, "__delta": link}})
        assert "odata.track-changes" in request.headers["prefer"]
        link = f"{base}?$skiptoken=D1,2"
        return Answer(body={"d": {"results": [item(1)], "__next": link}})

    peer = Peer(answer)
    config = {
        "account": "s4.example.test", "service": "ZORDER_ITEMS_SRV", "sap_client": "100",
        "user": "WEIR", "secret": "SAP_SECRET", "base_url": f"{peer.url}/sap",
    }  # fmt: skip
    with peer.serving():
        one = Source("sap_odata", config, {"entity": "FactsOfItems", "delta": True})
        rows = one.rows()
        assert [row["POSNR"] for row in rows] == ["000001", "000002"]
        assert (rows[0]["NETWR"], rows[0]["ERDAT"]) == ("1.50", "2026-03-01T00:00:00Z")
        (page,) = one.pages()
        assert page.ops == ("u", "u", "d")
        assert page.before is not None
        assert page.before.to_pylist()[2]["POSNR"] == "000002"
        assert "D20260301130000" in one.cursor["since"]
    assert {one.method for one in peer.requests} == {"GET"}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda one: one.name)
def test_a_preset_is_a_type_with_a_small_configuration(preset: Preset) -> None:
    check_preset(preset.name, {"entity": "things"}, most=5)
