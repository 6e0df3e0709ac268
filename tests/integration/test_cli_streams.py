"""``weir streams`` and ``weir quarantine`` against the real ledger and tables."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from platform_assets.cli import streams as cli_streams
from platform_assets.cli.app import build
from platform_assets.core.errors import WeirError
from platform_assets.core.settings import Settings
from tests.integration.broker import make_again
from tests.integration.lake import START, Lake, open_lake


@pytest.fixture
def lake(stack: Settings, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A topic with two good rows and one with a negative price, known to the commands."""
    lake = open_lake(stack)
    lake.send(
        [
            ("e1", lake.value("e1", START)),
            ("e2", lake.value("e2", START, price=-1.0)),
            ("e3", lake.value("e3", START)),
        ]
    )
    lake.run()
    monkeypatch.setattr(cli_streams, "_contract", lambda _topic: lake.contract)
    monkeypatch.setattr(cli_streams, "_contracts", lambda _topic: [lake.contract])
    return lake


def weir(*arguments: str) -> str:
    result = CliRunner().invoke(build(), list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_streams_show_what_each_topic_did(lake: Lake) -> None:
    rows = {row["topic"]: row for row in json.loads(weir("streams", "--json"))}
    row = rows[str(lake.topic)]
    assert (row["records"], row["published"], row["quarantined"]) == (3, 2, 1)
    assert (row["state"], row["error"]) == ("running", None)
    assert "test." in weir("streams", "--windows")


def test_resuming_says_what_follows_and_accepts_only_what_is_halted(lake: Lake) -> None:
    topic = str(lake.topic)
    assert "neither paused nor halted" in weir("streams", "resume", topic)
    with pytest.raises(WeirError, match="not halted, so there is nothing to accept"):
        weir("streams", "resume", topic, "--accept")
    lake.contract = replace(lake.contract, quarantine_threshold=0.1, threshold_min_records=2)
    lake.send([(f"f{n}", lake.value(f"f{n}", START, price=-1.0)) for n in range(4)])
    # What was typed too early let nothing through.
    assert "4 of 4 records rejected" in lake.halted()
    said = weir("streams", "resume", topic)
    assert "halts again unless its contract is fixed; --accept publishes it as it is" in said
    assert "once a stream run is alive" in said
    assert "4 of 4 records rejected" in lake.halted()
    said = weir("streams", "resume", topic, "--accept")
    assert "publishes micro-batch 2 (partition" in said
    lake.run()
    assert len(lake.rows(lake.topic.quarantine)) == 5
    lake.assert_balanced()


def test_a_paused_topic_takes_nothing_until_it_is_resumed(lake: Lake) -> None:
    assert "is paused" in weir("streams", "pause", str(lake.topic))
    lake.send([("e4", lake.value("e4", START))])
    loop, lease = lake.loop()
    with lease:
        for idle, step in enumerate(loop.steps(0.2)):
            assert step is None
            if idle >= 10:
                loop.stop()
    assert len(lake.rows()) == 2
    assert "continues where it was paused" in weir("streams", "resume", str(lake.topic))
    lake.run()
    assert len(lake.rows()) == 3


def test_quarantine_is_listed_and_replayed_after_the_contract_is_mended(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    (listed,) = json.loads(weir("quarantine", "list", "--json", "--rows", "1"))
    assert (listed["rule"], listed["rows"]) == ("price_not_negative", 1)
    said = weir("quarantine", "replay", str(lake.topic), "--dry-run")
    assert "1 quarantined rows and 0 dead letters" in said
    assert "1 and 0 would stay" in said
    rules = tuple(rule for rule in lake.contract.rules if rule.column != "price")
    mended = replace(lake.contract, rules=rules)
    monkeypatch.setattr(cli_streams, "_contract", lambda _topic: mended)
    said = weir("quarantine", "replay", str(lake.topic), "--dry-run")
    assert "0 and 0 would stay" in said
    assert len(lake.rows()) == 2
    assert "quarantined 1 -> 0" in weir("quarantine", "replay", str(lake.topic))
    assert sorted(lake.rows()["event_id"]) == ["e1", "e2", "e3"]
    assert "nothing to replay" in weir("quarantine", "replay", str(lake.topic))
    lake.assert_balanced()


def test_an_unknown_topic_is_an_error_that_lists_the_known_ones(stack: Settings) -> None:
    with pytest.raises(WeirError, match="no topic 'nowhere'") as raised:
        CliRunner().invoke(build(), ["streams", "pause", "nowhere"], catch_exceptions=False)
    assert "commerce.clickstream" in raised.value.hint


def test_a_topic_recreated_is_adopted_after_a_look(lake: Lake) -> None:
    topic = str(lake.topic)
    with pytest.raises(WeirError, match="is the topic that was recorded"):
        weir("streams", "adopt", topic, "--dry-run")
    make_again(lake, 2)
    lake.send_events(range(10, 20))
    assert "deleted and recreated" in lake.halted()
    for _ in range(2):
        said = weir("streams", "adopt", topic, "--dry-run")
        assert "was deleted and recreated" in said
        assert "Nothing was changed" in said
    assert "Generation 1 begins" in weir("streams", "adopt", topic)
    lake.run(until=13)
    assert len(lake.rows()) == 12
