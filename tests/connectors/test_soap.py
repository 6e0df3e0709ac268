"""The connector ``soap`` against a small service with a WSDL, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree

from platform_assets.connectors.seam.reader import (
    ConnectorError,
    SourceAwayError,
    SourceRefusedError,
)
from platform_assets.connectors.seam.types import Maturity
from tests.connectors.api_peer import SIZE, Api, Source, names
from tests.connectors.api_suite import HttpBehaviour, Rows
from tests.peer import Answer, Request

PROVES = {"soap": Maturity.EMULATOR}

TYPES = """<?xml version="1.0"?>
<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:shop"
    xmlns="urn:shop" elementFormDefault="qualified">
<xsd:element name="GetRows"><xsd:complexType><xsd:sequence>
<xsd:element name="after" type="xsd:int" minOccurs="0"/>
<xsd:element name="page" type="xsd:int" minOccurs="0"/>
<xsd:element name="token" type="xsd:string" minOccurs="0"/>
</xsd:sequence></xsd:complexType></xsd:element>
<xsd:complexType name="Row"><xsd:sequence>
<xsd:element name="id" type="xsd:string"/><xsd:element name="city" type="xsd:string"/>
<xsd:element name="seq" type="xsd:int"/><xsd:element name="price" type="xsd:decimal"/>
<xsd:element name="changed" type="xsd:dateTime"/></xsd:sequence></xsd:complexType>
<xsd:element name="GetRowsResponse"><xsd:complexType><xsd:sequence>
<xsd:element name="rows" minOccurs="0"><xsd:complexType><xsd:sequence>
<xsd:element name="row" type="Row" minOccurs="0" maxOccurs="unbounded"/>
</xsd:sequence></xsd:complexType></xsd:element>
<xsd:element name="more" type="xsd:boolean"/>
<xsd:element name="next" type="xsd:string" minOccurs="0"/>
</xsd:sequence></xsd:complexType></xsd:element>
</xsd:schema>"""

WSDL = """<?xml version="1.0"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" targetNamespace="urn:shop"
    xmlns:tns="urn:shop" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:xsd="http://www.w3.org/2001/XMLSchema">
