"""Topics are asked about once, and again after an error or a change of the contract."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from platform_assets.connectors import publish
from platform_assets.connectors.publish import ReadyTopics
from platform_assets.contracts.load import load_contracts
from platform_assets.contracts.model import Contract
from platform_assets.core.naming import TopicName
from platform_assets.core.settings import Settings


def test_topics_are_asked_about_once_and_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = list(load_contracts().values())[:2]
    asked: list[list[TopicName]] = []

    def ensure(_: Settings, contracts: Iterable[Contract]) -> dict[TopicName, int]:
        asked.append([contract.topic for contract in contracts])
        return {topic: len(asked) for topic in asked[-1]}

    monkeypatch.setattr(publish, "ensure_topics", ensure)
    ready = ReadyTopics(Settings())
    assert ready.ensure([one, one]) == {one.topic: 1}
    assert ready.ensure([one]) == {one.topic: 1}
    assert ready.ensure([one, other]) == {one.topic: 1, other.topic: 2}
    ready.forget([str(one.topic)])
    assert ready.ensure([one, other]) == {one.topic: 3, other.topic: 2}
    assert ready.ensure([replace(other, version="9.9.9")]) == {other.topic: 4}
    assert asked == [[one.topic], [other.topic], [one.topic], [other.topic]]
