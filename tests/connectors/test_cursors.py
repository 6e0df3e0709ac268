"""The cursor topic: read on, not read again; a new making of it is noticed."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka.admin import AdminClient

from platform_assets.connectors.kafka import client_config
from platform_assets.connectors.seam import cursors
from platform_assets.connectors.seam.cursors import Cursors, Place
from platform_assets.connectors.seam.transaction import SourceLog
from platform_assets.core.settings import Settings
from platform_assets.local.wait import wait_until


@pytest.fixture
def topic(stack: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"cursors_{uuid.uuid4().hex[:8]}"
    monkeypatch.setattr(cursors, "TOPIC", name)
    return name


def move(settings: Settings, stream: str, *places: int | None) -> None:
    with SourceLog(settings, f"test-{stream}") as log:
        for at in places:
            log.commit([], [Place("source", stream, None if at is None else {"at": at})])


def test_what_was_read_is_read_on(
    stack: Settings, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cursors.read(stack) == {}
    cursors.ensure(stack)
    places = Cursors(stack)
    assert places.read() == {}
    move(stack, "a", 1, 2)
    move(stack, "b", 7)
    assert places.read() == {("source", "a"): {"at": 2}, ("source", "b"): {"at": 7}}
    taken: list[object] = []
    take = Cursors._take

    def count(self: Cursors, message: object) -> None:
        taken.append(message)
        take(self, message)  # type: ignore[arg-type]

    monkeypatch.setattr(Cursors, "_take", count)
    assert len(places.read()) == 2
    assert taken == []
    move(stack, "a", 3, None)
    assert places.read() == {("source", "b"): {"at": 7}}
    assert len(taken) == 2
    assert places.read() == cursors.read(stack)


def test_a_topic_that_was_made_anew_is_read_from_its_beginning(stack: Settings, topic: str) -> None:
    places = Cursors(stack)
    move(stack, "a", 1, 2, 3, 4)
    assert places.read() == {("source", "a"): {"at": 4}}
    admin = AdminClient(client_config(stack))
    for future in admin.delete_topics([topic]).values():
        future.result(30)
    wait_until(
        lambda: topic not in admin.list_topics(timeout=10).topics, what="it gone", timeout=30
    )
    move(stack, "b", 5)
    wait_until(
        lambda: places.read() == {("source", "b"): {"at": 5}}, what="the new making", timeout=30
    )


def test_it_is_compacted_soon(stack: Settings, topic: str) -> None:
    from tests.integration.test_inbound_topics import config_of

    cursors.ensure(stack)
    found = config_of(stack, topic)
    assert found["cleanup.policy"] == "compact"
    assert int(found["segment.bytes"]) <= 4 * 1024 * 1024
    assert int(found["segment.ms"]) <= 3_600_000