<types><xsd:schema><xsd:import namespace="urn:shop" schemaLocation="types.xsd"/></xsd:schema>
</types>
<message name="Ask"><part name="p" element="tns:GetRows"/></message>
<message name="Told"><part name="p" element="tns:GetRowsResponse"/></message>
<portType name="Shop"><operation name="GetRows"><input message="tns:Ask"/>
<output message="tns:Told"/></operation></portType>
<binding name="ShopBinding" type="tns:Shop">
<soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
<operation name="GetRows"><soap:operation soapAction="urn:shop/GetRows"/>
<input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation>
</binding>
<service name="ShopService"><port name="ShopPort" binding="tns:ShopBinding">
<soap:address location="{url}/shop"/></port></service>
</definitions>"""

ENVELOPE = (
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
    "<soap:Body>{body}</soap:Body></soap:Envelope>"
)
OPTIONS: dict[str, Any] = {
    "operation": "GetRows",
    "records": "rows.row",
    "page": "page",
    "more": "more",
    "incremental": {"field": "seq", "param": "after"},
}
XML = {"Content-Type": "text/xml; charset=utf-8"}


def fault(code: str, said: str) -> Answer:
    body = (
        f"<soap:Fault><faultcode>{code}</faultcode><faultstring>{said}</faultstring></soap:Fault>"
    )
    return Answer(500, ENVELOPE.format(body=body).encode(), XML)


class Shop(Api):
    """The rows as a SOAP operation."""

    def play(self, answer: Answer) -> None:
        """Answer every message so; what is loaded before stays."""
        self.before = lambda request: answer if request.path == "/shop" else None

    def served(self, request: Request) -> Answer:
        if request.path.endswith("wsdl"):
            return Answer(body=WSDL.replace("{url}", self.url).encode(), headers=XML)
        if request.path.endswith("types.xsd"):
            return Answer(body=TYPES.encode(), headers=XML)
        tree = etree.fromstring(request.body)
        asked = {
            etree.QName(one).localname: one.text for one in tree.iterfind(".//{urn:shop}GetRows/*")
        }
        left = [row for row in self.rows if row["seq"] > int(asked.get("after") or 0)]
        start = int(asked.get("token") or (int(asked.get("page") or 1) - 1) * SIZE)
        page = left[start : start + SIZE]
        more = start + SIZE < len(left)
        rows = "".join(
            f"<row><id>{row['id']}</id><city>{row['city']}</city><seq>{row['seq']}</seq>"
            f"<price>{row['seq']}.50</price><changed>2026-03-01T10:00:00Z</changed></row>"
            for row in page
        )
        told = f"<rows>{rows}</rows><more>{str(more).lower()}</more>"
        told += f"<next>{start + SIZE}</next>" if more else ""
        body = f'<GetRowsResponse xmlns="urn:shop">{told}</GetRowsResponse>'
        return Answer(body=ENVELOPE.format(body=body).encode(), headers=XML)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop().serving() as made:
        yield made


def source(shop: Shop, options: dict[str, Any] = OPTIONS, **config: Any) -> Source:
    return Source("soap", {"base_url": f"{shop.url}/wsdl", "attempts": 2, **config}, options)


@pytest.mark.parametrize("way", ["page", "token"])
def test_pages_are_followed_and_read_on_by_the_field(shop: Shop, way: str) -> None:
    shop.add(range(1, 26))
    options = dict(OPTIONS)
    if way == "token":
        del options["page"], options["more"]
        options |= {"token": "token", "next": "next"}
    one = source(shop, options)
    assert one.ids(pages=1) == names(range(1, 11))
    assert one.ids() == names(range(11, 26))
    shop.add(range(26, 29))
    assert one.rows()[0] == {
        "id": "26", "city": "Ulm", "seq": 26, "price": "26.50",
        "changed": "2026-03-01T10:00:00+00:00",
    }  # fmt: skip
    assert one.cursor == {"since": 28}
    assert one.rows() == []


def test_who_asks_is_in_the_message(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOAP_PASSWORD", "s3cret")
    shop.add(range(1, 4))
    assert source(shop, user="weir", password="SOAP_PASSWORD").ids() == names(range(1, 4))
    message = shop.requests[-1].body
    assert b"<wsse:Username>weir</wsse:Username>" in message
    assert b"s3cret" in message


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("soap:Server", SourceAwayError),
        ("soap:Client", ConnectorError),
        ("wsse:FailedAuthentication", SourceRefusedError),
    ],
)
def test_a_fault_is_told_and_not_asked_again(shop: Shop, code: str, kind: type[Exception]) -> None:
    shop.play(fault(code, "it rains"))
    with pytest.raises(kind, match=f"GetRows: {code.partition(':')[2]}: it rains") as raised:
        source(shop).ids()
    assert type(raised.value) is kind
    assert len([one for one in shop.requests if one.path == "/shop"]) == 1


def test_what_is_no_fault_is_retried_then_away(shop: Shop) -> None:
    shop.play(Answer(503, b"busy"))
    with pytest.raises(SourceAwayError, match="answers 503"):
        source(shop).ids()
    assert len([one for one in shop.requests if one.path == "/shop"]) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"operation": "Nothing"}, "no operation 'Nothing'; it has: GetRows"),
        ({"operation": "GetRows", "arguments": {"what": 1}}, "unexpected keyword argument 'what'"),
    ],
)
def test_what_the_wsdl_does_not_know_is_named(
    shop: Shop, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConnectorError, match=said):
        source(shop, options).ids()


def test_answers_that_are_no_wsdl_or_hostile_are_refused(shop: Shop) -> None:
    with pytest.raises(ConnectorError, match="is it a WSDL"):
        source(shop, base_url=f"{shop.url}/types.xsd").ids()
    shop.before = lambda r: Answer(body=b"<html") if "wsdl" in r.path else None
    with pytest.raises(ConnectorError, match="is it a WSDL"):
        source(shop).ids()
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + WSDL.partition("?>")[2]
    shop.before = lambda r: Answer(body=bomb.encode()) if "wsdl" in r.path else None
    with pytest.raises(ConnectorError, match="is it a WSDL"):
        source(shop).ids()
    inside = WSDL.replace("types.xsd", "file:///etc/passwd").replace("{url}", shop.url)
    shop.before = lambda r: Answer(body=inside.encode()) if "wsdl" in r.path else None
    with pytest.raises(ConnectorError, match="only addresses on the web are loaded"):
        source(shop).ids()


def test_check_and_discover_say_what_is_there(shop: Shop) -> None:
    reader = source(shop).reader()
    assert "operations GetRows" in reader.check()
    (stream,) = reader.discover()
    assert stream.name == "GetRows"
    assert "more" in stream.description
    reader.close()


class TestBehaviour(HttpBehaviour):
    @pytest.fixture
    def peer(self, shop: Shop) -> Rows:
        return Rows("soap", shop, OPTIONS, "/wsdl")
