"""The made-up outside world of ``weir run --sources``: every kind of source reads its shop.

Change data capture needs Kafka Connect: :mod:`.test_outside_changes`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from platform_assets.connectors.simulate.outside import exports, odata
from platform_assets.connectors.simulate.outside.connected import (
    kinds_of,
    servers_of,
    write_sources,
)
from platform_assets.connectors.simulate.outside.graph import answer
from platform_assets.connectors.simulate.outside.parts import PARTS
from platform_assets.connectors.simulate.outside.shop import Order, Shop
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from platform_assets.local import mosquitto, shared
from platform_assets.local.doctor import examine
from platform_assets.local.servers import catalogue
from tests.connectors.outside_world import World, micros, world

CHANGES = 120
KINDS = [kind for kind in PARTS if kind != "cdc"]


@pytest.fixture(scope="module")
def read(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose changes all sources have read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exports, "EVERY_SECONDS", 0.5)
        with world(stack, KINDS, tmp_path_factory.mktemp("outside")) as made:
            made.let_pass(CHANGES)
            made.read(shop_exports=CHANGES, shop_hooks=CHANGES, cold_store=1)
            # Half of the story again: what a second read finds by its cursor.
            made.let_pass(CHANGES // 2)
            made.read(shop_exports=CHANGES // 2, shop_hooks=CHANGES // 2, cold_store=1)
            yield made


Said = tuple[int, str, str, float]


def said(order: Order) -> Said:
    """What each source says of an order."""
    return order.id, order.status, order.city, order.amount


def events(world: World, source: str) -> list[Said]:
    """What each event says."""
    rows = [one["after"] for one in world.events(source)]
    return [(row["order_id"], row["status"], row["city"], row["amount"]) for row in rows]


@pytest.mark.parametrize("source", ["shop_exports", "shop_hooks"])
def test_who_is_told_of_each_state_has_each_once(read: World, source: str) -> None:
    told = [said(order) for order in read.told]
    assert len(set(told)) == len(told) == CHANGES * 3 // 2
    assert sorted(events(read, source)) == sorted(told)


@pytest.mark.parametrize("source", ["shop_api", "storefront", "shipments"])
def test_who_looks_now_and_then_has_the_last_state_of_each_order(read: World, source: str) -> None:
    found = events(read, source)
    last = {order.id: said(order) for order in read.told}
    assert {one[0]: one for one in found} == last
    assert len(set(found)) == len(found)


def test_open_orders_are_those_of_the_service(read: World) -> None:
    now: dict[int, tuple[str, str]] = {}
    changes = read.events("back_office")
    for one in changes:
        after = one["after"]
        if after is None:
            now.pop(one["before"]["order_id"], None)
        else:
            now[after["order_id"]] = (after["status"], after["city"])
    last = {order.id: order for order in read.told}
    assert now == {n: (one.status, one.city) for n, one in last.items() if one.is_open}
    assert {one["op"] for one in changes} >= {"u", "d"}
    assert all(one["occurred_at"] for one in changes)


def test_no_reading_is_missing_or_there_twice(read: World) -> None:
    numbers: dict[str, list[int]] = {}
    # The broker may have kept some of an earlier test's.
    ours = [one for one in read.events("cold_store") if micros(one["occurred_at"]) >= read.began]
    for one in ours:
        numbers.setdefault(one["after"]["sensor"], []).append(one["after"]["number"])
    assert set(numbers) == {"door", "evaporator", "shelf_a", "shelf_b"}
    for found in numbers.values():
        assert found == list(range(found[0], found[0] + len(found)))


def test_every_kind_has_a_source_of_its_connector(read: World) -> None:
    assert {one.type.name for one in read.sources.values()} == set(KINDS)


def test_a_link_of_an_earlier_life_is_gone() -> None:
    shop = Shop()
    shop.tick()
    service = odata.OpenOrders(shop, "http://shop/odata/OpenOrders")
    page = service.page(None, "odata.maxpagesize=10")
    assert [one["Number"] for one in page["value"]] == [1]
    _, _, link = page["@odata.deltaLink"].partition("deltatoken=")
    assert "!" in link or "%21" in link
    with pytest.raises(odata.GoneError):
        odata.OpenOrders(shop, "").page("other!!", "")


def test_an_order_that_changes_between_two_pages_is_told_by_the_next_read() -> None:
    shop = Shop()
    for _ in range(30):
        shop.tick()
    service = odata.OpenOrders(shop, "http://shop/odata/OpenOrders")

    def read(link: str | None, prefer: str = "") -> tuple[list[int], str]:
        numbers: list[int] = []
        while True:
            page = service.page(link, prefer)
            numbers += [one.get("Number") or int(one["id"][11:-1]) for one in page["value"]]
            shop.tick()
            followed = page.get("@odata.nextLink")
            link = unquote((followed or page["@odata.deltaLink"]).partition("deltatoken=")[2])
            if not followed:
                return numbers, link

    first, link = read(None, "odata.maxpagesize=3")
    assert len(set(first)) == len(first) > 3
    second, _ = read(link)
    changed = {one.id for one in shop.changed_after(None)}
    assert second
    assert set(second) <= changed


def test_a_query_that_cannot_be_is_an_error_of_graphql() -> None:
    told: dict[str, Any] = answer(Shop(), "{ orders { nothing } }", {})
    assert "nothing" in told["errors"][0]["message"]


def test_an_unknown_kind_is_named_with_the_known_ones() -> None:
    with pytest.raises(WeirError, match="no kind 'rets'") as caught:
        kinds_of("sql,rets")
    assert caught.value.hint == f"kinds: all, or some of {', '.join(PARTS)}"
    assert kinds_of("sql, rest,sql") == ["sql", "rest"]


def test_only_what_is_asked_for_is_started(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert servers_of(settings, ["rest"]) == ("outside",)
    assert servers_of(settings, ["rest", "cdc"]) == ("outside", "connect")
    write_sources(settings, ["graphql"])
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["storefront"]


def test_without_mosquitto_its_place_is_taken_by_artemis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)
    source = tmp_path / "outside" / "cold_store" / "defs.yaml"
    for program, name in (("/usr/sbin/mosquitto", "mosquitto"), (None, "artemis")):
        monkeypatch.setattr(mosquitto, "program", lambda found=program: found)
        assert servers_of(settings, kinds_of("all")) == ("outside", "connect", name)
        write_sources(settings, ["mqtt"])
        (port,) = catalogue(settings)[name].ports
        assert f"port: {port}" in source.read_text()
    (found,) = [one for one in examine(settings) if "MQTT broker" in one.what]
    assert (found.ok, found.found) == (True, "artemis, as mosquitto is not installed")
    with pytest.raises(WeirError, match="mosquitto is not installed"):
        mosquitto.server(settings).prepare()


def test_other_shells_know_the_sources_while_the_servers_are_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)
    monkeypatch.setenv("WEIR_OUTSIDE_TOKEN", "mine")
    monkeypatch.delenv("WEIR_SOURCES", raising=False)
    shared.share(settings, {"WEIR_SOURCES": "there", "WEIR_OUTSIDE_TOKEN": "ours"})
    monkeypatch.setenv("WEIR_OUTSIDE_TOKEN", "mine")
    monkeypatch.delenv("WEIR_SOURCES")
    shared.join(settings)
    assert (os.environ["WEIR_SOURCES"], os.environ["WEIR_OUTSIDE_TOKEN"]) == ("there", "mine")
    monkeypatch.delenv("WEIR_SOURCES")
    shared.forget(settings)
    shared.join(settings)
    assert "WEIR_SOURCES" not in os.environ
